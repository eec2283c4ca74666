{{ config(materialized='view') }}

select
    identifier_key,
    customer_key,
    own_customer_key,
    identifier_kind,
    identifier,
    source,
    first_seen_at,
    last_seen_at,
    shared_because

from {{ source('identity', 'customers') }}
