{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
with promises as (
    select * from {{ ref('int_sla_promises') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

timeline as (
    select case_key, row_no, from_at, department, team
    from {{ ref('int_case_timeline') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

slices as (
    select * from {{ ref('int_business_slices') }}
),

hours as (
    select * from {{ ref('int_business_hours') }}
),

measured as (
    select
        promises.*,
        -- a clock that nobody stopped runs until as_of; a void one stood still when the case went
        coalesce(
            promises.fulfilled_at,
            case when promises.not_counted_reason is not null then promises.ended_at end,
            {{ as_of() }}
        ) as measured_at
    from promises
),

-- open seconds before the start and before the end; null where the promise counts calendar time
in_business_time as (
    select
        measured.*,
        start_slices.open_seconds_before
        + case when start_slices.is_open then {{ seconds_between('start_slices.slice_from', 'measured.started_at') }} else 0 end
            as open_seconds_at_start,
        end_slices.open_seconds_before
        + case when end_slices.is_open then {{ seconds_between('end_slices.slice_from', 'measured.measured_at') }} else 0 end
            as open_seconds_at_end
    from measured
    left join slices as start_slices
        on measured.schedule = start_slices.schedule
        and cast(measured.started_at as date) = start_slices.utc_day
        and measured.started_at >= start_slices.slice_from
        and measured.started_at < start_slices.slice_until
    left join slices as end_slices
        on measured.schedule = end_slices.schedule
        and cast(measured.measured_at as date) = end_slices.utc_day
        and measured.measured_at >= end_slices.slice_from
        and measured.measured_at < end_slices.slice_until
),

-- the last instant at which a fulfilment is still met: a target used up at closing time is due at the next
-- opening; the first such instant is the closing time itself
due as (
    select
        in_business_time.*,
        coalesce(
            in_business_time.calendar_due_at,
            {{ add_seconds('last_hours.slice_from', 'in_business_time.open_seconds_at_start + in_business_time.target_seconds - last_hours.open_seconds_before') }}
        ) as due_at,
        coalesce(
            in_business_time.calendar_due_at,
            {{ add_seconds('first_hours.slice_from', 'in_business_time.open_seconds_at_start + in_business_time.target_seconds - first_hours.open_seconds_before') }}
        ) as due_by_at
    from in_business_time
    left join hours as last_hours
        on in_business_time.schedule = last_hours.schedule
        and cast(floor((in_business_time.open_seconds_at_start + in_business_time.target_seconds) / 14400) as bigint) = last_hours.bucket_no
        and in_business_time.open_seconds_at_start + in_business_time.target_seconds >= last_hours.open_seconds_before
        and in_business_time.open_seconds_at_start + in_business_time.target_seconds < last_hours.open_seconds_before + last_hours.open_seconds
    left join hours as first_hours
        on in_business_time.schedule = first_hours.schedule
        and cast(floor((in_business_time.open_seconds_at_start + in_business_time.target_seconds) / 14400) as bigint) = first_hours.bucket_no
        and in_business_time.open_seconds_at_start + in_business_time.target_seconds > first_hours.open_seconds_before
        and in_business_time.open_seconds_at_start + in_business_time.target_seconds <= first_hours.open_seconds_before + first_hours.open_seconds
),

elapsed as (
    select
        due.*,
        {{ seconds_between('started_at', 'measured_at') }} as calendar_elapsed_seconds,
        open_seconds_at_end - open_seconds_at_start as business_elapsed_seconds,
        case
            when schedule is null then {{ seconds_between('started_at', 'measured_at') }}
            else open_seconds_at_end - open_seconds_at_start
        end as elapsed_seconds
    from due
),

judged as (
    select
        elapsed.*,
        case
            when not_counted_reason is not null then 'void'
            when policy is null then 'no_policy'
            when elapsed_seconds > target_seconds then 'breached'
            when fulfilled_at is not null then 'met'
            else 'running'
        end as outcome
    from elapsed
),

decided as (
    select
        judged.*,
        case outcome
            when 'met' then fulfilled_at
            when 'breached' then due_at
            when 'void' then coalesce(ended_at, started_at)
            else started_at
        end as decided_at
    from judged
),

holder_rows as (
    select
        decided.case_key,
        decided.metric,
        decided.clock_no,
        max(timeline.row_no) as row_no
    from decided
    inner join timeline
        on decided.case_key = timeline.case_key
        and (timeline.from_at <= decided.decided_at or timeline.row_no = 1)
    group by decided.case_key, decided.metric, decided.clock_no
)

select
    decided.case_key,
    decided.metric,
    decided.clock_no,
    decided.source,
    decided.policy,
    decided.target_seconds,
    decided.hours,
    decided.started_at,
    decided.fulfilled_at,
    decided.due_at,
    case when decided.outcome = 'breached' then decided.due_at end as breached_at,
    decided.due_by_at,
    decided.elapsed_seconds,
    decided.calendar_elapsed_seconds,
    decided.business_elapsed_seconds,
    decided.outcome,
    decided.fulfilled_at is null and decided.outcome <> 'void' as is_running,
    case when decided.outcome = 'void' then decided.not_counted_reason end as void_reason,
    decided.decided_at,
    {{ local_date('decided.decided_at', company_timezone()) }} as day,
    decided.channel,
    decided.brand,
    decided.priority,
    decided.topic,
    timeline.department,
    timeline.team,
    decided.source_verdict

from decided
left join holder_rows
    on decided.case_key = holder_rows.case_key
    and decided.metric = holder_rows.metric
    and decided.clock_no = holder_rows.clock_no
left join timeline
    on holder_rows.case_key = timeline.case_key
    and holder_rows.row_no = timeline.row_no
