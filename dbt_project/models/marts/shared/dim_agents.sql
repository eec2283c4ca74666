{{ config(materialized='table') }}

with our_accounts as (
    select * from {{ ref('int_our_accounts') }}
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
    where valid_from_at < {{ as_of() }} and valid_until_at >= {{ as_of() }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
    where valid_from_at < {{ as_of() }} and valid_until_at >= {{ as_of() }}
)

select
    our_accounts.agent_key,
    our_accounts.source,
    our_accounts.agent_id,
    coalesce(agents_teams.agent_name, our_accounts.agent_name) as agent_name,
    agents_teams.team,
    teams.department,
    agents_teams.team is not null as is_in_team,
    our_accounts.is_bot

from our_accounts
left join agents_teams
    on our_accounts.agent_key = agents_teams.agent_key
left join teams
    on agents_teams.team = teams.team
