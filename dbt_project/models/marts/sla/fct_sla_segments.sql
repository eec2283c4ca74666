{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
with segments as (
    select
        *,
        case when not is_paused and hours <> 'calendar' then hours end as schedule
    from {{ ref('int_sla_segments') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

slices as (
    select * from {{ ref('int_business_slices') }}
),

-- business time is the open seconds before the end less those before the start
measured as (
    select
        segments.*,
        case when segments.is_paused then 0 else {{ seconds_between('segments.from_at', 'segments.to_at') }} end as calendar_seconds,
        to_slices.open_seconds_before
        + case when to_slices.is_open then {{ seconds_between('to_slices.slice_from', 'segments.to_at') }} else 0 end
        - from_slices.open_seconds_before
        - case when from_slices.is_open then {{ seconds_between('from_slices.slice_from', 'segments.from_at') }} else 0 end
            as open_seconds
    from segments
    left join slices as from_slices
        on segments.schedule = from_slices.schedule
        and cast(segments.from_at as date) = from_slices.utc_day
        and segments.from_at >= from_slices.slice_from
        and segments.from_at < from_slices.slice_until
    left join slices as to_slices
        on segments.schedule = to_slices.schedule
        and cast(segments.to_at as date) = to_slices.utc_day
        and segments.to_at >= to_slices.slice_from
        and segments.to_at < to_slices.slice_until
),

counted as (
    select
        measured.*,
        case when schedule is null then calendar_seconds else open_seconds end as seconds
    from measured
)

select
    case_key,
    metric,
    clock_no,
    segment_no,
    from_at,
    to_at,
    is_paused,
    status,
    priority,
    policy,
    case when policy is not null then target_seconds end as target_seconds,
    coalesce(hours, 'calendar') as hours,
    department,
    team,
    agent_key,
    calendar_seconds,
    cast(seconds as bigint) as seconds,
    cast(coalesce(sum(seconds) over (
        partition by case_key, metric, clock_no order by segment_no
        rows between unbounded preceding and 1 preceding
    ), 0) as bigint) as elapsed_before_seconds

from counted
