{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- One row per promise: when its clock started, which policy row was in force then, and when it was kept.
with cases as (
    select * from {{ ref('int_cases') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

timeline as (
    select * from {{ ref('int_case_timeline') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

sla_policies as (
    select * from {{ ref('stg_policy__sla_policies') }}
),

endings as (
    select
        case_key,
        max(resolved_at) as resolved_at,
        max(ended_at) as ended_at
    from timeline
    group by case_key
),

starts as (
    select
        case_key,
        'first_reply_time' as metric,
        first_inbound_at as started_at,
        first_reply_at as fulfilled_at
    from cases
    where first_inbound_at is not null

    union all

    -- a conversation that no help desk carries has no status of its own: nobody says that it is resolved
    select
        cases.case_key,
        'resolution_time',
        cases.opened_at,
        endings.resolved_at
    from cases
    inner join endings
        on cases.case_key = endings.case_key
    where cases.has_status
),

-- priority when the clock started; a message can lie before the ticket that it became
priorities as (
    select
        starts.case_key,
        starts.metric,
        max(case when timeline.from_at <= starts.started_at or timeline.row_no = 1 then timeline.row_no end) as row_no
    from starts
    inner join timeline
        on starts.case_key = timeline.case_key
    group by starts.case_key, starts.metric
),

described as (
    select
        starts.case_key,
        starts.metric,
        starts.started_at,
        starts.fulfilled_at,
        endings.ended_at,
        cases.source,
        cases.channel,
        coalesce(cases.visibility, '') as visibility,
        cases.purpose,
        coalesce(cases.brand, '') as brand,
        coalesce(timeline.priority, '') as priority,
        cases.topic,
        cases.customer_tier,
        cases.source_due_at,
        case when cases.source_due_at is null then 'no' else 'yes' end as has_source_due,
        cases.not_counted_reason,
        cases.source_verdict
    from starts
    inner join cases
        on starts.case_key = cases.case_key
    inner join priorities
        on starts.case_key = priorities.case_key
        and starts.metric = priorities.metric
    inner join timeline
        on priorities.case_key = timeline.case_key
        and priorities.row_no = timeline.row_no
    left join endings
        on starts.case_key = endings.case_key
),

subjects as (
    select distinct
        metric, source, channel, visibility, purpose, brand, priority, topic, customer_tier, has_source_due
    from described
),

-- a promise to meet the source's own due time matches only where the source gives one
sla_rules as (
    select
        sla_policies.*,
        case when target = 'case_due_at' then 'yes' end as has_source_due
    from sla_policies
),

{{ first_matching_rules(
    "subjects", "sla_rules",
    ["source", "channel", "visibility", "purpose", "brand", "priority", "topic", "customer_tier", "has_source_due"],
    same=["metric"],
) }}

select
    described.case_key,
    described.metric,
    1 as clock_no,
    described.source,
    described.started_at,
    described.fulfilled_at,
    described.ended_at,
    described.channel,
    nullif(described.brand, '') as brand,
    nullif(described.priority, '') as priority,
    described.topic,
    described.not_counted_reason,
    described.source_verdict,
    sla_rules.policy,
    sla_rules.hours,
    case
        when sla_rules.target = 'case_due_at' then {{ seconds_between('described.started_at', 'described.source_due_at') }}
        else cast(sla_rules.target_minutes as bigint) * 60
    end as target_seconds,
    case when sla_rules.hours = 'calendar' then null else sla_rules.hours end as schedule,
    case
        when sla_rules.policy is null or sla_rules.hours <> 'calendar' then null
        when sla_rules.target = 'case_due_at' then described.source_due_at
        else {{ add_seconds('described.started_at', 'sla_rules.target_minutes * 60') }}
    end as calendar_due_at

from described
left join first_rules
    on described.metric = first_rules.metric
    and described.source = first_rules.source
    and described.channel = first_rules.channel
    and described.visibility = first_rules.visibility
    and described.purpose = first_rules.purpose
    and described.brand = first_rules.brand
    and described.priority = first_rules.priority
    and described.topic = first_rules.topic
    and described.customer_tier = first_rules.customer_tier
    and described.has_source_due = first_rules.has_source_due
    and described.started_at >= first_rules.from_at
    and described.started_at < first_rules.until_at
left join sla_rules
    on first_rules.rule_key = sla_rules.rule_key
    and first_rules.metric = sla_rules.metric
