-- What was written in a case that was merged is in the one that goes on, which is there and not merged itself.
select cases.case_key
from {{ ref('fct_cases') }} as cases
left join {{ ref('fct_cases') }} as survivors
    on cases.merged_into_case_key = survivors.case_key
left join {{ ref('fct_interactions') }} as interactions
    on cases.case_key = interactions.case_key
where cases.merged_into_case_key is not null
    and (
        survivors.case_key is null
        or survivors.merged_into_case_key is not null
        or survivors.opened_at > cases.opened_at
        or interactions.interaction_key is not null
    )
