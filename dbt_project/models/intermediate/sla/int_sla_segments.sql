{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- The segments of each clock in order, what each counts, and what has been counted up to its end: of the last
-- segment that is what the clock comes to. All of it in one order of the rows, which are sorted once.
{% set so_far = 'partition by case_key, metric, clock_no order by from_at rows between unbounded preceding and current row' -%}

with segments as (
    select
        *,
        case when not is_paused and hours <> 'calendar' then hours end as schedule
    from {{ ref('int_sla_pieces') }}
),

-- business time is the open seconds before the end less those before the start
measured as (
    select
        segments.*,
        case when segments.is_paused then 0 else {{ seconds_between('segments.from_at', 'segments.to_at') }} end as calendar_seconds,
        ({{ open_seconds_until('to_slices', 'segments.to_at') }})
        - ({{ open_seconds_until('from_slices', 'segments.from_at') }}) as open_seconds
    from segments
    left join {{ ref('int_business_slices') }} as from_slices
        on {{ is_slice_of('from_slices', 'segments.schedule', 'segments.from_at') }}
    left join {{ ref('int_business_slices') }} as to_slices
        on {{ is_slice_of('to_slices', 'segments.schedule', 'segments.to_at') }}
),

counted as (
    select
        measured.*,
        cast(case when schedule is null then calendar_seconds else open_seconds end as bigint) as seconds
    from measured
),

added_up as (
    select
        counted.*,
        row_number() over ({{ so_far }}) as segment_no,
        lead(from_at) over ({{ so_far }}) is null as is_last,
        cast(sum(seconds) over ({{ so_far }}) as bigint) as elapsed_seconds,
        cast(sum(calendar_seconds) over ({{ so_far }}) as bigint) as calendar_elapsed_seconds,
        cast(sum(case when hours <> 'calendar' then seconds end) over ({{ so_far }}) as bigint) as business_elapsed_seconds
    from counted
),

-- the one segment in which the target that holds last is exceeded, and that in which it is used up
crossed as (
    select
        added_up.*,
        elapsed_seconds - seconds <= judged_by_seconds and elapsed_seconds > judged_by_seconds as is_exceeding,
        elapsed_seconds - seconds < judged_by_seconds and elapsed_seconds >= judged_by_seconds as is_using_up
    from added_up
)

select
    case_key,
    metric,
    clock_no,
    cast(segment_no as integer) as segment_no,
    is_last,
    from_at,
    to_at,
    turned_at,
    turn_priority,
    is_paused,
    status,
    priority,
    department,
    team,
    agent_key,
    policy,
    target,
    target_seconds,
    hours,
    at_risk_seconds,
    calendar_seconds,
    seconds,
    elapsed_seconds,
    calendar_elapsed_seconds,
    business_elapsed_seconds
    {%- for what, is_it in {'exceeded': 'is_exceeding', 'used_up': 'is_using_up'}.items() %},
    max(case when {{ is_it }} then from_at end) over ({{ so_far }}) as {{ what }}_from_at,
    max(case when {{ is_it }} then coalesce(hours, 'calendar') end) over ({{ so_far }}) as {{ what }}_hours,
    max(case when {{ is_it }} then elapsed_seconds - seconds end) over ({{ so_far }}) as {{ what }}_after_seconds
    {%- endfor %}

from crossed
