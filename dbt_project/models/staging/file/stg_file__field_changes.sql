{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('file', 'field_changes') }}",
    indexes=[{'columns': ['record_key']}, {'columns': ["(source || ':' || case_id)"]}],
) }}

with records as (
    {{ newest_records('file', 'field_changes') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'case_id') }} as case_id,
    {{ utc_timestamp(json_text('payload', 'changed_at')) }} as changed_at,
    cast({{ json_text('payload', 'sequence') }} as bigint) as event_sequence,
    {{ json_text('payload', 'field') }} as field,
    {{ json_text('payload', 'old') }} as old_value,
    {{ json_text('payload', 'new') }} as new_value

from records
