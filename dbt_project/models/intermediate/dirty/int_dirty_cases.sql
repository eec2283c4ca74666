{{ config(materialized='incremental', incremental_strategy='append') }}

-- depends_on: {{ ref('int_case_merges') }}
-- depends_on: {{ ref('int_changed_customers') }}
-- depends_on: {{ ref('int_dirty_conversations') }}
-- depends_on: {{ ref('int_interactions') }}
-- depends_on: {{ ref('stg_file__case_events') }}
-- depends_on: {{ ref('stg_file__cases') }}
-- depends_on: {{ ref('stg_file__field_changes') }}
-- depends_on: {{ ref('stg_zendesk__groups') }}
-- depends_on: {{ ref('stg_zendesk__metric_events') }}
-- depends_on: {{ ref('stg_zendesk__organizations') }}
-- depends_on: {{ ref('stg_zendesk__ticket_changes') }}
-- depends_on: {{ ref('stg_zendesk__tickets') }}
-- depends_on: {{ ref('stg_zendesk__users') }}

-- Cases of which anything may differ from what is published. They stay until a publication covers them.
-- Letters: design.md §2; (d) a changed policy rebuilds everything, (f) see int_repeat_contacts. Nothing may add
-- to it while models read it: one that deleted by fewer keys than it inserts would have rows twice.
{% if not is_incremental() -%}
select cast(null as {{ dbt.type_string() }}) as case_key
where 1 = 0
{%- else -%}
with dirty_conversations as (
    select * from {{ ref('int_dirty_conversations') }}
),

interactions as (
    select * from {{ ref('int_interactions') }}
),

metric_events as (
    select * from {{ ref('stg_zendesk__metric_events') }}
),

changed_users as (
    select * from {{ ref('stg_zendesk__users') }} where read_run_no > {{ published_up_to() }}
),

changed_groups as (
    select * from {{ ref('stg_zendesk__groups') }} where read_run_no > {{ published_up_to() }}
),

changed_organizations as (
    select * from {{ ref('stg_zendesk__organizations') }} where read_run_no > {{ published_up_to() }}
),

file_cases as (
    select * from {{ ref('stg_file__cases') }}
),

file_case_events as (
    select * from {{ ref('stg_file__case_events') }}
),

file_field_changes as (
    select * from {{ ref('stg_file__field_changes') }}
),

case_merges as (
    select * from {{ ref('int_case_merges') }}
),

changed_customers as (
    select * from {{ ref('int_changed_customers') }}
),

published_interactions as (
    select * from {{ published('fct_interactions') }}
),

published_clocks as (
    select * from {{ published('fct_sla_clocks') }}
),

published_merges as (
    select case_key, merged_into_case_key
    from {{ published('fct_cases') }} as published_cases
    where merged_into_case_key is not null
),

changed_merges as (
    select
        coalesce(case_merges.case_key, published_merges.case_key) as case_key,
        published_merges.merged_into_case_key as published_case_key
    from case_merges
    full outer join published_merges
        on case_merges.case_key = published_merges.case_key
    where case_merges.surviving_case_key is distinct from published_merges.merged_into_case_key

    union all

    -- one of which nobody says where it goes on
    select case_merges.case_key, published_cases.merged_into_case_key
    from case_merges
    inner join {{ published('fct_cases') }} as published_cases
        on case_merges.case_key = published_cases.case_key
    where published_cases.is_counted
),

found as (
    -- through their interactions, as they are and as they were
    select interactions.case_key
    from interactions
    inner join dirty_conversations
        on interactions.conversation_key = dirty_conversations.conversation_key

    union

    select published_interactions.case_key
    from published_interactions
    inner join dirty_conversations
        on published_interactions.conversation_key = dirty_conversations.conversation_key

    union

    -- (a) a record of the case, or of someone tied to it; (b) an event since. Each selection has its own reading
    -- of the records, so that each can take its index
    select source || ':' || ticket_id
    from {{ ref('stg_zendesk__tickets') }}
    where read_run_no > {{ published_up_to() }}
        or created_at >= {{ published_as_of() }}
        or updated_at >= {{ published_as_of() }}

    union

    select source || ':' || ticket_id
    from {{ ref('stg_zendesk__ticket_changes') }}
    where read_run_no > {{ published_up_to() }}
        or changed_at >= {{ published_as_of() }}

    union

    -- the source's own clocks, beside which ours are held
    select source || ':' || ticket_id
    from metric_events
    where read_run_no > {{ published_up_to() }}
        or happened_at >= {{ published_as_of() }}

    union

    select tickets.source || ':' || tickets.ticket_id
    from {{ ref('stg_zendesk__tickets') }} as tickets
    inner join changed_users
        on tickets.source = changed_users.source
        and tickets.requester_id = changed_users.user_id

    union

    select tickets.source || ':' || tickets.ticket_id
    from {{ ref('stg_zendesk__tickets') }} as tickets
    inner join changed_organizations
        on tickets.source = changed_organizations.source
        and tickets.organization_id = changed_organizations.organization_id

    union

    select ticket_changes.source || ':' || ticket_changes.ticket_id
    from {{ ref('stg_zendesk__ticket_changes') }} as ticket_changes
    inner join changed_groups
        on ticket_changes.source = changed_groups.source
        and ticket_changes.group_id = changed_groups.group_id

    union

    select source || ':' || case_id
    from file_cases
    where read_run_no > {{ published_up_to() }}
        or opened_at >= {{ published_as_of() }}
        or resolved_at >= {{ published_as_of() }}
        or closed_at >= {{ published_as_of() }}

    union

    select source || ':' || case_id
    from file_case_events
    where read_run_no > {{ published_up_to() }}
        or event_at >= {{ published_as_of() }}
        or opened_at >= {{ published_as_of() }}

    union

    select source || ':' || case_id
    from file_field_changes
    where read_run_no > {{ published_up_to() }}
        or changed_at >= {{ published_as_of() }}

    union

    -- (c)
    select case_key from {{ published('fct_cases') }} where is_open

    union

    select case_key from published_clocks where is_running

    union

    -- (e)
    select published_cases.case_key
    from {{ published('fct_cases') }} as published_cases
    inner join changed_customers
        on published_cases.customer_key = changed_customers.published_customer_key

    union

    -- (a) a case that goes on elsewhere than it did, and where it did
    select case_key from changed_merges

    union

    select published_case_key from changed_merges
),

-- what is news of a merged case is news of the one in which it goes on
with_survivors as (
    select case_key from found

    union

    select case_merges.surviving_case_key
    from case_merges
    inner join found
        on case_merges.case_key = found.case_key
)

select with_survivors.case_key

from with_survivors
left join {{ this }} as known
    on with_survivors.case_key = known.case_key
where known.case_key is null
    and with_survivors.case_key is not null
{%- endif %}
