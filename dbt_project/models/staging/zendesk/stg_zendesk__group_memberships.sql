{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'group_memberships') }}",
    indexes=[{'columns': ['record_key']}],
) }}

with records as (
    {{ newest_records('zendesk', 'group_memberships') }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as membership_id,
    {{ json_text('payload', 'user_id') }} as user_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    coalesce({{ json_text('payload', 'default') }} = 'true', false) as is_default,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at

from records
