{{ config(materialized='table') }}

with calls as (
    select * from {{ ref('stg_file__calls') }}
    where started_at < {{ as_of() }}
),

customers as (
    select * from {{ source('identity', 'customers') }}
)

select
    calls.source || ':' || calls.call_id as call_key,
    calls.source,
    calls.call_id,
    calls.queue,
    calls.source || ':' || calls.agent_id as agent_key,
    customers.customer_key,
    calls.brand,
    calls.priority,
    calls.started_at,
    {{ local_date('calls.started_at', company_timezone()) }} as started_on,
    calls.outcome,
    calls.outcome_raw,
    calls.outcome in ('answered', 'abandoned') as is_offered,
    calls.ivr_seconds,
    calls.wait_seconds,
    calls.talk_seconds,
    calls.queue_entered_at,
    calls.answered_at,
    calls.ended_at

from calls
left join customers
    on calls.source || ':user:' || calls.customer_id = customers.identifier_key
