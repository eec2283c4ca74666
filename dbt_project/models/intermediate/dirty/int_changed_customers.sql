{{ config(materialized='table') }}

-- Identifiers that belong to another customer than in what is published, were seen first at another time, or are
-- shared since or no more (design.md §2 (e)).
{% if not is_full() -%}
select
    coalesce(now_known.identifier_key, was_known.identifier_key) as identifier_key,
    now_known.customer_key,
    was_known.customer_key as published_customer_key

from {{ source('identity', 'customers') }} as now_known
full outer join {{ published('customer_identities', 'private') }} as was_known
    on now_known.identifier_key = was_known.identifier_key
where now_known.customer_key is distinct from was_known.customer_key
    or now_known.first_seen_at is distinct from was_known.first_seen_at
    or now_known.shared_because is distinct from was_known.shared_because
{%- else -%}
select
    identifier_key,
    customer_key,
    cast(null as {{ dbt.type_string() }}) as published_customer_key

from {{ source('identity', 'customers') }}
where 1 = 0
{%- endif %}
