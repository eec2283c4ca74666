{{ config(materialized='table') }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Which SLA rule is the first that matches, for each combination of values that cases have, and each priority and
-- stretch of time in which the answer stays the same. Stretches cover all time: where no rule matches rule_key is null.
with cases as (
    select * from {{ ref('int_cases') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

priorities as (
    select * from {{ ref('int_priorities') }}
),

-- a promise to meet the source's own due time matches only where the source gives one
sla_rules as (
    select
        *,
        case when target = 'case_due_at' then 'yes' end as has_source_due
    from {{ ref('stg_policy__sla_policies') }}
),

-- these two have a verdict, no_policy, where nobody promised anything
metrics as (
    select 'first_reply_time' as metric
    union
    select 'resolution_time'
    union
    select metric from sla_rules
),

occurring as (
    select distinct
        {{ sla_subject('cases') }} as rule_subject,
        cases.source,
        cases.channel,
        coalesce(cases.visibility, '') as visibility,
        cases.purpose,
        coalesce(cases.brand, '') as brand,
        cases.topic,
        cases.customer_tier,
        case when cases.source_due_at is null then 'no' else 'yes' end as has_source_due
    from cases
),

subjects as (
    select
        metrics.metric,
        priorities.priority,
        occurring.*
    from occurring
    cross join priorities
    cross join metrics
),

{{ first_matching_rules(
    "subjects", "sla_rules",
    ["source", "channel", "visibility", "purpose", "brand", "priority", "topic", "customer_tier", "has_source_due"],
    same=["metric"],
) }},

-- time before, between and after the rules that match
gaps as (
    select
        subjects.metric,
        subjects.rule_subject,
        subjects.priority,
        cast('1800-01-01' as timestamp) as from_at,
        coalesce(min(first_rules.from_at), cast('9999-12-31' as timestamp)) as until_at
    from subjects
    left join first_rules
        on subjects.metric = first_rules.metric
        and subjects.rule_subject = first_rules.rule_subject
        and subjects.priority = first_rules.priority
    group by subjects.metric, subjects.rule_subject, subjects.priority

    union all

    select
        metric,
        rule_subject,
        priority,
        until_at,
        coalesce(
            lead(from_at) over (partition by metric, rule_subject, priority order by from_at),
            cast('9999-12-31' as timestamp)
        )
    from first_rules
),

stretches as (
    select metric, rule_subject, priority, from_at, until_at, rule_key
    from first_rules

    union all

    select metric, rule_subject, priority, from_at, until_at, cast(null as {{ dbt.type_string() }})
    from gaps
    where from_at < until_at
),

-- a rule of lower rank that begins or ends meanwhile changes nothing
compared as (
    select
        stretches.*,
        case
            when coalesce(rule_key, '') = lag(coalesce(rule_key, '')) over (partition by metric, rule_subject, priority order by from_at) then 0
            else 1
        end as is_change
    from stretches
),

numbered as (
    select
        compared.*,
        sum(is_change) over (
            partition by metric, rule_subject, priority order by from_at
            rows between unbounded preceding and current row
        ) as change_no
    from compared
),

joined as (
    select
        metric,
        rule_subject,
        priority,
        min(from_at) as from_at,
        max(until_at) as until_at,
        max(rule_key) as rule_key
    from numbered
    group by metric, rule_subject, priority, change_no
)

select
    joined.metric,
    joined.rule_subject,
    joined.priority,
    joined.from_at,
    joined.until_at,
    joined.rule_key,
    sla_rules.target = 'case_due_at' as is_source_due,
    sla_rules.restarts_on_reopen,
    sla_rules.reapplies_on_change

from joined
left join sla_rules
    on joined.rule_key = sla_rules.rule_key
