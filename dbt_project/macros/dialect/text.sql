{#- A customer's text with what could name them taken out: e-mail addresses, links (with and without a scheme),
    @handles, account numbers, and runs of six or more digits of any script, with spaces, dashes and brackets
    between: telephone, card, order and customer numbers. -#}
{% macro mask_text(text) -%}
    {{ return(adapter.dispatch('mask_text', 'answerable')(text)) }}
{%- endmacro %}
{% macro postgres__mask_text(text) -%}
    {#- Latin, Arabic-Indic, its eastern form, full width -#}
    {%- set digit = "[0-9\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]" -%}
    {%- set between = "[ ()./\u00a0\u2010-\u2015-]{0,3}" -%}
    {%- set email = "regexp_replace(" ~ text ~ ", '[[:alnum:]._%+-]+@[[:alnum:]-]+([.][[:alnum:]-]+)+', '[email]', 'g')" -%}
    {%- set links = "regexp_replace(" ~ email ~ ", '((https?://|www[.])[^[:space:]]+|[[:alnum:]-]+([.][[:alnum:]-]+)*[.][[:alpha:]]{2,}/[^[:space:]]*)', '[link]', 'gi')" -%}
    {%- set handles = "regexp_replace(" ~ links ~ ", '@[[:alnum:]_]+', '[handle]', 'g')" -%}
    {%- set ibans = "regexp_replace(" ~ handles ~ ", '[[:<:]][A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,4})?[[:>:]]', '[number]', 'g')" -%}
    regexp_replace({{ ibans }}, '[+]?[(]?{{ digit }}({{ between }}{{ digit }}){5,}', '[number]', 'g')
{%- endmacro %}
{% macro default__mask_text(text) -%}
    {{ no_dialect('mask_text') }}
{%- endmacro %}

{% macro no_dialect(macro_name) -%}
    {{ exceptions.raise_compiler_error(macro_name ~ " has no body for '" ~ target.type
        ~ "'; add one in macros/dialect/ and run tests/dialect/ on that engine") }}
{%- endmacro %}
