select
    nullif(trim(schedule), '') as schedule,
    cast(trim(holiday_on) as date) as holiday_on,
    nullif(trim(holiday_name), '') as holiday_name,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('holidays') }}
