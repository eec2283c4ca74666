{{ config(materialized='table') }}

{% set days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] %}

with schedules as (
    {{ dated_elements('zendesk', 'schedules', 'schedules') }}
),

intervals as (
    select
        schedules.*,
        {{ json_elements('element', 'intervals') }} as open_time
    from schedules
),

-- minutes since Sunday 00:00, as the clocks of the schedule's zone show it
open_times as (
    select
        intervals.*,
        cast({{ json_text('open_time', 'start_time') }} as bigint) as first_minute,
        cast({{ json_text('open_time', 'end_time') }} as bigint) as last_minute
    from intervals
),

days as (
{%- for day in days %}
    select '{{ day }}' as weekday, {{ loop.index0 * 1440 }} as midnight
    {%- if not loop.last %}
    union all
    {%- endif %}
{%- endfor %}
),

-- one that runs past midnight is open on both days
by_day as (
    select
        open_times.*,
        days.weekday,
        greatest(open_times.first_minute - days.midnight, 0) as opens_minute,
        least(open_times.last_minute - days.midnight, 1440) as closes_minute
    from open_times
    inner join days
        on open_times.first_minute < days.midnight + 1440
        and open_times.last_minute > days.midnight
)

select
    source,
    element_id as schedule_id,
    version_no,
    {{ json_text('element', 'name') }} as schedule_name,
    {{ json_text('element', 'time_zone') }} as source_timezone,
    {{ iana_zone(json_text('element', 'time_zone')) }} as timezone,
    weekday,
    {{ clock_time('opens_minute') }} as opens_at,
    {{ clock_time('closes_minute') }} as closes_at,
    {{ utc_timestamp(json_text('element', 'created_at')) }} as created_at,
    seen_from,
    seen_until

from by_day
