{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'ticket_events') }}",
    indexes=[{'columns': ['ticket_id']}],
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
        cast({{ json_text('payload', 'id') }} as numeric) as event_sequence,
        {{ utc_from_epoch(json_text('payload', 'timestamp')) }} as tagged_at,
        {{ json_elements('payload', 'child_events') }} as child
    from records
)

select
    source,
    record_key,
    read_run_no,
    ticket_id,
    event_sequence,
    tagged_at,
    {{ json_value('child', 'tags') }} as tags

from children
where {{ json_text('child', 'event_type') }} in ('Create', 'Change')
    and {{ json_has_key('child', 'tags') }}
