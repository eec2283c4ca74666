{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'groups') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('zendesk', 'groups') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as group_id,
    {{ json_text('payload', 'name') }} as group_name,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at

from records
