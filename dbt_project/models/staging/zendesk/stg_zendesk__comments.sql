{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'ticket_events') }}",
    indexes=[{'columns': ["(source || ':' || ticket_id)"]}, {'columns': ['commented_at']}, {'columns': ['read_run_no']}],
) }}

with records as (
    {{ newest_records('zendesk', 'ticket_events') }}
),

children as (
    select
        source,
        record_key,
        read_run_no,
        {{ json_text('payload', 'ticket_id') }} as ticket_id,
        {{ json_text('payload', 'metadata.custom.channel_message_id') }} as channel_message_id,
        {{ utc_from_epoch(json_text('payload', 'timestamp')) }} as event_at,
        {{ json_elements('payload', 'child_events') }} as child
    from records
)

select
    source,
    record_key,
    read_run_no,
    ticket_id,
    {{ json_text('child', 'id') }} as comment_id,
    {{ json_text('child', 'author_id') }} as author_id,
    coalesce({{ utc_timestamp(json_text('child', 'created_at')) }}, event_at) as commented_at,
    coalesce({{ json_text('child', 'public') }} = 'true', false) as is_public,
    {{ json_text('child', 'via.channel') }} as via_channel,
    -- an integration writes the channel's own id of the message here when it makes a post a comment
    channel_message_id,
    coalesce({{ json_text('child', 'plain_body') }}, {{ json_text('child', 'body') }}) as text

from children
where {{ json_text('child', 'event_type') }} = 'Comment'
