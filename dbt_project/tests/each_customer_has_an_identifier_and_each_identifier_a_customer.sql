with identities as (
    select customer_key, count(distinct own_customer_key) as identifier_count
    from {{ ref('customer_identities') }}
    group by customer_key
)

select coalesce(customers.customer_key, identities.customer_key) as customer_key
from {{ ref('dim_customers') }} as customers
full outer join identities
    on customers.customer_key = identities.customer_key
where customers.identifier_count is distinct from identities.identifier_count
