{#- Exact increments: before a model inserts the rows of the dirty keys, the old rows of those keys go,
    also of a key for which the model returns nothing any more. -#}

{% macro delete_dirty(key) -%}
    {%- if is_incremental() -%}
        {{ delete_rows_of(key, dirty_keys(key)) }}
    {%- endif -%}
{%- endmacro %}

{% macro dirty_keys(key) -%}
    select {{ key }} from {{ ref('int_dirty_' ~ {'case_key': 'cases', 'conversation_key': 'conversations', 'customer_key': 'customers'}[key]) }}
{%- endmacro %}

{#- The rows that a Zendesk stream has of dirty tickets, which were written on many days, before a model looks them up. -#}
{% macro read_tickets_ahead(stream, key='case_key') -%}
    {%- if is_incremental() -%}
        {{ read_ahead(built('stg_zendesk__' ~ stream), "source || ':' || ticket_id", dirty_keys(key)) }}
    {%- endif -%}
{%- endmacro %}

{#- Old rows of the records of which this run reads a new version. -#}
{% macro delete_changed_records(kind, stream) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (source, record_key) in ({{ changed_records(kind, stream) }})
    {%- endif -%}
{%- endmacro %}

{% macro changed_records(kind, stream) -%}
    select records.source, records.record_key
    from {{ source('raw', kind ~ '_' ~ stream) }} as records
    inner join {{ source('ops', 'batches') }} as batches
        on records.batch_id = batches.batch_id
    where batches.first_read_run_no > {{ published_up_to() }}
        and batches.first_read_run_no <= {{ reads_up_to() }}
{%- endmacro %}

{#- The newest version of each record of a stream, of the batches that this run may read:
    source, record_key, read_run_no (the run that first read that version), payload.
    With `such_that`, a condition on `records`: the newest of the versions for which it holds. -#}
{% macro newest_records(kind, stream, such_that=none) %}
    select
        versions.source,
        versions.record_key,
        versions.read_run_no,
        versions.payload
    from (
        select
            records.source,
            records.record_key,
            records.payload,
            batches.first_read_run_no as read_run_no,
            row_number() over (
                partition by records.source, records.record_key
                order by records.version desc, records.batch_id desc, records.position desc
            ) as newest_first
        from {{ source('raw', kind ~ '_' ~ stream) }} as records
        inner join {{ source('ops', 'batches') }} as batches
            on records.batch_id = batches.batch_id
        where batches.first_read_run_no <= {{ reads_up_to() }}
        {%- if such_that %}
            and {{ such_that }}
        {%- endif %}
        {%- if is_incremental() %}
            and (records.source, records.record_key) in ({{ changed_records(kind, stream) }})
        {%- endif %}
    ) as versions
    where versions.newest_first = 1
{% endmacro %}

{#- Whose cases may have changed in int_repeat_contacts: those of dirty customers, and those of which the seven days
    were not over in what is published. -#}
{% macro customers_of_repeat_contacts() -%}
    select customer_key from {{ ref('int_dirty_customers') }}
    union
    select cases.customer_key
    from {{ ref('int_cases') }} as cases
    inner join {{ ref('int_case_facts') }} as facts
        on cases.case_key = facts.case_key
    where facts.resolved_at >= {{ add_seconds(published_as_of(), '-7 * 86400') }}
{%- endmacro %}

{% macro delete_customers_of_repeat_contacts() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where customer_key in ({{ customers_of_repeat_contacts() }})
    {%- endif -%}
{%- endmacro %}

{#- Old rows of dirty cases, and of all cases of customers of whom anything may differ. -#}
{% macro delete_cases_of_dirty_customers() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where case_key in (select case_key from {{ ref('int_dirty_cases') }})
            or customer_key in (select customer_key from {{ ref('int_dirty_customers') }})
    {%- endif -%}
{%- endmacro %}
