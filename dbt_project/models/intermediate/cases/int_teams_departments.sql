{{ config(materialized='table') }}

-- Which department a team belonged to when. One row per team and stretch of time.
with teams as (
    select * from {{ ref('stg_policy__teams') }}
),

aliases as (
    select * from {{ ref('stg_policy__owner_aliases') }}
)

select
    teams.team,
    coalesce(aliases.department, teams.department) as department,
    teams.valid_from_at,
    teams.valid_until_at

from teams
left join aliases
    on {{ owner_name('teams.department') }} = aliases.alias
