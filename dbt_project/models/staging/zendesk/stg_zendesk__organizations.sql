{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'organizations') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('zendesk', 'organizations') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as organization_id,
    {{ json_text('payload', 'name') }} as organization_name,
    {{ json_text('payload', 'organization_fields.tier') }} as tier,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at

from records
