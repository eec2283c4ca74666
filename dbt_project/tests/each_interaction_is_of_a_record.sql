select interactions.interaction_key
from {{ ref('fct_interactions') }} as interactions
left join {{ ref('int_interaction_records') }} as records
    on interactions.interaction_key = records.interaction_key
where records.interaction_key is null
