{#- Zendesk's via.channel in our words. -#}
{% macro zendesk_channel(via) -%}
    case
        when {{ via }} = 'email' then 'email'
        when {{ via }} in ('web', 'web_form') then 'web_form'
        when {{ via }} in ('chat', 'messaging', 'native_messaging', 'web_messaging') then 'chat'
        when {{ via }} in ('twitter', 'twitter_dm') then 'x'
        when {{ via }} in ('voice', 'phone') then 'voice'
        when {{ via }} in ('facebook', 'facebook_post', 'facebook_message') then 'facebook'
        when {{ via }} in ('instagram', 'instagram_dm') then 'instagram'
        else 'other'
    end
{%- endmacro %}

{#- Minutes after midnight as policy files write them, 1440 as 24:00. -#}
{% macro clock_time(minutes) -%}
    lpad(cast(floor({{ minutes }} / 60) as {{ dbt.type_string() }}), 2, '0')
    || ':' || lpad(cast(mod({{ minutes }}, 60) as {{ dbt.type_string() }}), 2, '0')
{%- endmacro %}

{#- The targets of a kind of SLA policies, one row per target and version of its policy, in the nights that read it so. -#}
{% macro zendesk_sla_targets(stream) %}
with policies as (
    {{ dated_elements('zendesk', stream, stream) }}
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
{% endmacro %}

{#- Alike but for the minutes in which a help desk counts. -#}
{% macro is_about(ours, theirs) -%}
    abs({{ ours }} - {{ theirs }}) <= 60
{%- endmacro %}
