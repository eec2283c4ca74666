{#- An increment in one statement. dbt's own makes a temporary table, compares its columns with those that are there
    and copies it; but a model that changed is rebuilt in full, so the columns are the same, and the old rows of what
    comes again are out already. That is most of what a small model costs. -#}
{% materialization incremental, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or existing.is_view or should_full_refresh() -%}
        {{ return(materialization_incremental_default()) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement('main') -%}
        insert into {{ this }}
        {%- if config.get('contract').enforced %}
        ({{ adapter.dispatch('get_column_names', 'dbt')() }})
        {{ get_select_subquery(sql) }}
        {%- else %}
        (
            {{ sql }}
        )
        {%- endif %}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [this]}) }}
{%- endmaterialization %}
