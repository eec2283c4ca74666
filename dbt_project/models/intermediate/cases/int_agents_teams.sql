{{ config(materialized='table') }}

-- In which team an agent was when: the policy's rows, by the source's own id or by e-mail. One row per
-- agent and stretch of time; none while the agent was in no team.
with our_accounts as (
    select * from {{ ref('int_our_accounts') }}
),

agents_teams as (
    select * from {{ ref('stg_policy__agents_teams') }}
)

select
    our_accounts.agent_key,
    our_accounts.source,
    agents_teams.agent_name,
    agents_teams.team,
    agents_teams.valid_from_at,
    agents_teams.valid_until_at

from our_accounts
inner join agents_teams
    on our_accounts.source = agents_teams.source
    and (
        agents_teams.agent = lower(our_accounts.agent_id)
        or agents_teams.agent = lower(our_accounts.email)
    )
