select
    nullif(trim(schedule), '') as schedule,
    cast(trim(holiday_on) as date) as holiday_on,
    coalesce(
        cast(nullif(trim(holiday_until), '') as date),
        cast({{ midnight("trim(holiday_on)") }} + interval '1 day' as date)
    ) as holiday_until,
    nullif(trim(opens_at), '') as opens_at,
    nullif(trim(closes_at), '') as closes_at,
    nullif(trim(holiday_name), '') as holiday_name,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('holidays') }}
