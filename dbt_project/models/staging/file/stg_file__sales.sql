{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'sales') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('file', 'sales') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'sale_id') }} as sale_id,
    {{ utc_timestamp(json_text('payload', 'found_at')) }} as found_at,
    {{ utc_timestamp(json_text('payload', 'qualified_at')) }} as qualified_at,
    {{ utc_timestamp(json_text('payload', 'won_at')) }} as won_at,
    {{ utc_timestamp(json_text('payload', 'lost_at')) }} as lost_at,
    {{ json_text('payload', 'status') }} as status,
    {{ utc_timestamp(json_text('payload', 'status_at')) }} as status_at,
    cast({{ json_text('payload', 'amount') }} as numeric(18, 4)) as amount,
    upper(trim({{ json_text('payload', 'currency') }})) as currency,
    {{ json_text('payload', 'customer_id') }} as customer_id,
    lower(trim({{ json_text('payload', 'email') }})) as email,
    {{ json_text('payload', 'account_number') }} as account_number,
    {{ json_text('payload', 'order_number') }} as order_number,
    -- whose numbers these are: an order 10023 of the shop is not the workshop's
    coalesce({{ json_text('payload', 'number_system') }}, source) as number_system,
    {{ phone_text(json_text('payload', 'phone'), json_text('records.payload', 'brand')) }} as phone,
    lower(trim(leading '@' from trim({{ json_text('payload', 'x_handle') }}))) as x_handle,
    {{ json_text('payload', 'case_id') }} as case_id,
    {{ json_text('payload', 'agent_id') }} as agent_id,
    {{ json_text('payload', 'team') }} as team,
    {{ json_text('payload', 'channel') }} as channel,
    {{ json_text('payload', 'channel_raw') }} as channel_raw,
    {{ json_text('payload', 'brand') }} as brand,
    {{ json_text('payload', 'product') }} as product,
    {{ json_text('payload', 'lost_reason') }} as lost_reason

from records
