{{ config(materialized='table') }}

with schedules as (
    {{ dated_elements('zendesk', 'schedules', 'schedules') }}
),

holidays as (
    select
        schedules.*,
        {{ json_elements('element', '_holidays') }} as holiday
    from schedules
)

select
    source,
    element_id as schedule_id,
    version_no,
    {{ json_text('element', 'name') }} as schedule_name,
    {{ json_text('holiday', 'id') }} as holiday_id,
    {{ json_text('holiday', 'name') }} as holiday_name,
    {{ json_text('holiday', 'start_date') }} as first_on,
    {{ json_text('holiday', 'end_date') }} as last_on,
    seen_from,
    seen_until

from holidays
