{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'tickets') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('zendesk', 'tickets') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as ticket_id,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at,
    {{ utc_timestamp(json_text('payload', 'updated_at')) }} as updated_at,
    {{ json_text('payload', 'status') }} as status,
    {{ json_text('payload', 'priority') }} as priority,
    {{ json_text('payload', 'via.channel') }} as via_channel,
    {{ json_text('payload', 'subject') }} as subject,
    {{ json_text('payload', 'requester_id') }} as requester_id,
    {{ json_text('payload', 'organization_id') }} as organization_id,
    {{ json_text('payload', 'brand_id') }} as brand_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    {{ json_text('payload', 'assignee_id') }} as assignee_id,
    {{ utc_timestamp(json_text('payload', 'due_at')) }} as due_at,
    {{ json_value('payload', 'tags') }} as tags

from records
