{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_slices_that_end_early() }}",
    indexes=[{'columns': ['schedule', 'utc_day']}],
    meta={'joined_by': ['schedule', 'utc_day']},
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Each schedule's time, cut into slices that are wholly open or wholly closed and lie within one UTC day, with
-- the open seconds before each: business time between two instants is a subtraction. Local hours, holidays
-- and changes of clocks are settled here, once. Grain: schedule, slice_from.
with schedules as (
    select * from {{ ref('stg_policy__business_schedules') }}
),

holidays as (
    select * from {{ ref('stg_policy__holidays') }}
),

cases as (
    select min(opened_at) as first_at from {{ ref('int_cases') }}
),

-- from the year before the first case to ten years after as_of, and to the end of that year
days as (
    {{ day_spine(
        "date_trunc('year', (select first_at from cases)) - interval '1 year'",
        last_day_of_slices(),
    ) }}
),

weekdays as (
    select day, {{ weekday('day') }} as weekday from days
),

holiday_days as (
    select
        holidays.schedule,
        days.day,
        holidays.opens_at,
        holidays.closes_at
    from holidays
    inner join days
        on days.day >= holidays.holiday_on
        and days.day < holidays.holiday_until
),

-- on a holiday only its special hours, where it has any
local_hours as (
    select
        schedules.schedule,
        schedules.timezone,
        weekdays.day,
        schedules.opens_at,
        schedules.closes_at
    from weekdays
    inner join schedules
        on weekdays.weekday = schedules.weekday
    left join (select distinct schedule, day from holiday_days) as days_off
        on schedules.schedule = days_off.schedule
        and weekdays.day = days_off.day
    where days_off.day is null
        -- a schedule's row holds for the days that begin in it
        and {{ valid_from_at("weekdays.day") }} >= schedules.valid_from_at
        and {{ valid_from_at("weekdays.day") }} < schedules.valid_until_at

    union

    select
        schedules.schedule,
        schedules.timezone,
        holiday_days.day,
        holiday_days.opens_at,
        holiday_days.closes_at
    from holiday_days
    inner join schedules
        on holiday_days.schedule = schedules.schedule
    where holiday_days.opens_at is not null
        and {{ valid_from_at("holiday_days.day") }} >= schedules.valid_from_at
        and {{ valid_from_at("holiday_days.day") }} < schedules.valid_until_at
),

openings as (
    select
        schedule,
        {{ utc_from_local("cast(cast(day as " ~ dbt.type_string() ~ ") || ' ' || opens_at as timestamp)", "timezone") }} as opens_at,
        case
            when closes_at = '24:00'
                then {{ utc_from_local("(cast(day as timestamp) + interval '1 day')", "timezone") }}
            else {{ utc_from_local("cast(cast(day as " ~ dbt.type_string() ~ ") || ' ' || closes_at as timestamp)", "timezone") }}
        end as closes_at
    from local_hours
),

borders as (
    select schedule, opens_at as border_at from openings where opens_at < closes_at
    union
    select schedule, closes_at from openings where opens_at < closes_at
    union
    select schedules.schedule, cast(days.day as timestamp)
    from days
    cross join (select distinct schedule from schedules) as schedules
),

cut as (
    select
        schedule,
        border_at as slice_from,
        lead(border_at) over (partition by schedule order by border_at) as slice_until
    from borders
),

-- a slice is open where more intervals have begun than ended by its start
steps as (
    select schedule, step_at, sum(step) as step
    from (
        select schedule, opens_at as step_at, 1 as step from openings where opens_at < closes_at
        union all
        select schedule, closes_at, -1 from openings where opens_at < closes_at
    ) as opening_steps
    group by schedule, step_at
),

stepped as (
    select
        cut.schedule,
        cut.slice_from,
        cut.slice_until,
        sum(coalesce(steps.step, 0)) over (
            partition by cut.schedule order by cut.slice_from
            rows between unbounded preceding and current row
        ) > 0 as is_open
    from cut
    left join steps
        on cut.schedule = steps.schedule
        and cut.slice_from = steps.step_at
),

measured as (
    select
        stepped.*,
        case when is_open then {{ seconds_between('slice_from', 'slice_until') }} else 0 end as open_seconds
    from stepped
    where slice_until is not null
)

select
    schedule,
    cast(slice_from as date) as utc_day,
    slice_from,
    slice_until,
    is_open,
    open_seconds,
    cast(sum(open_seconds) over (
        partition by schedule order by slice_from
        rows between unbounded preceding and current row
    ) - open_seconds as bigint) as open_seconds_before

from measured
{%- if is_incremental() %}
where not exists (select 1 from {{ this }})
{%- endif %}
