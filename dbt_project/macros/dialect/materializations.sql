{#- dbt's own materializations make another relation, rename the old one away and the new one in, compare columns, and
    drop what is left: most of what a small model costs, each night. But a model that changed is rebuilt in full, so in
    an increment the relation that is there has the right columns, and one statement puts the right rows into it. -#}

{#- The old rows of what comes again are out already (delete_dirty). -#}
{% materialization incremental, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or existing.is_view or should_full_refresh() -%}
        {{ return(materialization_incremental_default()) }}
    {%- endif -%}
    {{ return(in_place(_insert_rows(sql))) }}
{%- endmaterialization %}

{% materialization table, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or existing.is_view or should_full_refresh() -%}
        {{ return(materialization_table_default()) }}
    {%- endif -%}
    {{ return(in_place('truncate table ' ~ this ~ ';\n' ~ _insert_rows(sql))) }}
{%- endmaterialization %}

{% materialization view, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_view or should_full_refresh() -%}
        {{ return(materialization_view_default()) }}
    {%- endif -%}
    {{ return(in_place('create or replace view ' ~ this ~ ' as (\n' ~ sql ~ '\n)')) }}
{%- endmaterialization %}

{% macro _insert_rows(sql) %}
    insert into {{ this }}
    {%- if config.get('contract').enforced %}
    ({{ adapter.dispatch('get_column_names', 'dbt')() }})
    {{ get_select_subquery(sql) }}
    {%- else %}
    (
        {{ sql }}
    )
    {%- endif %}
{% endmacro %}

{#- What every materialization does around its statement. -#}
{% macro in_place(statement_sql) %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement('main') -%}
        {{ statement_sql }}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [this]}) }}
{% endmacro %}

{#- dbt fills a table under contract by INSERT, which PostgreSQL does on one core; a table made of its query is made on
    all of them, and its columns are compared with the contract first all the same. -#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if model.constraints or model.columns.values() | selectattr('constraints') | list -%}
        {{ exceptions.raise_compiler_error(model.name ~ ' has constraints, which postgres__create_table_as makes none of yet') }}
    {%- endif -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        {%- set sql = get_select_subquery(sql) -%}
    {%- endif -%}
    create {{ 'temporary ' if temporary }}table {{ relation }} as ({{ sql }});
{%- endmacro %}
