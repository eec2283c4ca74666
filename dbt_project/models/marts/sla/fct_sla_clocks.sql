{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
with clocks as (
    select * from {{ ref('int_sla_clocks') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- what held last is what the clock is judged by; up to its end all was counted
lasts as (
    select * from {{ ref('int_sla_segments') }}
    where is_last
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

cases as (
    select * from {{ ref('int_cases') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- not restricted to dirty cases, of which the clocks are: a row of a case is found by its key
timeline as (
    select case_key, row_no, from_at, to_at, department, team, agent_key
    from {{ ref('int_case_timeline') }}
),

summed as (
    select
        clocks.case_key,
        clocks.metric,
        clocks.clock_no,
        clocks.started_at,
        clocks.fulfilled_at,
        clocks.ends_at,
        clocks.resolved_at,
        clocks.ended_at,
        cases.source,
        cases.channel,
        cases.brand,
        cases.topic,
        cases.not_counted_reason,
        cases.source_verdict,
        case when lasts.target = 'case_due_at' then cases.source_due_at end as source_due_at,
        case
            when clocks.metric = 'first_reply_time' and cases.has_status
                then greatest({{ seconds_between('clocks.started_at', 'cases.opened_at') }}, 0)
        end as seen_after_seconds,
        lasts.policy,
        lasts.target_seconds,
        lasts.hours,
        lasts.at_risk_seconds,
        lasts.is_paused as is_paused_at_end,
        lasts.turn_priority as priority,
        lasts.department as last_department,
        lasts.team as last_team,
        lasts.agent_key as last_agent_key,
        case when lasts.turned_at > clocks.started_at then lasts.turned_at end as retargeted_at,
        lasts.segment_no as segment_count,
        lasts.elapsed_seconds,
        lasts.calendar_elapsed_seconds,
        lasts.business_elapsed_seconds,
        lasts.exceeded_from_at,
        lasts.exceeded_hours,
        lasts.exceeded_after_seconds,
        lasts.used_up_from_at,
        lasts.used_up_hours,
        lasts.used_up_after_seconds
    from clocks
    inner join cases
        on clocks.case_key = cases.case_key
    inner join lasts
        on clocks.case_key = lasts.case_key
        and clocks.metric = lasts.metric
        and clocks.clock_no = lasts.clock_no
),

-- from where the rest of the target is counted: the segment in which that happens, else the end, as if the clock
-- ran on from there; one that stands still unfulfilled has no due time
counted_from as (
    select
        summed.*,
        case
            when exceeded_from_at is not null then exceeded_from_at
            when fulfilled_at is not null or not is_paused_at_end then ends_at
        end as due_from_at,
        coalesce(exceeded_hours, hours) as due_hours,
        target_seconds - coalesce(exceeded_after_seconds, elapsed_seconds) as due_seconds,
        case
            when used_up_from_at is not null then used_up_from_at
            when fulfilled_at is not null or not is_paused_at_end then ends_at
        end as due_by_from_at,
        coalesce(used_up_hours, hours) as due_by_hours,
        target_seconds - coalesce(used_up_after_seconds, elapsed_seconds) as due_by_seconds
    from summed
),

-- the number of the schedule's open second that uses the target up
in_open_seconds as (
    select
        counted_from.*,
        counted_from.due_seconds + {{ open_seconds_until('due_slices', 'counted_from.due_from_at') }} as due_open_second,
        counted_from.due_by_seconds + {{ open_seconds_until('due_by_slices', 'counted_from.due_by_from_at') }} as due_by_open_second
    from counted_from
    left join {{ ref('int_business_slices') }} as due_slices
        on {{ is_slice_of('due_slices', 'counted_from.due_hours', 'counted_from.due_from_at') }}
    left join {{ ref('int_business_slices') }} as due_by_slices
        on {{ is_slice_of('due_by_slices', 'counted_from.due_by_hours', 'counted_from.due_by_from_at') }}
),

-- the last instant at which a fulfilment is still met: a target used up at closing time is due at the next
-- opening; the first such instant is the closing time itself
due as (
    select
        in_open_seconds.*,
        case
            when in_open_seconds.source_due_at is not null then in_open_seconds.source_due_at
            when in_open_seconds.due_hours = 'calendar' then {{ add_seconds('in_open_seconds.due_from_at', 'in_open_seconds.due_seconds') }}
            else {{ add_seconds('last_hours.slice_from', 'in_open_seconds.due_open_second - last_hours.open_seconds_before') }}
        end as due_at,
        case
            when in_open_seconds.source_due_at is not null then in_open_seconds.source_due_at
            when in_open_seconds.due_by_hours = 'calendar' then {{ add_seconds('in_open_seconds.due_by_from_at', 'in_open_seconds.due_by_seconds') }}
            else {{ add_seconds('first_hours.slice_from', 'in_open_seconds.due_by_open_second - first_hours.open_seconds_before') }}
        end as due_by_at
    from in_open_seconds
    left join {{ ref('int_business_hours') }} as last_hours
        on in_open_seconds.due_hours = last_hours.schedule
        and cast(floor(in_open_seconds.due_open_second / 14400) as bigint) = last_hours.bucket_no
        and in_open_seconds.due_open_second >= last_hours.open_seconds_before
        and in_open_seconds.due_open_second < last_hours.open_seconds_before + last_hours.open_seconds
    left join {{ ref('int_business_hours') }} as first_hours
        on in_open_seconds.due_by_hours = first_hours.schedule
        and cast(floor(in_open_seconds.due_by_open_second / 14400) as bigint) = first_hours.bucket_no
        and in_open_seconds.due_by_open_second > first_hours.open_seconds_before
        and in_open_seconds.due_by_open_second <= first_hours.open_seconds_before + first_hours.open_seconds
),

judged as (
    select
        due.*,
        due.fulfilled_at is null and due.resolved_at is null and due.not_counted_reason is null as is_running,
        case
            when not_counted_reason is not null then 'void'
            when policy is null then 'no_policy'
            when elapsed_seconds > target_seconds then 'breached'
            when fulfilled_at is not null then 'met'
            when resolved_at is not null then 'void'
            else 'running'
        end as outcome,
        -- a target can have been used up before it was set, and a due time can lie before the start
        greatest(due_at, retargeted_at, started_at) as exceeded_at
    from due
),

decided as (
    select
        judged.*,
        case outcome
            when 'met' then fulfilled_at
            when 'breached' then exceeded_at
            when 'void' then greatest(started_at, case when not_counted_reason is not null then ended_at else resolved_at end)
            else started_at
        end as decided_at
    from judged
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
    decided.seen_after_seconds,
    decided.fulfilled_at,
    decided.retargeted_at,
    decided.due_at,
    case when decided.outcome = 'breached' then decided.exceeded_at end as breached_at,
    decided.due_by_at,
    decided.elapsed_seconds,
    decided.calendar_elapsed_seconds,
    decided.business_elapsed_seconds,
    case when decided.is_running then decided.target_seconds - decided.elapsed_seconds end as remaining_seconds,
    decided.at_risk_seconds,
    decided.outcome,
    decided.is_running,
    decided.is_running and decided.is_paused_at_end as is_paused,
    case when decided.outcome = 'void' then coalesce(decided.not_counted_reason, 'resolved') end as void_reason,
    decided.decided_at,
    {{ local_date('decided.decided_at', company_timezone()) }} as day,
    decided.segment_count,
    decided.channel,
    decided.brand,
    decided.priority,
    decided.topic,
    {%- for column in ['department', 'team', 'agent_key'] %}
    -- who passed it on in time, not who has it then
    case when decided.metric = 'ownership_time' and decided.outcome = 'met' then decided.last_{{ column }} else timeline.{{ column }} end as {{ column }},
    {%- endfor %}
    decided.source_verdict

from decided
left join timeline
    on decided.case_key = timeline.case_key
    and (timeline.row_no = 1 or timeline.from_at <= decided.decided_at)
    and (timeline.to_at is null or timeline.to_at > decided.decided_at)
