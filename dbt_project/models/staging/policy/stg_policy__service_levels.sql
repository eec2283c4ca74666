select
    trim(policy) || '@' || coalesce(nullif(trim(valid_from), ''), 'ever') as rule_key,
    nullif(trim(policy), '') as service_level,
    cast(nullif(trim(rank), '') as integer) as rule_rank,
    nullif(trim(source), '') as source,
    nullif(trim(queue), '') as queue,
    nullif(trim(brand), '') as brand,
    nullif(trim(priority), '') as priority,
    cast(nullif(trim(target_seconds), '') as integer) as target_seconds,
    cast(nullif(trim(target_share), '') as {{ dbt.type_float() }}) as target_share,
    nullif(trim(share_of), '') as share_of,
    coalesce(cast(nullif(trim(short_abandon_seconds), '') as integer), 0) as short_abandon_seconds,
    cast(nullif(trim(interval_minutes), '') as integer) as interval_minutes,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('service_levels') }}
