{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'ratings') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('file', 'ratings') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'rating_id') }} as rating_id,
    {{ utc_timestamp(json_text('payload', 'rated_at')) }} as rated_at,
    {{ json_text('payload', 'verdict') }} as verdict,
    cast({{ json_text('payload', 'score') }} as numeric(18, 4)) as score,
    cast({{ json_text('payload', 'worst_score') }} as numeric(18, 4)) as worst_score,
    cast({{ json_text('payload', 'best_score') }} as numeric(18, 4)) as best_score,
    {{ json_text('payload', 'score_raw') }} as score_raw,
    {{ json_text('payload', 'case_id') }} as case_id,
    {{ json_text('payload', 'customer_id') }} as customer_id,
    lower(trim({{ json_text('payload', 'email') }})) as email,
    {{ json_text('payload', 'account_number') }} as account_number,
    {{ json_text('payload', 'order_number') }} as order_number,
    -- whose numbers these are: an order 10023 of the shop is not the workshop's
    coalesce({{ json_text('payload', 'number_system') }}, source) as number_system,
    {{ json_text('payload', 'agent_id') }} as agent_id,
    {{ json_text('payload', 'channel') }} as channel,
    {{ json_text('payload', 'brand') }} as brand,
    {{ json_text('payload', 'reason') }} as reason,
    {{ json_text('payload', 'comment') }} as comment

from records
