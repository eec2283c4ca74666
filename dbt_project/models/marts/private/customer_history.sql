{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('customer_key') }}",
    indexes=[{'columns': ['customer_key']}],
) }}

-- depends_on: {{ ref('int_dirty_customers') }}

-- All that was said with a customer, one after the other, whatever the channel and the case.
with customers as (
    select * from {{ source('identity', 'customers') }}
    {%- if is_incremental() %}
    where customer_key in (select customer_key from {{ ref('int_dirty_customers') }})
    {%- endif %}
),

interactions as (
    select *
    from {{ ref('int_interactions') }}
    where customer_key is not null
    {%- if is_incremental() %}
        and customer_identifier_key in (select identifier_key from customers)
    {%- endif %}
),

calls as (
    select * from {{ ref('fct_calls') }}
),

in_order as (
    select
        interactions.*,
        row_number() over (partition by customer_key order by occurred_at, interaction_key) as interaction_no,
        lag(occurred_at) over (partition by customer_key order by occurred_at, interaction_key) as previous_at,
        lag(channel) over (partition by customer_key order by occurred_at, interaction_key) as previous_channel
    from interactions
)

select
    in_order.customer_key,
    cast(in_order.interaction_no as integer) as interaction_no,
    in_order.interaction_key,
    in_order.occurred_at,
    {{ seconds_between('in_order.previous_at', 'in_order.occurred_at') }} as seconds_since_previous,
    in_order.channel,
    in_order.channel <> coalesce(in_order.previous_channel, in_order.channel) as is_other_channel,
    in_order.direction,
    in_order.visibility,
    in_order.case_key,
    in_order.conversation_key,
    customers.identifier_kind,
    customers.identifier,
    in_order.customer_identifier_key,
    in_order.agent_key,
    in_order.is_bot,
    in_order.is_reply,
    in_order.brand,
    calls.outcome as call_outcome,
    calls.wait_seconds as call_wait_seconds,
    calls.talk_seconds as call_talk_seconds,
    in_order.text

from in_order
inner join customers
    on in_order.customer_identifier_key = customers.identifier_key
left join calls
    on in_order.interaction_key = calls.call_key
