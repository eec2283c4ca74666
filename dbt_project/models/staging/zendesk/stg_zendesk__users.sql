{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'users') }}",
    indexes=[{'columns': ['record_key']}],
) }}

{% set is_agent %}
    {{ json_text('records.payload', 'role') }} in ('agent', 'admin')
{% endset %}

with records as (
    {{ newest_records('zendesk', 'users') }}
),

agents as (
    {{ newest_records('zendesk', 'users', such_that=is_agent) }}
)

select
    source,
    record_key,
    read_run_no,
    -- an agent who leaves becomes an end-user, and what they said stays ours
    exists (
        select 1
        from agents
        where agents.source = records.source
            and agents.record_key = records.record_key
    ) as has_been_agent,
    {{ json_text('payload', 'id') }} as user_id,
    {{ json_text('payload', 'name') }} as user_name,
    lower({{ json_text('payload', 'email') }}) as email,
    {{ json_text('payload', 'phone') }} as phone,
    {{ json_text('payload', 'role') }} as role,
    {{ json_text('payload', 'external_id') }} as external_id,
    {{ json_text('payload', 'organization_id') }} as organization_id,
    {{ json_text('payload', 'default_group_id') }} as default_group_id,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at,
    {{ utc_timestamp(json_text('payload', 'updated_at')) }} as updated_at,
    {{ json_value('payload', 'tags') }} as tags,
    {{ json_value('payload', '_identities') }} as identities

from records
