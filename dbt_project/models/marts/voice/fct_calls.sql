{{ config(materialized='table') }}

{% set longest = 2147483647 -%}

with calls as (
    select
        calls.*,
        {{ file_customer('calls', ['email', 'phone']) }} as customer_identifier_key,
        calls.direction = 'inbound' and calls.outcome in ('answered', 'abandoned') as is_offered,
        case
            when calls.outcome = 'answered' then {{ seconds_between('calls.queue_entered_at', 'calls.answered_at') }}
            when calls.outcome = 'abandoned' then {{ seconds_between('calls.queue_entered_at', 'calls.ended_at') }}
        end as seconds_in_queue,
        case
            when calls.outcome = 'answered' then {{ seconds_between('calls.answered_at', 'calls.ended_at') }}
        end as seconds_answered
    from {{ ref('stg_file__calls') }} as calls
    where calls.told_at < {{ as_of() }}
),

rules as (
    select * from {{ ref('int_service_level_rules') }}
),

customers as (
    select * from {{ source('identity', 'customers') }}
),

promised as (
    select
        calls.*,
        -- instants that contradict each other tell of no length
        coalesce(calls.wait_seconds, case when calls.seconds_in_queue between 0 and {{ longest }} then calls.seconds_in_queue end) as waited_seconds,
        coalesce(calls.talk_seconds, case when calls.seconds_answered between 0 and {{ longest }} then calls.seconds_answered end) as talked_seconds,
        rules.service_level,
        rules.target_seconds,
        rules.short_abandon_seconds
    from calls
    left join rules
        on calls.is_offered
        and calls.source = rules.source
        and coalesce(calls.queue, '') = rules.queue
        and coalesce(calls.brand, '') = rules.brand
        and coalesce(calls.priority, '') = rules.priority
        and calls.started_at >= rules.from_at
        and calls.started_at < rules.until_at
),

-- who hangs up at once gave nobody a chance, and of a wait that nobody told nothing can be said
judged as (
    select
        promised.*,
        case
            when service_level is null then null
            when outcome = 'answered' and waited_seconds is null then 'wait_unknown'
            when outcome = 'abandoned' and waited_seconds < short_abandon_seconds then 'short_abandon'
        end as answer_void_reason
    from promised
)

select
    judged.source || ':' || judged.call_id as call_key,
    judged.source,
    judged.call_id,
    judged.direction,
    judged.source || ':' || judged.callback_of_id as callback_of_call_key,
    judged.queue,
    judged.source || ':' || judged.agent_id as agent_key,
    customers.customer_key,
    judged.brand,
    judged.priority,
    judged.started_at,
    {{ local_date('judged.started_at', company_timezone()) }} as started_on,
    judged.outcome,
    judged.outcome_raw,
    judged.is_offered,
    judged.ivr_seconds,
    cast(judged.waited_seconds as integer) as wait_seconds,
    cast(judged.talked_seconds as integer) as talk_seconds,
    judged.queue_entered_at,
    judged.answered_at,
    judged.ended_at,
    judged.service_level,
    judged.target_seconds as answer_target_seconds,
    case
        when not judged.is_offered then null
        when judged.service_level is null then 'no_policy'
        when judged.answer_void_reason is not null then 'void'
        when judged.outcome = 'answered' and judged.waited_seconds <= judged.target_seconds then 'met'
        else 'breached'
    end as answer_outcome,
    judged.answer_void_reason

from judged
left join customers
    on judged.customer_identifier_key = customers.identifier_key
