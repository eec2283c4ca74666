select cases.case_key
from {{ ref('fct_cases') }} as cases
left join {{ ref('fct_ownership_spans') }} as spans
    on cases.case_key = spans.case_key
where spans.case_key is null
