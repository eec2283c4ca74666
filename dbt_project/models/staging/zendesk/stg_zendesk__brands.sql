{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'brands') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('zendesk', 'brands') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as brand_id,
    {{ json_text('payload', 'name') }} as brand_name

from records
