select
    nullif(trim(schedule), '') as schedule,
    nullif(trim(timezone), '') as timezone,
    nullif(trim(weekday), '') as weekday,
    nullif(trim(opens_at), '') as opens_at,
    nullif(trim(closes_at), '') as closes_at,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('business_schedules') }}
