-- Two ways to the same verdict: seconds that ran against the target, and the instant against due_at.
with clocks as (
    select
        *,
        coalesce(fulfilled_at, {{ as_of() }}) as measured_at
    from {{ ref('fct_sla_clocks') }}
)

select case_key, metric, 'elapsed says another outcome' as what
from clocks
where (outcome = 'met' and (fulfilled_at is null or elapsed_seconds > target_seconds))
    or (outcome = 'running' and (fulfilled_at is not null or elapsed_seconds > target_seconds))
    or (outcome = 'breached' and elapsed_seconds <= target_seconds)
    or (outcome in ('met', 'running', 'breached') and (elapsed_seconds is null or target_seconds is null))
    or (outcome = 'no_policy') <> (policy is null and outcome <> 'void')

union all

select case_key, metric, 'due_at says another outcome'
from clocks
where outcome in ('met', 'running', 'breached')
    and (
        due_at is null
        or due_by_at is null
        or due_by_at > due_at
        or (measured_at > due_at) <> (outcome = 'breached')
    )

union all

select case_key, metric, 'breached_at, void_reason or is_running does not fit'
from clocks
where (outcome = 'breached' and breached_at is distinct from due_at)
    or (outcome <> 'breached' and breached_at is not null)
    or (outcome = 'void') <> (void_reason is not null)
    or is_running <> (fulfilled_at is null and outcome <> 'void')
    or fulfilled_at < started_at
