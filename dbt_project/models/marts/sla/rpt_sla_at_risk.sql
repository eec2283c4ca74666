{{ config(materialized='table') }}

-- depends_on: {{ ref('int_dirty_cases') }}
with clocks as (
    select * from {{ ref('fct_sla_clocks') }}
    where outcome = 'running'
    {%- if not is_full() %}
        -- a case whose clock runs is dirty each night
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

cases as (
    select case_key, customer_key
    from {{ ref('int_cases') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

facts as (
    select case_key, status, department, team, agent_key
    from {{ ref('int_case_facts') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
)

select
    clocks.case_key,
    clocks.metric,
    clocks.clock_no,
    clocks.policy,
    clocks.hours,
    clocks.started_at,
    clocks.due_at,
    clocks.due_by_at,
    clocks.elapsed_seconds,
    clocks.target_seconds,
    clocks.remaining_seconds,
    clocks.is_paused,
    clocks.channel,
    clocks.brand,
    clocks.priority,
    clocks.topic,
    facts.status,
    facts.department,
    facts.team,
    facts.agent_key,
    cases.customer_key

from clocks
inner join cases
    on clocks.case_key = cases.case_key
inner join facts
    on clocks.case_key = facts.case_key
where clocks.remaining_seconds <= clocks.at_risk_seconds
