with calls as (
    select
        source,
        coalesce(queue, '(none)') as queue,
        coalesce(brand, '(none)') as brand,
        coalesce(service_level, '(none)') as service_level,
        started_at
    from {{ ref('fct_calls') }}
    where is_offered
),

intervals as (
    select * from {{ ref('rpt_service_level_intervals') }}
),

placed as (
    select
        intervals.source,
        intervals.queue,
        intervals.brand,
        intervals.service_level,
        intervals.from_at,
        max(intervals.offered_count) as offered_count,
        count(calls.started_at) as call_count
    from intervals
    left join calls
        on intervals.source = calls.source
        and intervals.queue = calls.queue
        and intervals.brand = calls.brand
        and intervals.service_level = calls.service_level
        and calls.started_at >= intervals.from_at
        and calls.started_at < intervals.to_at
    group by
        intervals.source,
        intervals.queue,
        intervals.brand,
        intervals.service_level,
        intervals.from_at
)

select source, queue, from_at
from placed
where offered_count <> call_count

union all

select source, queue, min(started_at)
from calls
group by source, queue
having count(*) <> (
    select coalesce(sum(intervals.offered_count), 0)
    from intervals
    where intervals.source = calls.source
        and intervals.queue = calls.queue
)
