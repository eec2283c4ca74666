{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'interactions') }}",
    indexes=[
        {'columns': ['record_key']}, {'columns': ["(source || ':' || coalesce(conversation_id, case_id))"]},
        {'columns': ['read_run_no']}, {'columns': ['occurred_at']},
    ],
) }}

with records as (
    {{ newest_records('file', 'interactions') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'interaction_id') }} as interaction_id,
    {{ utc_timestamp(json_text('payload', 'occurred_at')) }} as occurred_at,
    {{ json_text('payload', 'direction') }} as direction,
    {{ json_text('payload', 'channel') }} as channel,
    {{ json_text('payload', 'channel_raw') }} as channel_raw,
    coalesce({{ json_text('payload', 'visibility') }}, 'public') as visibility,
    {{ json_text('payload', 'author_id') }} as author_id,
    {{ json_text('payload', 'author_name') }} as author_name,
    {{ json_text('payload', 'agent_id') }} as agent_id,
    {{ json_text('payload', 'agent_name') }} as agent_name,
    {{ json_text('payload', 'brand') }} as brand,
    {{ json_text('payload', 'in_reply_to_id') }} as in_reply_to_id,
    {{ json_text('payload', 'conversation_id') }} as conversation_id,
    {{ json_text('payload', 'case_id') }} as case_id,
    {{ json_text('payload', 'text') }} as text,
    coalesce({{ json_text('payload', 'is_bot') }} = 'true', false) as is_bot,
    coalesce({{ json_text('payload', 'is_deleted') }} = 'true', false) as is_deleted,
    {{ json_text('payload', 'purpose') }} as purpose

from records
