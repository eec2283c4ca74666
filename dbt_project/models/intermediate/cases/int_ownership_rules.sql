{{ config(materialized='table') }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Which ownership rule is the first that matches, for each combination of values that cases have and each priority
-- and stretch of time in which the answer stays the same.
with occurring as (
    select distinct
        source,
        channel,
        coalesce(visibility, '') as visibility,
        'inbound' as direction,
        purpose,
        coalesce(brand, '') as brand,
        topic,
        customer_tier
    from {{ ref('int_cases') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

subjects as (
    select
        occurring.*,
        priorities.priority
    from occurring
    cross join {{ ref('int_priorities') }} as priorities
),

ownership_policies as (
    select * from {{ ref('stg_policy__ownership_policies') }}
),

{{ first_matching_rules(
    "subjects", "ownership_policies",
    ["source", "channel", "visibility", "direction", "purpose", "brand", "priority", "topic", "customer_tier"],
) }}

select
    first_rules.source,
    first_rules.channel,
    first_rules.visibility,
    first_rules.direction,
    first_rules.purpose,
    first_rules.brand,
    first_rules.priority,
    first_rules.topic,
    first_rules.customer_tier,
    first_rules.from_at,
    first_rules.until_at,
    ownership_policies.policy,
    ownership_policies.department,
    ownership_policies.team

from first_rules
inner join ownership_policies
    on first_rules.rule_key = ownership_policies.rule_key
