select
    trim(policy) || '@' || coalesce(nullif(trim(valid_from), ''), 'ever') as rule_key,
    nullif(trim(policy), '') as policy,
    cast(nullif(trim(rank), '') as integer) as rule_rank,
    nullif(trim(source), '') as source,
    nullif(trim(channel), '') as channel,
    nullif(trim(direction), '') as direction,
    nullif(trim(visibility), '') as visibility,
    nullif(trim(purpose), '') as purpose,
    nullif(trim(brand), '') as brand,
    nullif(trim(priority), '') as priority,
    nullif(trim(topic), '') as topic,
    nullif(trim(customer_tier), '') as customer_tier,
    nullif(trim(department), '') as department,
    nullif(trim(team), '') as team,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('ownership_policies') }}
