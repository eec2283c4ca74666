{#- The identifier by which a described export's record knows its customer: the export's own id, else the first
    address that it has. -#}
{% macro file_customer(records, identifiers=['email', 'phone', 'x_handle']) -%}
    coalesce(
        {{ records }}.source || ':user:' || {{ records }}.customer_id
        {%- for identifier in identifiers %},
        '{{ identifier }}:' || {{ records }}.{{ identifier }}
        {%- endfor %}
    )
{%- endmacro %}
