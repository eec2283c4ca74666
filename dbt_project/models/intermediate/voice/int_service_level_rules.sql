{{ config(materialized='table') }}

-- Which service level is the first that matches, for each combination of values that calls have and each
-- stretch of time in which the answer stays the same.
with calls as (
    select * from {{ ref('stg_file__calls') }}
),

subjects as (
    select distinct
        source,
        coalesce(queue, '') as queue,
        coalesce(brand, '') as brand,
        coalesce(priority, '') as priority
    from calls
    where direction = 'inbound'
),

service_levels as (
    select * from {{ ref('stg_policy__service_levels') }}
),

{{ first_matching_rules("subjects", "service_levels", ["source", "queue", "brand", "priority"]) }}

select
    first_rules.source,
    first_rules.queue,
    first_rules.brand,
    first_rules.priority,
    first_rules.from_at,
    first_rules.until_at,
    service_levels.service_level,
    service_levels.target_seconds,
    service_levels.target_share,
    service_levels.share_of,
    service_levels.short_abandon_seconds,
    service_levels.interval_minutes

from first_rules
inner join service_levels
    on first_rules.rule_key = service_levels.rule_key
