select distinct timeline.case_key
from {{ ref('fct_case_timeline') }} as timeline
left join {{ ref('fct_cases') }} as cases
    on timeline.case_key = cases.case_key
where cases.case_key is null
