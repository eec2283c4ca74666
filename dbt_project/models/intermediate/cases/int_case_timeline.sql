{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=[
        "{{ delete_dirty('case_key') }}",
        "{{ read_tickets_ahead('ticket_changes') }}",
    ],
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- One timeline per case: a row for each half-open interval in which nothing about it changed, with all that
-- was true in it. Made once, from the case's events, by carrying the last known value of each attribute on.
-- A row may have zero length where the next event has the same instant: it adds no time, but it happened.
with states as (
    select * from {{ ref('int_case_states') }}
),

rules as (
    select * from {{ ref('int_ownership_rules') }}
),

ruled as (
    select
        states.*,
        rules.policy as ownership_policy,
        rules.department as policy_department,
        rules.team as policy_team
    from states
    left join rules
        on states.source = rules.source
        and states.channel = rules.channel
        and states.visibility = rules.visibility
        and states.direction = rules.direction
        and states.purpose = rules.purpose
        and states.brand = rules.brand
        and states.priority = rules.priority
        and states.topic = rules.topic
        and states.customer_tier = rules.customer_tier
        and states.event_at >= rules.from_at
        and states.event_at < rules.until_at
),

compared as (
    select
        ruled.*,
        lag(event_no) over case_order as previous_no,
        lag(status) over case_order as previous_status,
        lag(coalesce(department, '')) over case_order as previous_department,
        lag(coalesce(team, '')) over case_order as previous_team,
        lag(coalesce(agent_key, '')) over case_order as previous_agent_key,
        lag(priority) over case_order as previous_priority,
        lag(coalesce(ownership_policy, '')) over case_order as previous_ownership_policy,
        lag(coalesce(policy_department, '')) over case_order as previous_policy_department,
        lag(coalesce(policy_team, '')) over case_order as previous_policy_team
    from ruled
    window case_order as (partition by case_key order by event_no, event_at)
),

changes as (
    select *
    from compared
    where previous_no is null
        or previous_status <> status
        or previous_department <> coalesce(department, '')
        or previous_team <> coalesce(team, '')
        or previous_agent_key <> coalesce(agent_key, '')
        or previous_priority <> priority
        or previous_ownership_policy <> coalesce(ownership_policy, '')
        -- a rule can be revised under its name
        or previous_policy_department <> coalesce(policy_department, '')
        or previous_policy_team <> coalesce(policy_team, '')
)

select
    case_key,
    cast(row_number() over (partition by case_key order by event_no, event_at) as integer) as row_no,
    event_at as from_at,
    lead(event_at) over (partition by case_key order by event_no, event_at) as to_at,
    event_kind,
    status,
    case status
        when 'pending' then 'customer'
        when 'hold' then 'third_party'
        when 'solved' then 'nobody'
        when 'closed' then 'nobody'
        when 'deleted' then 'nobody'
        else 'us'
    end as waiting_on,
    department,
    team,
    agent_key,
    nullif(priority, '') as priority,
    nullif(brand, '') as brand,
    channel,
    topic,
    came_by,
    ownership_policy,
    policy_department,
    policy_team,
    resolved_at,
    closed_at,
    ended_at

from changes
