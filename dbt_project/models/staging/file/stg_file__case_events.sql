{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'case_events') }}",
    indexes=[{'columns': ['record_key']}, {'columns': ["(source || ':' || case_id)"]}],
) }}

with records as (
    {{ newest_records('file', 'case_events') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'case_id') }} as case_id,
    {{ utc_timestamp(json_text('payload', 'event_at')) }} as event_at,
    cast({{ json_text('payload', 'sequence') }} as bigint) as event_sequence,
    {{ json_text('payload', 'status') }} as status,
    {{ json_text('payload', 'status_raw') }} as status_raw,
    {{ json_text('payload', 'priority') }} as priority,
    {{ json_text('payload', 'channel') }} as channel,
    {{ json_text('payload', 'channel_raw') }} as channel_raw,
    {{ json_text('payload', 'brand') }} as brand,
    {{ json_text('payload', 'department') }} as department,
    {{ json_text('payload', 'team') }} as team,
    {{ json_text('payload', 'agent_id') }} as agent_id,
    {{ json_text('payload', 'topic') }} as topic,
    {{ json_text('payload', 'customer_id') }} as customer_id,
    {{ utc_timestamp(json_text('payload', 'opened_at')) }} as opened_at,
    {{ utc_timestamp(json_text('payload', 'resolved_at')) }} as resolved_at,
    {{ utc_timestamp(json_text('payload', 'closed_at')) }} as closed_at,
    {{ json_text('payload', 'source_verdict') }} as source_verdict,
    {{ json_text('payload', 'source_outcome') }} as source_outcome,
    cast({{ json_text('payload', 'reopen_count') }} as integer) as reopen_count,
    cast({{ json_text('payload', 'source_handoff_count') }} as integer) as source_handoff_count

from records
