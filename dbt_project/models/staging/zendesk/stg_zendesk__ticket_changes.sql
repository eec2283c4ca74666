{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'ticket_events') }}",
    indexes=[{'columns': ["(source || ':' || ticket_id)"]}, {'columns': ['changed_at']}, {'columns': ['read_run_no']}],
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
        {{ json_text('payload', 'updater_id') }} as updater_id,
        {{ utc_from_epoch(json_text('payload', 'timestamp')) }} as changed_at,
        {{ json_elements('payload', 'child_events') }} as child
    from records
),

fields as (
    -- the changed field's name is a key of the child; null is a value ("unassigned"), so it becomes ''
    select
        source,
        record_key,
        read_run_no,
        ticket_id,
        event_sequence,
        updater_id,
        changed_at,
        {{ json_text('child', 'event_type') }} as event_type,
        {{ json_text('child', 'via') }} as via,
        case when {{ json_has_key('child', 'status') }} then coalesce({{ json_text('child', 'status') }}, '') end as status,
        case when {{ json_has_key('child', 'priority') }} then coalesce({{ json_text('child', 'priority') }}, '') end as priority,
        case when {{ json_has_key('child', 'group_id') }} then coalesce({{ json_text('child', 'group_id') }}, '') end as group_id,
        case when {{ json_has_key('child', 'assignee_id') }} then coalesce({{ json_text('child', 'assignee_id') }}, '') end as assignee_id
    from children
    where {{ json_text('child', 'event_type') }} in ('Create', 'Change')
)

-- one audit is one event: what its children change, changes at once
select
    source,
    record_key,
    read_run_no,
    ticket_id,
    event_sequence,
    updater_id,
    changed_at,
    case when max(case when event_type = 'Create' then 1 else 0 end) = 1 then 'created' else 'changed' end as event_kind,
    max(status) as status,
    max(priority) as priority,
    max(group_id) as group_id,
    max(assignee_id) as assignee_id,
    max(case when via = 'Rule' and (group_id <> '' or assignee_id <> '') then 1 else 0 end) = 1 as is_routed_by_rule

from fields
group by source, record_key, read_run_no, ticket_id, event_sequence, updater_id, changed_at
