{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'calls') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('file', 'calls') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'call_id') }} as call_id,
    {{ utc_timestamp(json_text('payload', 'started_at')) }} as started_at,
    coalesce({{ json_text('payload', 'direction') }}, 'inbound') as direction,
    {{ json_text('payload', 'callback_of_id') }} as callback_of_id,
    {{ json_text('payload', 'customer_id') }} as customer_id,
    lower(trim({{ json_text('payload', 'email') }})) as email,
    {{ json_text('payload', 'account_number') }} as account_number,
    {{ json_text('payload', 'order_number') }} as order_number,
    -- whose numbers these are: an order 10023 of the shop is not the workshop's
    coalesce({{ json_text('payload', 'number_system') }}, source) as number_system,
    {{ phone_text(json_text('payload', 'phone'), json_text('records.payload', 'brand')) }} as phone,
    {{ json_text('payload', 'queue') }} as queue,
    {{ json_text('payload', 'agent_id') }} as agent_id,
    {{ json_text('payload', 'outcome') }} as outcome,
    {{ json_text('payload', 'outcome_raw') }} as outcome_raw,
    cast({{ json_text('payload', 'ivr_seconds') }} as integer) as ivr_seconds,
    cast({{ json_text('payload', 'wait_seconds') }} as integer) as wait_seconds,
    cast({{ json_text('payload', 'talk_seconds') }} as integer) as talk_seconds,
    {{ utc_timestamp(json_text('payload', 'queue_entered_at')) }} as queue_entered_at,
    {{ utc_timestamp(json_text('payload', 'answered_at')) }} as answered_at,
    {{ utc_timestamp(json_text('payload', 'ended_at')) }} as ended_at,
    -- a call is known once it is over
    greatest(
        {{ utc_timestamp(json_text('payload', 'started_at')) }},
        {{ utc_timestamp(json_text('payload', 'ended_at')) }}
    ) as told_at,
    {{ json_text('payload', 'priority') }} as priority,
    {{ json_text('payload', 'brand') }} as brand

from records
