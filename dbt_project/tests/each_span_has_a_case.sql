select distinct spans.case_key
from {{ ref('fct_ownership_spans') }} as spans
left join {{ ref('fct_cases') }} as cases
    on spans.case_key = cases.case_key
where cases.case_key is null
