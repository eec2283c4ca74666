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
