{#- What a run is handed. The build step sets these; nothing below reads a clock. -#}

{#- A variable of the environment as a model is built, its default as it is parsed: dbt parses anew whatever read a
    variable that is another since, and these are each night. A ref that stands only where is_full() is false has its
    `-- depends_on` for that. -#}
{% macro handed(name, default) -%}
    {{ return(env_var(name, default) if execute else default) }}
{%- endmacro %}

{#- The instant up to which events exist for this run (UTC, exclusive). -#}
{% macro as_of() -%}
    cast('{{ handed("ANSWERABLE_AS_OF", "2026-03-01 00:00:00") }}' as timestamp)
{%- endmacro %}

{#- as_of of what is published now: events before it were there then. -#}
{% macro published_as_of() -%}
    cast('{{ handed("ANSWERABLE_PUBLISHED_AS_OF", "1970-01-01 00:00:00") }}' as timestamp)
{%- endmacro %}

{#- The number of the run whose batches, and all before, this run reads. -#}
{% macro reads_up_to() -%}
    cast({{ handed("ANSWERABLE_READS_UP_TO", "9223372036854775807") }} as bigint)
{%- endmacro %}

{#- The same of the published run: batches first read after it are new. -#}
{% macro published_up_to() -%}
    cast({{ handed("ANSWERABLE_PUBLISHED_UP_TO", "0") }} as bigint)
{%- endmacro %}

{#- The company's zone, in which its days are counted (policy file company.csv). -#}
{% macro company_timezone() -%}
    '{{ handed("ANSWERABLE_TIMEZONE", "UTC") }}'
{%- endmacro %}

{#- True where everything is built anew: first night, changed models or policies, a replay. -#}
{% macro is_full() -%}
    {{ return(handed("ANSWERABLE_IS_FULL", "true") == "true") }}
{%- endmacro %}

{#- A published table as readers see it now: what was there before this run. -#}
{% macro published(name, schema="marts") -%}
    {{ handed("ANSWERABLE_" ~ schema | upper ~ "_SCHEMA", schema) }}.{{ name }}
{%- endmacro %}

{#- A relation of `build` by its name, for increments: as the last run left it where this run has not built it yet,
    which no ref can say. That run may not have been published; what it built is dirty then, and stays so. -#}
{% macro built(name) -%}
    {{ this.include(identifier=false) }}.{{ name }}
{%- endmacro %}
