{{ config(materialized='view') }}

select
    changed_on,
    customer_key,
    became_customer_key,
    change,
    cause,
    rule,
    account_identifier_key,
    identifier_key,
    source

from {{ source('identity', 'changes') }}
