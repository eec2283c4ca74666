-- A span is a maximal run of one holder.
with spans as (
    select
        *,
        lag(span_no) over (partition by case_key order by span_no) as previous_span_no,
        lag(department) over (partition by case_key order by span_no) as previous_department,
        lag(team) over (partition by case_key order by span_no) as previous_team,
        lag(agent_key) over (partition by case_key order by span_no) as previous_agent_key
    from {{ ref('fct_ownership_spans') }}
)

select case_key, span_no
from spans
where previous_span_no is not null
    and department is not distinct from previous_department
    and team is not distinct from previous_team
    and agent_key is not distinct from previous_agent_key
