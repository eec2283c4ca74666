-- From opened_at to the end of the case, or to as_of, without gap or overlap: so seconds held add up to the
-- seconds of the case.
with spans as (
    select
        *,
        row_number() over (partition by case_key order by span_no) as position,
        lag(to_at) over (partition by case_key order by span_no) as previous_to_at
    from {{ ref('fct_ownership_spans') }}
),

cases as (
    select cases.case_key, cases.opened_at, facts.ended_at
    from {{ ref('fct_cases') }} as cases
    inner join {{ ref('int_case_facts') }} as facts
        on cases.case_key = facts.case_key
),

totals as (
    select
        case_key,
        min(from_at) as from_at,
        sum(calendar_seconds) as calendar_seconds,
        max(case when to_at is null then 1 else 0 end) as lasts,
        max(to_at) as to_at
    from spans
    group by case_key
)

select case_key, 'does not follow the one before' as what
from spans
where span_no <> position
    or (position > 1 and previous_to_at is distinct from from_at)

union all

select totals.case_key, 'is not the time of the case'
from totals
inner join cases
    on totals.case_key = cases.case_key
where totals.from_at <> cases.opened_at
    or totals.lasts <> case when cases.ended_at is null then 1 else 0 end
    or (cases.ended_at is not null and totals.to_at <> cases.ended_at)
    or totals.calendar_seconds
    <> {{ seconds_between('cases.opened_at', 'coalesce(cases.ended_at, ' ~ as_of() ~ ')') }}
