-- Two ways to the same verdict: seconds that ran against the target, and the instant against due_at.
with clocks as (
    select * from {{ ref('fct_sla_clocks') }}
),

ends as (
    select case_key, metric, clock_no, max(to_at) as measured_at
    from {{ ref('fct_sla_segments') }}
    group by case_key, metric, clock_no
)

select case_key, metric, 'elapsed says another outcome' as what
from clocks
where (outcome = 'met' and (fulfilled_at is null or elapsed_seconds > target_seconds))
    or (outcome = 'running' and (fulfilled_at is not null or elapsed_seconds > target_seconds))
    or (outcome = 'breached' and elapsed_seconds <= target_seconds)
    or (outcome in ('met', 'running', 'breached') and (elapsed_seconds is null or target_seconds is null))
    or (outcome = 'no_policy' and policy is not null)
    or (outcome in ('met', 'running', 'breached') and policy is null)

union all

-- what stands still within its target has no due time
select clocks.case_key, clocks.metric, 'due_at says another outcome'
from clocks
left join ends
    on clocks.case_key = ends.case_key
    and clocks.metric = ends.metric
    and clocks.clock_no = ends.clock_no
where clocks.outcome in ('met', 'running', 'breached')
    and not (clocks.is_paused and clocks.due_at is null and clocks.due_by_at is null)
    and (
        clocks.due_at is null
        or (clocks.due_by_at is null and clocks.target_seconds > 0)
        or clocks.due_by_at > clocks.due_at
        or ends.measured_at is null
        or (ends.measured_at > clocks.due_at) <> (clocks.outcome = 'breached')
    )

union all

select case_key, metric, 'breached_at, void_reason or is_running does not fit'
from clocks
where (outcome = 'breached' and breached_at is distinct from greatest(due_at, retargeted_at, started_at))
    or (outcome <> 'breached' and breached_at is not null)
    or (outcome = 'void') <> (void_reason is not null)
    or (is_running and (fulfilled_at is not null or outcome = 'void'))
    or (is_paused and not is_running)
    or fulfilled_at < started_at
