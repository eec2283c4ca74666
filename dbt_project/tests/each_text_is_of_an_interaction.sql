-- The private texts and the masked ones belong to the same messages.
select coalesce(interactions.interaction_key, texts.interaction_key) as interaction_key
from (
    select interaction_key from {{ ref('fct_interactions') }} where text_masked is not null
) as interactions
full outer join {{ ref('interaction_texts') }} as texts
    on interactions.interaction_key = texts.interaction_key
where interactions.interaction_key is null
    or texts.interaction_key is null
