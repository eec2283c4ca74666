{#- Validity of a policy row as instants: valid_from and valid_until are days of the company's zone,
    half-open; a blank is open, from 1900-01-01 and until 9999-12-31. -#}
{% macro valid_from_at(column="valid_from") -%}
    {{ utc_from_local(midnight("coalesce(" ~ column ~ ", '1900-01-01')"), company_timezone()) }}
{%- endmacro %}

{% macro valid_until_at(column="valid_until") -%}
    {{ utc_from_local(midnight("coalesce(" ~ column ~ ", '9999-12-31')"), company_timezone()) }}
{%- endmacro %}

{#- True where a rule's condition is blank (any) or equals the value. -#}
{% macro rule_matches(rule, value) -%}
    ({{ rule }} is null or {{ rule }} = {{ value }})
{%- endmacro %}

{#- A department's name as names are compared: without regard to case, to blanks, and to whether "and" is written "&". -#}
{% macro owner_name(name) -%}
    replace(replace(replace(trim(replace(lower({{ name }}), '&', ' and ')), ' ', ' |'), '| ', ''), '|', '')
{%- endmacro %}
