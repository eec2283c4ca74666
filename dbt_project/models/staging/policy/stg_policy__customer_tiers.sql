select
    nullif(trim(source), '') as source,
    lower(trim(source_tier)) as source_tier,
    nullif(trim(customer_tier), '') as customer_tier,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('customer_tiers') }}
