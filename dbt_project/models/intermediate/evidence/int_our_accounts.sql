{{ config(materialized='table') }}

-- Who speaks for us: people and bots of the help desk, accounts of our own on a network, and whoever a
-- described export names as the agent. One row per account of a source; agent_key is source:agent_id.
with zendesk_users as (
    select * from {{ ref('stg_zendesk__users') }}
),

own_posts as (
    select * from {{ ref('stg_x__posts') }}
),

file_interactions as (
    select * from {{ ref('stg_file__interactions') }}
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

file_users as (
    select * from {{ ref('stg_file__users') }}
),

file_calls as (
    select * from {{ ref('stg_file__calls') }}
),

file_ratings as (
    select * from {{ ref('stg_file__ratings') }}
),

file_sales as (
    select * from {{ ref('stg_file__sales') }}
),

agents_teams as (
    select * from {{ ref('stg_policy__agents_teams') }}
),

named_in_files as (
    select source, agent_id, agent_name, is_bot from file_interactions
    union all
    select source, agent_id, null, false from file_cases
    union all
    select source, agent_id, null, false from file_case_events
    union all
    select source, new_value, null, false from file_field_changes where field = 'agent_id'
    union all
    select source, old_value, null, false from file_field_changes where field = 'agent_id'
    union all
    select source, user_id, user_name, role = 'bot' from file_users where role in ('agent', 'bot')
    union all
    select source, agent_id, null, false from file_calls
    union all
    select source, agent_id, null, false from file_ratings
    union all
    select source, agent_id, null, false from file_sales
),

accounts as (
    select
        zendesk_users.source,
        zendesk_users.user_id as agent_id,
        zendesk_users.user_name as agent_name,
        zendesk_users.email,
        coalesce({{ json_list_has('zendesk_users.tags', 'bot') }}, false) as is_bot
    from zendesk_users
    where zendesk_users.role in ('agent', 'admin')
        or zendesk_users.has_been_agent
        or {{ json_list_has('zendesk_users.tags', 'bot') }}
        -- someone who left before we first read their account: the policy still lists them
        or (zendesk_users.source, zendesk_users.user_id) in (select agents_teams.source, agents_teams.agent from agents_teams)
        or (zendesk_users.source, zendesk_users.email) in (select agents_teams.source, agents_teams.agent from agents_teams)

    union all

    select source, author_id, '@' || max(author_handle), null, false
    from own_posts
    group by source, author_id

    union all

    select
        named_in_files.source,
        named_in_files.agent_id,
        coalesce(max(file_users.user_name), max(named_in_files.agent_name), named_in_files.agent_id),
        max(file_users.email),
        bool_and(named_in_files.is_bot) or bool_or(coalesce(file_users.role, '') = 'bot')
    from named_in_files
    left join file_users
        on named_in_files.source = file_users.source
        and named_in_files.agent_id = file_users.user_id
    where named_in_files.agent_id is not null
    group by named_in_files.source, named_in_files.agent_id
)

select
    source || ':' || agent_id as agent_key,
    source,
    agent_id,
    agent_name,
    email,
    is_bot

from accounts
