select interactions.interaction_key, interactions.case_key
from {{ ref('fct_interactions') }} as interactions
left join {{ ref('fct_cases') }} as cases
    on interactions.case_key = cases.case_key
where interactions.case_key is not null
    and cases.case_key is null
