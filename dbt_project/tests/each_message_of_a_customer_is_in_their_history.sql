-- and nothing else is
select
    coalesce(history.interaction_key, interactions.interaction_key) as interaction_key,
    history.customer_key as history_of,
    interactions.customer_key

from {{ ref('customer_history') }} as history
full outer join (
    select interaction_key, customer_key
    from {{ ref('fct_interactions') }}
    where customer_key is not null
) as interactions
    on history.interaction_key = interactions.interaction_key
where history.customer_key is distinct from interactions.customer_key
