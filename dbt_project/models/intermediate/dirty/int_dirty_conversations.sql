{{ config(materialized='incremental', incremental_strategy='append') }}

-- depends_on: {{ ref('int_case_merges') }}
-- depends_on: {{ ref('int_changed_customers') }}
-- depends_on: {{ ref('int_interaction_records') }}
-- depends_on: {{ ref('int_message_matches') }}
-- depends_on: {{ ref('int_our_accounts') }}
-- depends_on: {{ ref('int_x_posts') }}
-- depends_on: {{ ref('stg_x__public_metrics') }}
-- depends_on: {{ ref('stg_file__calls') }}
-- depends_on: {{ ref('stg_file__case_events') }}
-- depends_on: {{ ref('stg_file__cases') }}
-- depends_on: {{ ref('stg_zendesk__tickets') }}
-- depends_on: {{ ref('stg_zendesk__users') }}

-- Conversations whose interactions may differ from what is published. They stay until a publication covers
-- them. Letters: design.md §2. Where everything is built anew nobody asks, so the table starts empty.
{% if not is_incremental() -%}
select cast(null as {{ dbt.type_string() }}) as conversation_key
where 1 = 0
{%- else -%}
with threads as (
    select * from {{ source('identity', 'threads') }}
),

-- each selection of records has its own reading of them, so that each can take its index
new_records as (
    select
        records.interaction_key,
        records.read_run_no,
        coalesce(records.conversation_key, threads.conversation_key) as thread_key
    from {{ ref('int_interaction_records') }} as records
    left join threads
        on records.conversation_key is null
        and records.interaction_key = threads.interaction_key
    where records.occurred_at < {{ as_of() }}
        and (records.read_run_no > {{ published_up_to() }} or records.occurred_at >= {{ published_as_of() }})
),

records_of_agents as (
    select
        records.agent_key,
        coalesce(records.conversation_key, threads.conversation_key) as thread_key
    from {{ ref('int_interaction_records') }} as records
    left join threads
        on records.conversation_key is null
        and records.interaction_key = threads.interaction_key
    where records.occurred_at < {{ as_of() }}
        and records.agent_key is not null
),

tickets as (
    select * from {{ ref('stg_zendesk__tickets') }}
),

zendesk_users as (
    select * from {{ ref('stg_zendesk__users') }}
),

our_accounts as (
    select * from {{ ref('int_our_accounts') }}
),

x_posts as (
    select * from {{ ref('int_x_posts') }}
),

x_metrics as (
    select * from {{ ref('stg_x__public_metrics') }}
),

matches as (
    select * from {{ ref('int_message_matches') }}
),

calls as (
    select * from {{ ref('stg_file__calls') }}
),

case_merges as (
    select * from {{ ref('int_case_merges') }}
),

published_merges as (
    select case_key, merged_into_case_key
    from {{ published('fct_cases') }}
    where merged_into_case_key is not null
),

changed_customers as (
    select * from {{ ref('int_changed_customers') }}
),

-- (a) people and accounts of ours that were loaded, or are new
changed_accounts as (
    select our_accounts.agent_key, our_accounts.source, our_accounts.agent_id
    from our_accounts
    left join {{ published('dim_agents') }} as published_agents
        on our_accounts.agent_key = published_agents.agent_key
    left join zendesk_users
        on our_accounts.source = zendesk_users.source
        and our_accounts.agent_id = zendesk_users.user_id
        and zendesk_users.read_run_no > {{ published_up_to() }}
    where published_agents.agent_key is null
        or zendesk_users.user_id is not null
),

-- (a), (b) records that tell of cases, without a message
told_cases as (
    select source || ':' || ticket_id as case_key
    from tickets
    where read_run_no > {{ published_up_to() }}

    union

    select source || ':' || case_id
    from {{ ref('stg_file__cases') }}
    where read_run_no > {{ published_up_to() }}
        or opened_at >= {{ published_as_of() }}

    union

    select source || ':' || case_id
    from {{ ref('stg_file__case_events') }}
    where read_run_no > {{ published_up_to() }}
        or event_at >= {{ published_as_of() }}
),

directly as (
    -- (a) the record itself was loaded, with what it was before; (b) it happened since
    select thread_key as conversation_key
    from new_records

    union

    -- a call that lasted over the published night's as_of is there since it was over
    select source || ':' || coalesce(callback_of_id, call_id)
    from calls
    where told_at >= {{ published_as_of() }}

    union

    select published_interactions.conversation_key
    from {{ published('fct_interactions') }} as published_interactions
    inner join new_records
        on published_interactions.interaction_key = new_records.interaction_key
    where new_records.read_run_no > {{ published_up_to() }}

    union

    select case_key from told_cases

    union

    -- a message has brand and purpose of its case, which may have begun as another conversation
    select built_interactions.conversation_key
    from {{ built('int_interactions') }} as built_interactions
    inner join told_cases
        on built_interactions.case_key = told_cases.case_key

    union

    -- (a) a ticket that goes on elsewhere than it did; its conversation has its key
    select coalesce(case_merges.case_key, published_merges.case_key)
    from case_merges
    full outer join published_merges
        on case_merges.case_key = published_merges.case_key
    where case_merges.surviving_case_key is distinct from published_merges.merged_into_case_key

    union

    select records_of_agents.thread_key
    from records_of_agents
    inner join changed_accounts
        on records_of_agents.agent_key = changed_accounts.agent_key

    union

    select x_posts.source || ':' || x_posts.conversation_id
    from x_posts
    inner join changed_accounts
        on x_posts.source = changed_accounts.source
        and x_posts.in_reply_to_user_id = changed_accounts.agent_id

    union

    select x_posts.source || ':' || x_posts.conversation_id
    from x_posts
    inner join x_metrics
        on x_posts.source = x_metrics.source
        and x_posts.post_id = x_metrics.record_key
    where x_metrics.read_run_no > {{ published_up_to() }}

    union

    -- (e), of what was there before
    select built_interactions.conversation_key
    from {{ built('int_interactions') }} as built_interactions
    inner join changed_customers
        on built_interactions.customer_identifier_key = changed_customers.identifier_key

    union

    -- a late message can join two threads, or give an answer another question
    select threads.conversation_key
    from threads
    left join {{ published('fct_interactions') }} as published_interactions
        on threads.interaction_key = published_interactions.interaction_key
    where published_interactions.conversation_key is distinct from threads.conversation_key
        or published_interactions.answers_interaction_key is distinct from threads.answers_interaction_key

    union

    select published_interactions.conversation_key
    from threads
    inner join {{ published('fct_interactions') }} as published_interactions
        on threads.interaction_key = published_interactions.interaction_key
    where published_interactions.conversation_key <> threads.conversation_key
),

-- what one side of a matched message does, the other feels
matched as (
    select conversation_key from directly

    union

    select matches.x_conversation_key
    from matches
    inner join directly
        on matches.comment_conversation_key = directly.conversation_key

    union

    select matches.comment_conversation_key
    from matches
    inner join directly
        on matches.x_conversation_key = directly.conversation_key
)

select matched.conversation_key

from matched
left join {{ this }} as known
    on matched.conversation_key = known.conversation_key
where known.conversation_key is null
    and matched.conversation_key is not null
{%- endif %}
