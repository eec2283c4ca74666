{{ config(materialized='view') }}

select
    identifier_key,
    customer_key,
    identifier_kind,
    identifier,
    source,
    first_seen_at

from {{ source('identity', 'customers') }}
