{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'ticket_metric_events') }}",
    indexes=[{'columns': ["(source || ':' || ticket_id)"]}, {'columns': ['read_run_no']}, {'columns': ['happened_at']}],
) }}

with records as (
    {{ newest_records('zendesk', 'ticket_metric_events') }}
),

-- a promise to the customer and one to the next group differ in the name of their object alone
events as (
    select
        source,
        record_key,
        read_run_no,
        payload,
        coalesce({{ json_value('payload', 'group_sla') }}, {{ json_value('payload', 'sla') }}) as promise
    from records
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as event_id,
    {{ json_text('payload', 'ticket_id') }} as ticket_id,
    {{ json_text('payload', 'metric') }} as metric,
    cast({{ json_text('payload', 'instance_id') }} as bigint) as instance_no,
    {{ json_text('payload', 'type') }} as event_type,
    {{ utc_timestamp(json_text('payload', 'time')) }} as happened_at,
    {{ json_text('promise', 'policy.id') }} as policy_id,
    {{ json_text('promise', 'policy.title') }} as policy_name,
    coalesce(
        cast({{ json_text('promise', 'target_in_seconds') }} as bigint),
        cast({{ json_text('promise', 'target') }} as bigint) * 60
    ) as target_seconds,
    {{ json_text('promise', 'business_hours') }} = 'true' as is_in_business_hours,
    cast({{ json_text('payload', 'status.calendar') }} as bigint) * 60 as calendar_seconds,
    cast({{ json_text('payload', 'status.business') }} as bigint) * 60 as business_seconds,
    coalesce({{ json_text('payload', 'deleted') }} = 'true', false) as is_taken_back

from events
