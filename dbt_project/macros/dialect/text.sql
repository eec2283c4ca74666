{#- A text that people wrote, with what could name a customer taken out: e-mail addresses, also spelt out (name (at) mail dot
    example), links (with and without a scheme), @handles, account numbers, order numbers and codes (AB-12345, #A1B2C3, order 12345),
    and runs of six or more digits of any script with spaces, dots, dashes and brackets between: telephone, card, order and customer
    numbers. Days (2026-03-01, 01.03.2026), years and amounts after a sign of currency stay. Names stay: nothing tells them from
    words. What is masked already stays as it is. -#}
{% macro mask_text(text) -%}
    {{ return(adapter.dispatch('mask_text', 'answerable')(text)) }}
{%- endmacro %}
{% macro postgres__mask_text(text) -%}
    {#- named one by one, since which letters are letters is a setting of the database; the last are surrogates' neighbours -#}
    {%- set w = "[:alnum:]_\u00aa\u00b5\u00ba\u00c0-\u024f\u0370-\u052f\u0531-\u1fff\u3041-\ud7ff\uff10-\uff5a" -%}
    {%- set digit = "[0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef\u0b66-\u0b6f\u0be6-\u0bef"
        ~ "\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59\u0ed0-\u0ed9\u0f20-\u0f29\u1040-\u1049\u17e0-\u17e9\uff10-\uff19"
        ~ "\U0001d7ce-\U0001d7ff]" -%}
    {#- \ufe0f and \u20e3 make a digit an emoji -#}
    {%- set between = "[ ()./_*|~\t\u00a0\u00b7\u2000-\u200a\u2010-\u2015\u2022\u202f\u2212\u3000\ufe0f\u20e3-]{0,3}" -%}
    {#- what is not seen between letters and digits that are, and the character that holds days together below -#}
    {%- set unseen = "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+" -%}
    {%- set seen = "[A-Za-z0-9@.+_()" ~ digit[1:-1] ~ "-]" -%}
    {%- set at = "( ?[[({<] ?(at|@) ?[])}>] ?| ?[@\uff20\ufe6b] ?)" -%}
    {%- set dot = "([.\uff0e\u3002]| ?[[({<] ?(dot|[.]) ?[])}>] ?| dot )" -%}
    {%- set local = "[" ~ w ~ "%+-]+([.'&\u2019\uff0e]+[" ~ w ~ "%+-]+)*" -%}
    {%- set label = "[" ~ w ~ "-]+" -%}
    {%- set day, month, year = "(0?[1-9]|[12][0-9]|3[01])", "(0?[1-9]|1[0-2])", "((19|20)[0-9]{2})" -%}
    {%- set alone = ["(?<![0-9])(?<![0-9][ ()./-])", "(?![0-9]|[./-][0-9])"] -%}
    {%- set hold = "\ue000" -%}
    {#- four digits are no year, or there are more -#}
    {%- set code = "[A-Z]{0,5}-?((1[0-8]|2[1-9]|[03-9][0-9])[0-9]{2}|[0-9]{5,})[A-Z0-9-]*" -%}
    {%- set thing = "(order|invoice|booking|reservation|parcel|tracking|reference|customer|account|contract|policy|serial)" -%}
    {%- set steps = [
        [hold, "", "g"],
        ["(?<=" ~ seen ~ ")" ~ unseen ~ "(?=" ~ seen ~ ")", "", "g"],
        [local ~ at ~ label ~ "(" ~ dot ~ label ~ ")+", "[email]", "gi"],
        [local ~ " at " ~ label ~ "( dot " ~ label ~ ")+", "[email]", "gi"],
        [local ~ "[@\uff20\ufe6b]" ~ label, "[email]", "g"],
        ["(([a-z]{2,10}://|www[.])[^[:space:]]+|" ~ label ~ "([.]" ~ label ~ ")*[.][[:alpha:]]{2,}/[^[:space:]]*)", "[link]", "gi"],
        ["[@\uff20\ufe6b][" ~ w ~ "]+([.-][" ~ w ~ "]+)*", "[handle]", "g"],
        ["[[:<:]][A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,4})?[[:>:]]", "[number]", "g"],
        [alone[0] ~ year ~ "([./-])" ~ month ~ "\\3" ~ day ~ alone[1], "\\1\\3" ~ hold ~ "\\4\\3" ~ hold ~ "\\5", "g"],
        [alone[0] ~ "([0-3]?[0-9])([./-])([0-3]?[0-9])\\2" ~ year ~ alone[1], "\\1\\2" ~ hold ~ "\\3\\2" ~ hold ~ "\\4", "g"],
        [alone[0] ~ year ~ "( ?[/\u2013-] ?)" ~ year ~ alone[1], "\\1\\3" ~ hold ~ "\\4", "g"],
        ["([\u00a3$\u20ac\u00a5] ?[0-9]{1,5})([0-9]{0,4})(?![0-9]|[ ()/-]{1,3}[0-9]{3})", "\\1" ~ hold ~ "\\2" ~ hold, "g"],
        ["[+]?[(]?" ~ digit ~ "(" ~ between ~ digit ~ "){5,}", "[number]", "g"],
        ["[[:<:]](" ~ thing ~ "s?( (number|no[.]?|nr[.]?|id|code))?( is)?[ :#]{0,3})" ~ code, "\\1[number]", "gi"],
        ["[[:<:]][A-Z]{1,6}[-_][A-Z0-9]{0,3}[0-9]{4,}[A-Z0-9-]*", "[number]", "g"],
        ["#(?=[A-Z-]*[0-9])[A-Z0-9-]{4,}[[:>:]]", "[number]", "g"],
        ["[[:<:]](?=[0-9]*[A-Z])(?=[A-Z]*[0-9][A-Z]*[0-9][A-Z]*[0-9])[A-Z0-9]{6,}[[:>:]]", "[number]", "g"],
        [hold, "", "g"],
    ] -%}
    {%- set told = namespace(text=text) -%}
    {%- for pattern, by, flags in steps -%}
        {%- set told.text = "regexp_replace(" ~ told.text ~ ", '" ~ pattern | replace("'", "''") ~ "', '" ~ by ~ "', '" ~ flags ~ "')" -%}
    {%- endfor -%}
    {#- most texts have nothing of all that, and to see it is ten times as fast -#}
    case when {{ text }} ~* '[@＠﹫/{{ digit[1:-1] }}]|www[.]| dot |[[({<] ?(at|dot) ?[])}>]' then {{ told.text }} else {{ text }} end
{%- endmacro %}
{% macro default__mask_text(text) -%}
    {{ no_dialect('mask_text') }}
{%- endmacro %}

{% macro no_dialect(macro_name) -%}
    {{ exceptions.raise_compiler_error(macro_name ~ " has no body for '" ~ target.type
        ~ "'; add one in macros/dialect/ and run tests/dialect/ on that engine") }}
{%- endmacro %}
