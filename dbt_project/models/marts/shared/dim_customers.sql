{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('customer_key') }}",
    indexes=[{'columns': ['customer_key']}],
) }}

-- depends_on: {{ ref('int_dirty_customers') }}

with customers as (
    select * from {{ source('identity', 'customers') }}
    {%- if is_incremental() %}
    where customer_key in (select customer_key from {{ ref('int_dirty_customers') }})
    {%- endif %}
),

identifiers as (
    select
        customer_key,
        min(first_seen_at) as first_identified_at,
        count(distinct own_customer_key) as identifier_count,
        min(case when shared_because is null then 0 else 1 end) as is_shared
    from customers
    group by customer_key
),

by_channel as (
    select
        customer_key,
        channel,
        min(occurred_at) as first_interaction_at,
        max(occurred_at) as last_interaction_at,
        count(*) as interaction_count
    from {{ ref('int_interactions') }}
    where customer_key is not null
    {%- if is_incremental() %}
        and customer_identifier_key in (select identifier_key from customers)
    {%- endif %}
    group by customer_key, channel
),

interactions as (
    select
        customer_key,
        min(first_interaction_at) as first_interaction_at,
        max(last_interaction_at) as last_interaction_at,
        sum(interaction_count) as interaction_count,
        count(*) as channel_count
    from by_channel
    group by customer_key
),

cases as (
    select
        customer_key,
        count(*) as case_count,
        max(customer_tier) as customer_tier
    from {{ ref('int_cases') }}
    where customer_key is not null and not_counted_reason is null
    {%- if is_incremental() %}
        and customer_key in (select customer_key from {{ ref('int_dirty_customers') }})
    {%- endif %}
    group by customer_key
)

select
    identifiers.customer_key,
    least(identifiers.first_identified_at, interactions.first_interaction_at) as first_seen_at,
    coalesce(interactions.last_interaction_at, identifiers.first_identified_at) as last_seen_at,
    cast(identifiers.identifier_count as integer) as identifier_count,
    cast(coalesce(interactions.interaction_count, 0) as integer) as interaction_count,
    cast(coalesce(cases.case_count, 0) as integer) as case_count,
    cast(coalesce(interactions.channel_count, 0) as integer) as channel_count,
    coalesce(cases.customer_tier, 'unknown') as customer_tier,
    identifiers.is_shared = 1 as is_shared

from identifiers
left join interactions
    on identifiers.customer_key = interactions.customer_key
left join cases
    on identifiers.customer_key = cases.customer_key
