{#- A customer's text with what could name them taken out: e-mail addresses, links, @handles, and runs
    of seven or more digits (telephone, card, order and account numbers, also with spaces between). -#}
{% macro mask_text(text) -%}
    {{ return(adapter.dispatch('mask_text', 'answerable')(text)) }}
{%- endmacro %}
{% macro postgres__mask_text(text) -%}
    {%- set email = "regexp_replace(" ~ text ~ ", '[[:alnum:]._%+-]+@[[:alnum:]-]+([.][[:alnum:]-]+)+', '[email]', 'g')" -%}
    {%- set links = "regexp_replace(" ~ email ~ ", '(https?://|www[.])[^[:space:]]+', '[link]', 'gi')" -%}
    {%- set handles = "regexp_replace(" ~ links ~ ", '@[[:alnum:]_]+', '[handle]', 'g')" -%}
    {%- set ibans = "regexp_replace(" ~ handles ~ ", '[[:<:]][A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,4})?[[:>:]]', '[number]', 'g')" -%}
    regexp_replace({{ ibans }}, '[+]?[0-9]([ ()./-]?[0-9]){5,}', '[number]', 'g')
{%- endmacro %}
{% macro default__mask_text(text) -%}
    {{ no_dialect('mask_text') }}
{%- endmacro %}

{% macro no_dialect(macro_name) -%}
    {{ exceptions.raise_compiler_error(macro_name ~ " has no body for '" ~ target.type
        ~ "'; add one in macros/dialect/ and run tests/dialect/ on that engine") }}
{%- endmacro %}
