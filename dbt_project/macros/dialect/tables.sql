{#- Have the engine count what was built: joins on tables without statistics took 32 s instead of 0.5. Counting
    reads a sample of the same size each night, which for the big tables cost a third of a night's models. So what
    an increment added to is counted again only where the last count may mislead: the table is small, or it grew by
    a tenth since. Columns of which a model's config says meta.joined_by are counted together, too: taken for independent,
    they seem to find many rows where they find two, and a join by hash the dearer one. -#}
{% macro analyze() -%}
    {{ return(adapter.dispatch('analyze', 'answerable')()) }}
{%- endmacro %}
{% macro postgres__analyze() -%}
    {%- if not is_incremental() or not execute or postgres__misleads(this) -%}
    {%- set columns = config.get('meta', {}).joined_by -%}
    {%- if columns -%}
    {%- set statistics = this.schema ~ '.' ~ this.identifier ~ '_joined_by' -%}
    {#- the table that this one replaces has the name until it is dropped -#}
    drop statistics if exists {{ statistics }};
    create statistics {{ statistics }} (ndistinct) on {{ columns | join(', ') }} from {{ this }};
    {% endif -%}
    analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
{% macro default__analyze() -%}
    {{ no_dialect('analyze') }}
{%- endmacro %}

{#- Whether a table has few pages, or many more than when it was counted. -#}
{% macro postgres__misleads(relation) -%}
    {%- set pages = run_query(
        "select pg_relation_size(oid) / current_setting('block_size')::bigint, relpages"
        ~ " from pg_class where oid = '" ~ relation ~ "'::regclass"
    ).rows[0] -%}
    {{ return(pages[0] < 100 or pages[0] > 1.1 * pages[1]) }}
{%- endmacro %}

{#- Delete the rows of a table that have one of many keys. Looked up key by key, each page that is not in memory is
    waited for by itself; of a bitmap of all of them PostgreSQL reads ahead (2,000 of 200,000 cases, none in memory:
    0.07 to 0.1 s instead of 0.5). It takes the keys for ten, however many they are, and would make no bitmap. -#}
{% macro delete_rows_of(key, keys) -%}
    {{ return(adapter.dispatch('delete_rows_of', 'answerable')(key, keys)) }}
{%- endmacro %}
{% macro postgres__delete_rows_of(key, keys) -%}
    set local enable_indexscan = off;
    delete from {{ this }} where {{ key }} = any(array({{ keys }}));
    set local enable_indexscan = default
{%- endmacro %}
{% macro default__delete_rows_of(key, keys) -%}
    {{ no_dialect('delete_rows_of') }}
{%- endmacro %}

{#- Read what a model is about to look up key by key: the rows of a table that have one of many keys. It finds them in
    memory then, without a hint in its own query, of which PostgreSQL would make another plan. `key` is the table's
    column or expression, of which it has an index. -#}
{% macro read_ahead(relation, key, keys) -%}
    {{ return(adapter.dispatch('read_ahead', 'answerable')(relation, key, keys)) }}
{%- endmacro %}
{% macro postgres__read_ahead(relation, key, keys) -%}
    set local enable_indexscan = off;
    select count(*) from {{ relation }} where {{ key }} = any(array({{ keys }}));
    set local enable_indexscan = default
{%- endmacro %}
{% macro default__read_ahead(relation, key, keys) -%}
    {{ no_dialect('read_ahead') }}
{%- endmacro %}
