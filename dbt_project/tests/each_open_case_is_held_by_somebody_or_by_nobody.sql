-- At the end of each day a counted case that is open is held by one department, or by none, and never by two; and what
-- nobody holds now, and nobody has solved, is on the worklist.
with cases as (
    select
        case_key,
        {{ local_date('opened_at', company_timezone()) }} as opened_on,
        {{ local_date('case when not is_open then coalesce(closed_at, opened_at) end', company_timezone()) }} as closed_on
    from {{ ref('fct_cases') }}
    where is_counted
),

held as (
    select day, sum(held_count) as held_count
    from {{ ref('rpt_ownership_daily') }}
    group by day
),

open_cases as (
    select held.day, count(cases.case_key) as case_count
    from held
    left join cases
        on cases.opened_on <= held.day
        and (cases.closed_on is null or cases.closed_on > held.day)
    group by held.day
),

unheld as (
    select cases.case_key
    from {{ ref('fct_cases') }} as cases
    inner join {{ ref('fct_ownership_spans') }} as spans
        on cases.case_key = spans.case_key
        and spans.to_at is null
        and spans.is_nobody
    where cases.is_counted
        and cases.status not in ('solved', 'closed', 'deleted')
)

select cast(held.day as {{ dbt.type_string() }}) as what
from held
inner join open_cases
    on held.day = open_cases.day
where held.held_count <> open_cases.case_count

union all

select coalesce(unheld.case_key, orphans.case_key)
from unheld
full outer join {{ ref('rpt_orphans') }} as orphans
    on unheld.case_key = orphans.case_key
where unheld.case_key is null
    or orphans.case_key is null
