-- Time in is time split: over segments, and so over departments, statuses and rules.
with segments as (
    select
        *,
        lead(from_at) over (partition by case_key, metric, clock_no order by segment_no) as next_from_at,
        lead(elapsed_before_seconds) over (partition by case_key, metric, clock_no order by segment_no) as next_elapsed_seconds
    from {{ ref('fct_sla_segments') }}
)

select case_key, metric, clock_no, segment_no
from segments
where from_at > to_at
    or next_from_at <> to_at
    or next_elapsed_seconds <> elapsed_before_seconds + seconds
    or seconds < 0
    or seconds > calendar_seconds
    or (is_paused and seconds <> 0)
    or (hours = 'calendar' and seconds <> calendar_seconds)
