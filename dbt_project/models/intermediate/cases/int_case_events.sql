{{ config(materialized='view') }}

-- Every event that says something about a case's state, in the same words. Null: the event says nothing
-- of it; '': it says that there is none. Order: (event_at, event_sequence, tie_breaker).
with cases as (
    select * from {{ ref('int_cases') }}
),

interactions as (
    select * from {{ ref('int_interactions') }}
),

ticket_changes as (
    select * from {{ ref('stg_zendesk__ticket_changes') }}
),

groups as (
    select * from {{ ref('stg_zendesk__groups') }}
),

file_cases as (
    select * from {{ ref('stg_file__cases') }}
),

file_case_events as (
    select * from {{ ref('stg_file__case_events') }}
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
),

ticket_events as (
    select
        ticket_changes.source || ':' || ticket_changes.ticket_id as case_key,
        ticket_changes.changed_at as event_at,
        ticket_changes.event_sequence,
        ticket_changes.record_key as tie_breaker,
        ticket_changes.event_kind,
        ticket_changes.status,
        cast(null as {{ dbt.type_string() }}) as department,
        case
            when ticket_changes.group_id = '' then ''
            else coalesce(groups.group_name, ticket_changes.group_id)
        end as team,
        case
            when ticket_changes.assignee_id = '' then ''
            else ticket_changes.source || ':' || ticket_changes.assignee_id
        end as agent_key,
        ticket_changes.priority
    from ticket_changes
    left join groups
        on ticket_changes.source = groups.source
        and ticket_changes.group_id = groups.group_id
),

-- in a conversation that no help desk carries the one who replies holds it from then on
conversation_events as (
    select
        interactions.case_key,
        interactions.occurred_at as event_at,
        cast(0 as numeric) as event_sequence,
        interactions.interaction_key as tie_breaker,
        case when interactions.is_reply then 'replied' else 'asked' end as event_kind,
        case when interactions.is_reply then 'pending' else 'open' end as status,
        cast(null as {{ dbt.type_string() }}) as department,
        case when interactions.is_reply then coalesce(agents_teams.team, '') end as team,
        case when interactions.is_reply then interactions.agent_key end as agent_key,
        cast(null as {{ dbt.type_string() }}) as priority
    from interactions
    inner join cases
        on interactions.case_key = cases.case_key
    left join agents_teams
        on interactions.agent_key = agents_teams.agent_key
        and interactions.occurred_at >= agents_teams.valid_from_at
        and interactions.occurred_at < agents_teams.valid_until_at
    where not cases.has_status
        and (interactions.is_reply or interactions.direction = 'inbound')
        and interactions.occurred_at >= cases.opened_at
),

file_case_instants as (
    select *, 1 as event_sequence, 'created' as event_kind, opened_at as event_at, 'open' as said_status from file_cases
    union all
    select *, 2, 'resolved', greatest(resolved_at, opened_at), 'solved' from file_cases where resolved_at is not null
    union all
    select *, 3, 'closed', greatest(closed_at, opened_at), 'closed' from file_cases where closed_at is not null
),

file_case_states as (
    select
        source || ':' || case_id as case_key,
        event_at,
        cast(event_sequence as numeric) as event_sequence,
        record_key as tie_breaker,
        event_kind,
        said_status as status,
        coalesce(department, '') as department,
        coalesce(team, '') as team,
        coalesce(source || ':' || agent_id, '') as agent_key,
        coalesce(priority, '') as priority
    from file_case_instants
),

-- a log of whole states begins by saying how the case stood when it was opened
file_events_in_order as (
    select
        file_case_events.*,
        row_number() over (partition by source, case_id order by event_at, event_sequence, record_key) as event_no
    from file_case_events
),

file_event_states as (
    select
        source || ':' || case_id as case_key,
        case when event_no = 1 then least(coalesce(opened_at, event_at), event_at) else event_at end as event_at,
        cast(event_sequence as numeric) as event_sequence,
        record_key as tie_breaker,
        case when event_no = 1 then 'created' else 'changed' end as event_kind,
        status,
        coalesce(department, '') as department,
        coalesce(team, '') as team,
        coalesce(source || ':' || agent_id, '') as agent_key,
        coalesce(priority, '') as priority
    from file_events_in_order
)

select * from ticket_events
union all
select * from conversation_events
union all
select * from file_case_states
union all
select * from file_event_states
