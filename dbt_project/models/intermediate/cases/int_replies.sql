{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Who of ours answered the customer, from which team, and after how long: one row per reply in a case.
with messages as (
    select
        case_key,
        interaction_key,
        occurred_at,
        agent_key,
        is_reply,
        case when not is_reply then occurred_at end as asked_at
    from {{ ref('int_interactions') }}
    where case_key is not null
        and (is_reply or direction = 'inbound')
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
),

-- in one second the customer's message comes first
rounds as (
    select
        messages.*,
        sum(case when is_reply then 1 else 0 end) over (
            partition by case_key order by occurred_at, is_reply, interaction_key
            rows between unbounded preceding and current row
        ) - case when is_reply then 1 else 0 end as round_no
    from messages
),

-- what has waited longest is what a reply answers
waited as (
    select
        rounds.*,
        min(asked_at) over (partition by case_key, round_no) as waiting_since_at,
        min(asked_at) over (partition by case_key) as first_asked_at
    from rounds
)

select
    waited.case_key,
    waited.interaction_key,
    waited.occurred_at,
    waited.agent_key,
    agents_teams.team,
    teams.department,
    waited.waiting_since_at,
    {{ seconds_between('waited.waiting_since_at', 'waited.occurred_at') }} as response_seconds,
    coalesce(waited.waiting_since_at = waited.first_asked_at, false) as is_first

from waited
left join agents_teams
    on waited.agent_key = agents_teams.agent_key
    and waited.occurred_at >= agents_teams.valid_from_at
    and waited.occurred_at < agents_teams.valid_until_at
left join teams
    on agents_teams.team = teams.team
    and waited.occurred_at >= teams.valid_from_at
    and waited.occurred_at < teams.valid_until_at
where waited.is_reply
