{{ config(materialized='table') }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Which SLA rule is the first that matches, for each combination of values that occurs and each stretch of
-- time in which the answer stays the same.
with subjects as (
    select distinct
        metric, source, channel, visibility, purpose, brand, priority, topic, customer_tier, has_source_due
    from {{ ref('int_sla_clock_starts') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- a promise to meet the source's own due time matches only where the source gives one
sla_rules as (
    select
        *,
        case when target = 'case_due_at' then 'yes' end as has_source_due
    from {{ ref('stg_policy__sla_policies') }}
),

{{ first_matching_rules(
    "subjects", "sla_rules",
    ["source", "channel", "visibility", "purpose", "brand", "priority", "topic", "customer_tier", "has_source_due"],
    same=["metric"],
) }}

select
    first_rules.metric,
    first_rules.source,
    first_rules.channel,
    first_rules.visibility,
    first_rules.purpose,
    first_rules.brand,
    first_rules.priority,
    first_rules.topic,
    first_rules.customer_tier,
    first_rules.has_source_due,
    first_rules.from_at,
    first_rules.until_at,
    sla_rules.policy,
    sla_rules.target,
    sla_rules.target_minutes,
    sla_rules.hours

from first_rules
inner join sla_rules
    on first_rules.rule_key = sla_rules.rule_key
