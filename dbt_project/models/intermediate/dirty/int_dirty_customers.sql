{{ config(materialized='incremental', incremental_strategy='append') }}

-- depends_on: {{ ref('int_cases') }}
-- depends_on: {{ ref('int_changed_customers') }}
-- depends_on: {{ ref('int_dirty_cases') }}
-- depends_on: {{ ref('int_dirty_conversations') }}
-- depends_on: {{ ref('int_interactions') }}

-- Customers of whom anything may differ from what is published: those to whom a dirty case or conversation belongs,
-- as it is and as it was. What a night that was not published made of them stays in here, so that it is made again.
{% if not is_incremental() -%}
select cast(null as {{ dbt.type_string() }}) as customer_key
where 1 = 0
{%- else -%}
with dirty_cases as (
    select * from {{ ref('int_dirty_cases') }}
),

dirty_conversations as (
    select * from {{ ref('int_dirty_conversations') }}
),

changed_customers as (
    select * from {{ ref('int_changed_customers') }}
),

found as (
    select customer_key from changed_customers

    union

    select published_customer_key from changed_customers

    union

    select cases.customer_key
    from {{ ref('int_cases') }} as cases
    inner join dirty_cases
        on cases.case_key = dirty_cases.case_key

    union

    select published_cases.customer_key
    from {{ published('fct_cases') }} as published_cases
    inner join dirty_cases
        on published_cases.case_key = dirty_cases.case_key

    union

    select interactions.customer_key
    from {{ ref('int_interactions') }} as interactions
    inner join dirty_conversations
        on interactions.conversation_key = dirty_conversations.conversation_key

    union

    select published_interactions.customer_key
    from {{ published('fct_interactions') }} as published_interactions
    inner join dirty_conversations
        on published_interactions.conversation_key = dirty_conversations.conversation_key
)

select found.customer_key

from found
left join {{ this }} as known
    on found.customer_key = known.customer_key
where known.customer_key is null
    and found.customer_key is not null
{%- endif %}
