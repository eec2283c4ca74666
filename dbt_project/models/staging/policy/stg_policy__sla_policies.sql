select
    trim(metric) || ':' || trim(policy) || '@' || coalesce(nullif(trim(valid_from), ''), 'ever') as rule_key,
    nullif(trim(policy), '') as policy,
    cast(nullif(trim(rank), '') as integer) as rule_rank,
    nullif(trim(metric), '') as metric,
    nullif(trim(source), '') as source,
    nullif(trim(channel), '') as channel,
    nullif(trim(visibility), '') as visibility,
    nullif(trim(purpose), '') as purpose,
    nullif(trim(brand), '') as brand,
    nullif(trim(priority), '') as priority,
    nullif(trim(topic), '') as topic,
    nullif(trim(customer_tier), '') as customer_tier,
    coalesce(nullif(trim(target), ''), 'duration') as target,
    cast(nullif(trim(target_minutes), '') as integer) as target_minutes,
    coalesce(nullif(trim(hours), ''), 'calendar') as hours,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('sla_policies') }}
