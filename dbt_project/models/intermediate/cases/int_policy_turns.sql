{{ config(materialized='table') }}

-- Instants at which a policy row that a timeline shows begins or ends; a case that lives through one gets
-- a row there, and loses it again where nothing about the case changed.
with teams as (
    select * from {{ ref('int_teams_departments') }}
),

ownership_policies as (
    select * from {{ ref('stg_policy__ownership_policies') }}
),

turns as (
    select valid_from_at as turn_at from teams
    union
    select valid_until_at from teams
    union
    select valid_from_at from ownership_policies
    union
    select valid_until_at from ownership_policies
)

select turn_at

from turns
where turn_at < {{ as_of() }}
    and turn_at > cast('1900-01-02 00:00:00' as timestamp)
