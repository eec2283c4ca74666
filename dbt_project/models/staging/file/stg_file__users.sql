{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'users') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('file', 'users') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'user_id') }} as user_id,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at,
    {{ json_text('payload', 'name') }} as user_name,
    {{ json_text('payload', 'role') }} as role,
    lower(trim({{ json_text('payload', 'email') }})) as email,
    {{ json_text('payload', 'account_number') }} as account_number,
    {{ json_text('payload', 'order_number') }} as order_number,
    -- whose numbers these are: an order 10023 of the shop is not the workshop's
    coalesce({{ json_text('payload', 'number_system') }}, source) as number_system,
    {{ phone_text(json_text('payload', 'phone')) }} as phone,
    lower(trim(leading '@' from trim({{ json_text('payload', 'x_handle') }}))) as x_handle

from records
