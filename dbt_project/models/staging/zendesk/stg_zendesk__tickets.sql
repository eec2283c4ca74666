{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'tickets') }}",
    indexes=[
        {'columns': ['record_key']}, {'columns': ["(source || ':' || ticket_id)"]},
        {'columns': ['read_run_no']}, {'columns': ['created_at']}, {'columns': ['updated_at']},
    ],
) }}

{% set is_scrub %}
    coalesce(
        {{ json_text('records.payload', 'status') }} = 'deleted'
        and {{ json_text('records.payload', 'subject') }} = 'SCRUBBED',
        false
    )
{% endset %}

{% set is_known_before %}
    not {{ is_scrub }}
    and (records.source, records.record_key) in (select scrubbed.source, scrubbed.record_key from scrubbed)
{% endset %}

with newest as (
    {{ newest_records('zendesk', 'tickets') }}
),

records as (
    select
        records.*,
        {{ is_scrub }} as is_scrubbed
    from newest as records
),

scrubbed as (
    select source, record_key
    from records
    where is_scrubbed
),

before_the_scrub as (
    {{ newest_records('zendesk', 'tickets', such_that=is_known_before) }}
),

-- A scrub takes the customer's words and the tags from a ticket that was deleted a month ago. What was known
-- before stands; what was never known is null, not 'SCRUBBED'.
told as (
    select
        records.source,
        records.record_key,
        records.read_run_no,
        records.payload,
        records.is_scrubbed,
        case when records.is_scrubbed then before_the_scrub.payload else records.payload end as words
    from records
    left join before_the_scrub
        on records.source = before_the_scrub.source
        and records.record_key = before_the_scrub.record_key
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
    {{ json_text('words', 'subject') }} as subject,
    -- a scrub of the requester, too, names another user: who it was is who it was
    coalesce({{ json_text('words', 'requester_id') }}, {{ json_text('payload', 'requester_id') }}) as requester_id,
    coalesce({{ json_text('words', 'organization_id') }}, {{ json_text('payload', 'organization_id') }}) as organization_id,
    {{ json_text('payload', 'brand_id') }} as brand_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    {{ json_text('payload', 'assignee_id') }} as assignee_id,
    {{ utc_timestamp(json_text('payload', 'due_at')) }} as due_at,
    {{ json_value('words', 'tags') }} as tags,
    is_scrubbed

from told
