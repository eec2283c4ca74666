{#- A field of a JSON value as text, by its path; null where it is absent or null. -#}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch('json_text', 'answerable')(json, path)) }}
{%- endmacro %}
{% macro postgres__json_text(json, path) -%}
    jsonb_extract_path_text({{ json }}, '{{ path.split(".") | join("', '") }}')
{%- endmacro %}
{% macro default__json_text(json, path) -%}
    {{ no_dialect('json_text') }}
{%- endmacro %}

{#- A field of a JSON value as JSON, by its path. -#}
{% macro json_value(json, path) -%}
    {{ return(adapter.dispatch('json_value', 'answerable')(json, path)) }}
{%- endmacro %}
{% macro postgres__json_value(json, path) -%}
    jsonb_extract_path({{ json }}, '{{ path.split(".") | join("', '") }}')
{%- endmacro %}
{% macro default__json_value(json, path) -%}
    {{ no_dialect('json_value') }}
{%- endmacro %}

{#- In a select list: one row for each element of the list at `path`; none where there is no list. -#}
{% macro json_elements(json, path) -%}
    {{ return(adapter.dispatch('json_elements', 'answerable')(json, path)) }}
{%- endmacro %}
{% macro postgres__json_elements(json, path) -%}
    {{ postgres__json_elements_of(json_value(json, path)) }}
{%- endmacro %}
{% macro default__json_elements(json, path) -%}
    {{ no_dialect('json_elements') }}
{%- endmacro %}

{#- The same for a value that is the list itself. -#}
{% macro json_elements_of(list) -%}
    {{ return(adapter.dispatch('json_elements_of', 'answerable')(list)) }}
{%- endmacro %}
{% macro postgres__json_elements_of(list) -%}
    jsonb_array_elements(case when jsonb_typeof({{ list }}) = 'array' then {{ list }} end)
{%- endmacro %}
{% macro default__json_elements_of(list) -%}
    {{ no_dialect('json_elements_of') }}
{%- endmacro %}

{#- An element of a list of plain values, as text. -#}
{% macro json_element_text(element) -%}
    {{ return(adapter.dispatch('json_element_text', 'answerable')(element)) }}
{%- endmacro %}
{% macro postgres__json_element_text(element) -%}
    jsonb_extract_path_text(jsonb_build_array({{ element }}), '0')
{%- endmacro %}
{% macro default__json_element_text(element) -%}
    {{ no_dialect('json_element_text') }}
{%- endmacro %}

{#- True where a JSON object has the key, whatever its value. -#}
{% macro json_has_key(json, key) -%}
    {{ return(adapter.dispatch('json_has_key', 'answerable')(json, key)) }}
{%- endmacro %}
{% macro postgres__json_has_key(json, key) -%}
    jsonb_exists({{ json }}, '{{ key }}')
{%- endmacro %}
{% macro default__json_has_key(json, key) -%}
    {{ no_dialect('json_has_key') }}
{%- endmacro %}

{#- True where a JSON list of texts holds the text. -#}
{% macro json_list_has(list, text) -%}
    {{ return(adapter.dispatch('json_list_has', 'answerable')(list, text)) }}
{%- endmacro %}
{% macro postgres__json_list_has(list, text) -%}
    jsonb_exists({{ list }}, '{{ text }}')
{%- endmacro %}
{% macro default__json_list_has(list, text) -%}
    {{ no_dialect('json_list_has') }}
{%- endmacro %}
