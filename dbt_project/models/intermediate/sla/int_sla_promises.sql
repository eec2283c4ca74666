{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- One row per promise: when its clock started, which policy row was in force then, and when it was kept.
with starts as (
    select * from {{ ref('int_sla_clock_starts') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

rules as (
    select * from {{ ref('int_sla_rules') }}
)

select
    starts.case_key,
    starts.metric,
    1 as clock_no,
    starts.source,
    starts.started_at,
    starts.fulfilled_at,
    starts.ended_at,
    starts.channel,
    nullif(starts.brand, '') as brand,
    nullif(starts.priority, '') as priority,
    starts.topic,
    starts.not_counted_reason,
    starts.source_verdict,
    rules.policy,
    rules.hours,
    case
        when rules.target = 'case_due_at' then {{ seconds_between('starts.started_at', 'starts.source_due_at') }}
        else cast(rules.target_minutes as bigint) * 60
    end as target_seconds,
    case when rules.hours = 'calendar' then null else rules.hours end as schedule,
    case
        when rules.policy is null or rules.hours <> 'calendar' then null
        when rules.target = 'case_due_at' then starts.source_due_at
        else {{ add_seconds('starts.started_at', 'rules.target_minutes * 60') }}
    end as calendar_due_at

from starts
left join rules
    on starts.metric = rules.metric
    and starts.source = rules.source
    and starts.channel = rules.channel
    and starts.visibility = rules.visibility
    and starts.purpose = rules.purpose
    and starts.brand = rules.brand
    and starts.priority = rules.priority
    and starts.topic = rules.topic
    and starts.customer_tier = rules.customer_tier
    and starts.has_source_due = rules.has_source_due
    and starts.started_at >= rules.from_at
    and starts.started_at < rules.until_at
