{#- Have the engine count what was built: joins on tables without statistics took 32 s instead of 0.5. -#}
{% macro analyze() -%}
    {{ return(adapter.dispatch('analyze', 'answerable')()) }}
{%- endmacro %}
{% macro postgres__analyze() -%}
    analyze {{ this }}
{%- endmacro %}
{% macro default__analyze() -%}
    {{ no_dialect('analyze') }}
{%- endmacro %}
