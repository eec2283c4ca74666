{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'ticket_audits') }}",
    indexes=[{'columns': ['ticket_id']}],
) }}

with records as (
    {{ newest_records('zendesk', 'ticket_audits') }}
),

events as (
    select
        source,
        record_key,
        read_run_no,
        {{ json_text('payload', 'ticket_id') }} as ticket_id,
        cast({{ json_text('payload', 'id') }} as numeric) as event_sequence,
        {{ utc_timestamp(json_text('payload', 'created_at')) }} as changed_at,
        payload,
        {{ json_elements('payload', 'events') }} as event
    from records
),

-- an event that has no via of its own came about as the whole audit did
with_via as (
    select
        events.*,
        coalesce({{ json_value('event', 'via') }}, {{ json_value('payload', 'via') }}) as via
    from events
)

select
    source,
    record_key,
    read_run_no,
    ticket_id,
    event_sequence,
    changed_at,
    {{ json_text('via', 'source.rel') }} as rule_kind,
    {{ json_text('via', 'source.from.id') }} as rule_id,
    {{ json_text('via', 'source.from.title') }} as rule_name,
    {{ json_text('event', 'field_name') }} as field,
    {{ json_text('event', 'value') }} as value,
    {{ json_text('event', 'previous_value') }} as previous_value

from with_via
where {{ json_text('event', 'type') }} in ('Create', 'Change')
    and {{ json_text('via', 'source.rel') }} in ('trigger', 'automation')

union all

-- a macro is applied by a person: what it changed, the person changed
select
    source,
    record_key,
    read_run_no,
    ticket_id,
    event_sequence,
    changed_at,
    'macro',
    {{ json_text('event', 'macro_id') }},
    {{ json_text('event', 'macro_title') }},
    cast(null as {{ dbt.type_string() }}),
    cast(null as {{ dbt.type_string() }}),
    cast(null as {{ dbt.type_string() }})

from with_via
where {{ json_text('event', 'type') }} = 'AgentMacroReference'
