select named.customer_key, named.named_in
from (
    select customer_key, 'fct_cases' as named_in from {{ ref('fct_cases') }}
    union
    select customer_key, 'fct_interactions' from {{ ref('fct_interactions') }}
    union
    select customer_key, 'fct_calls' from {{ ref('fct_calls') }}
    union
    select customer_key, 'fct_ratings' from {{ ref('fct_ratings') }}
    union
    select customer_key, 'fct_sales' from {{ ref('fct_sales') }}
) as named
left join {{ ref('dim_customers') }} as customers
    on named.customer_key = customers.customer_key
where named.customer_key is not null
    and customers.customer_key is null
