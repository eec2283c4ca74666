{{ config(materialized='table') }}

with policies as (
    {{ dated_elements('zendesk', 'sla_policies', 'sla_policies') }}
),

targets as (
    select
        policies.*,
        {{ json_elements('element', 'policy_metrics') }} as target
    from policies
)

select
    source,
    element_id as policy_id,
    version_no,
    {{ json_text('element', 'title') }} as policy_name,
    cast({{ json_text('element', 'position') }} as bigint) as rank,
    {{ json_value('element', 'filter') }} as applies_to,
    {{ json_text('target', 'metric') }} as metric,
    {{ json_text('target', 'priority') }} as priority,
    coalesce(
        cast({{ json_text('target', 'target_in_seconds') }} as bigint),
        cast({{ json_text('target', 'target') }} as bigint) * 60
    ) as target_seconds,
    coalesce({{ json_text('target', 'business_hours') }} = 'true', false) as is_in_business_hours,
    {{ utc_timestamp(json_text('element', 'updated_at')) }} as updated_at,
    seen_from,
    seen_until

from targets
