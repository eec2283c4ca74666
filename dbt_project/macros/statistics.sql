{#- Bounds of a share of so many, with 95 % confidence (Wilson's interval): null of none. `bound`: low or high. -#}
{% macro wilson(count, of, bound) -%}
    {%- set share = "(cast(" ~ count ~ " as " ~ dbt.type_float() ~ ") / nullif(" ~ of ~ ", 0))" -%}
    (
        {{ share }} + 1.9208 / nullif({{ of }}, 0)
        {{ '-' if bound == 'low' else '+' }} 1.96 * sqrt({{ share }} * (1 - {{ share }}) / nullif({{ of }}, 0) + 0.9604 / (nullif({{ of }}, 0) * {{ of }}))
    ) / (1 + 3.8416 / nullif({{ of }}, 0))
{%- endmacro %}

{#- A typical length of time, from the sums of n logarithms and of their squares: the geometric mean; with `bound` low or
    high the bounds of that, with 95 % confidence. Sums are exact, so that the order of adding them moves nothing. -#}
{% macro typical_seconds(n, sum_of_logs, sum_of_squares, bound=none) -%}
    {%- set mean = "(cast(" ~ sum_of_logs ~ " as " ~ dbt.type_float() ~ ") / nullif(" ~ n ~ ", 0))" -%}
    {%- set variance = "(greatest(cast(" ~ sum_of_squares ~ " as " ~ dbt.type_float() ~ ") - " ~ n ~ " * " ~ mean ~ " * " ~ mean ~ ", 0) / nullif(" ~ n ~ " - 1, 0))" -%}
    exp({{ mean }}{% if bound %} {{ '-' if bound == 'low' else '+' }} 1.96 * sqrt({{ variance }} / nullif({{ n }}, 0)){% endif %}) - 1
{%- endmacro %}

{#- The logarithm of one more than so many seconds, as an exact number. -#}
{% macro log_of_seconds(seconds) -%}
    cast(ln(cast({{ seconds }} as {{ dbt.type_float() }}) + 1) as {{ dbt.type_numeric() }})
{%- endmacro %}
