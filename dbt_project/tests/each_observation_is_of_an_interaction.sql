select metrics.interaction_key
from {{ ref('fct_interaction_metrics') }} as metrics
left join {{ ref('fct_interactions') }} as interactions
    on metrics.interaction_key = interactions.interaction_key
where interactions.interaction_key is null
