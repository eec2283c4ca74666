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
