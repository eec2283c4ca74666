{#- The region in which a telephone number without a country's code is read: the brand's, else the company's. -#}
{% macro default_region(brand=none) -%}
    {%- set company = "(select max(company.default_region) from " ~ ref('stg_policy__company') ~ " as company)" -%}
    {%- if brand -%}
        coalesce((select max(brands.default_region) from {{ ref('stg_policy__brands') }} as brands where brands.brand = {{ brand }}), {{ company }})
    {%- else -%}
        {{ company }}
    {%- endif -%}
{%- endmacro %}

{#- A telephone number without what only makes it readable; one without a country's code after the region in which
    to read it, as "GB 02079460123", since the same digits are another number elsewhere. The identity step reads it. -#}
{% macro phone_text(raw, brand=none) -%}
    {%- set bare = "nullif(translate(" ~ raw ~ ", ' ()-./', ''), '')" -%}
    case when {{ bare }} like '+%' then '' else coalesce({{ default_region(brand) }} || ' ', '') end || {{ bare }}
{%- endmacro %}
