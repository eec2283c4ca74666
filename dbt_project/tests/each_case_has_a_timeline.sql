-- A case of which nothing is known but that it was opened has one row.
select cases.case_key
from {{ ref('fct_cases') }} as cases
left join {{ ref('fct_case_timeline') }} as timeline
    on cases.case_key = timeline.case_key
where timeline.case_key is null
