-- Counted on the timeline, again on spans, and each listed: changes from one known department to the next.
with known as (
    select
        case_key,
        department,
        lag(department) over (partition by case_key order by span_no) as previous_department
    from {{ ref('fct_ownership_spans') }}
    where department is not null
),

counted as (
    select case_key, sum(case when previous_department <> department then 1 else 0 end) as handoff_count
    from known
    group by case_key
),

listed as (
    select
        case_key,
        sum(case when level = 'department' then 1 else 0 end) as handoff_count,
        sum(case when from_team <> to_team then 1 else 0 end) as team_handoff_count
    from {{ ref('fct_handoffs') }}
    group by case_key
)

select cases.case_key, cases.handoff_count, counted.handoff_count as between_spans, listed.handoff_count as listed
from {{ ref('fct_cases') }} as cases
left join counted
    on cases.case_key = counted.case_key
left join listed
    on cases.case_key = listed.case_key
where cases.handoff_count <> coalesce(counted.handoff_count, 0)
    or cases.handoff_count <> coalesce(listed.handoff_count, 0)
    or cases.team_handoff_count <> coalesce(listed.team_handoff_count, 0)
