{{ config(materialized='view') }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Every event that says something about a case's state, in the same words. Null: the event says nothing
-- of it; '': it says that there is none. Order: (event_at, event_sequence, tie_breaker).
-- In an increment those of the dirty cases: a key that is asked for outside the union would not reach the indexes.

-- a ticket's events; the audit that makes it says all of it: what it leaves out is none
{% set unsaid = "case when ticket_changes.event_kind = 'created' then '' end" -%}
{% set ticket_events -%}
(
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
                else coalesce(groups.group_name, ticket_changes.group_id, {{ unsaid }})
            end as team,
            case
                when ticket_changes.assignee_id = '' then ''
                else coalesce(ticket_changes.source || ':' || ticket_changes.assignee_id, {{ unsaid }})
            end as agent_key,
            coalesce(ticket_changes.priority, {{ unsaid }}) as priority,
            ticket_changes.source || ':' || ticket_changes.updater_id as changed_by_key,
            coalesce(ticket_changes.is_routed_by_rule, false) as is_by_rule
        from {{ ref('stg_zendesk__ticket_changes') }} as ticket_changes
        left join {{ ref('stg_zendesk__groups') }} as groups
            on ticket_changes.source = groups.source
            and ticket_changes.group_id = groups.group_id
        {%- if not is_full() %}
        where ticket_changes.source || ':' || ticket_changes.ticket_id in (
            select case_key from {{ ref('int_dirty_cases') }}
            union
            select began_as_case_key
            from {{ ref('int_cases') }}
            where case_key in (select case_key from {{ ref('int_dirty_cases') }})
        )
        {%- endif %}
    ) as ticket_events
{%- endset -%}

with cases as (
    select * from {{ ref('int_cases') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

interactions as (
    select * from {{ ref('int_interactions') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

case_merges as (
    select * from {{ ref('int_case_merges') }}
),

file_cases as (
    select * from {{ ref('stg_file__cases') }}
    {%- if not is_full() %}
    where source || ':' || case_id in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

file_case_events as (
    select * from {{ ref('stg_file__case_events') }}
    {%- if not is_full() %}
    where source || ':' || case_id in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

file_field_changes as (
    select * from {{ ref('stg_file__field_changes') }}
    {%- if not is_full() %}
    where source || ':' || case_id in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
),

-- where a ticket was merged into a younger one, the case began with it: until the younger was made, it tells of the
-- case; from then on its own events tell of itself alone
first_ticket_events as (
    select
        cases.case_key,
        ticket_events.event_at,
        ticket_events.event_sequence,
        ticket_events.tie_breaker,
        ticket_events.event_kind,
        ticket_events.status,
        ticket_events.department,
        ticket_events.team,
        ticket_events.agent_key,
        ticket_events.priority,
        ticket_events.changed_by_key,
        ticket_events.is_by_rule
    from cases
    inner join {{ ticket_events }}
        on cases.began_as_case_key = ticket_events.case_key
        and ticket_events.event_at < cases.own_opened_at
    inner join case_merges
        on cases.began_as_case_key = case_merges.case_key
        -- its closing by the merge closed nothing but itself
        and ticket_events.event_at < case_merges.merged_at
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
        cast(null as {{ dbt.type_string() }}) as priority,
        interactions.agent_key as changed_by_key,
        false as is_by_rule
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

file_changes_in_order as (
    select
        file_field_changes.*,
        row_number() over (partition by source, case_id, field order by changed_at, event_sequence, record_key) as change_no,
        row_number() over (partition by source, case_id, field, changed_at order by event_sequence, record_key) as same_instant_no
    from file_field_changes
    where field <> 'other'
),

-- how a case began is what its first changes say that held before them
file_beginnings as (
    select
        source,
        case_id,
        max(case when field = 'status' then 1 else 0 end) as has_status,
        max(case when field = 'priority' then 1 else 0 end) as has_priority,
        max(case when field = 'department' then 1 else 0 end) as has_department,
        max(case when field = 'team' then 1 else 0 end) as has_team,
        max(case when field = 'agent_id' then 1 else 0 end) as has_agent,
        max(case when field = 'status' then old_value end) as status,
        max(case when field = 'priority' then old_value end) as priority,
        max(case when field = 'department' then old_value end) as department,
        max(case when field = 'team' then old_value end) as team,
        max(case when field = 'agent_id' then old_value end) as agent_id
    from file_changes_in_order
    where change_no = 1
    group by source, case_id
),

-- what the export tells as a log of whole states is told by that log alone
file_case_heads as (
    select
        file_cases.source,
        file_cases.case_id,
        file_cases.record_key,
        file_cases.opened_at,
        file_cases.resolved_at,
        file_cases.closed_at,
        coalesce(file_beginnings.has_status, 0) as has_status,
        coalesce(file_beginnings.status, 'new') as first_status,
        -- a case is new once: one that is new now has been nothing else
        case when file_cases.status = 'new' then 'new' else 'open' end as only_status,
        -- what has changed says itself what it was; what never has is what the head says
        case when file_beginnings.has_department = 1 then coalesce(file_beginnings.department, '') end as first_department,
        case when file_beginnings.has_team = 1 then coalesce(file_beginnings.team, '') end as first_team,
        case when file_beginnings.has_agent = 1 then coalesce(file_beginnings.source || ':' || file_beginnings.agent_id, '') end as first_agent_key,
        case when file_beginnings.has_priority = 1 then coalesce(file_beginnings.priority, '') end as first_priority,
        coalesce(file_cases.department, '') as department,
        coalesce(file_cases.team, '') as team,
        coalesce(file_cases.source || ':' || file_cases.agent_id, '') as agent_key,
        coalesce(file_cases.priority, '') as priority
    from file_cases
    left join file_beginnings
        on file_cases.source = file_beginnings.source
        and file_cases.case_id = file_beginnings.case_id
    where not exists (
        select 1
        from file_case_events
        where file_case_events.source = file_cases.source
            and file_case_events.case_id = file_cases.case_id
    )
),

file_case_instants as (
    select *, 1 as event_sequence, 'created' as event_kind, opened_at as event_at, case when has_status = 1 then first_status else only_status end as said_status
    from file_case_heads
    union all
    select *, 2, 'resolved', greatest(resolved_at, opened_at), 'solved'
    from file_case_heads
    where resolved_at is not null and has_status = 0
    union all
    select *, 3, 'closed', greatest(closed_at, opened_at), 'closed'
    from file_case_heads
    where closed_at is not null and has_status = 0
),

file_case_states as (
    select
        source || ':' || case_id as case_key,
        event_at,
        cast(event_sequence as numeric) as event_sequence,
        record_key as tie_breaker,
        event_kind,
        said_status as status,
        case when first_department is null then department when event_kind = 'created' then first_department end as department,
        case when first_team is null then team when event_kind = 'created' then first_team end as team,
        case when first_agent_key is null then agent_key when event_kind = 'created' then first_agent_key end as agent_key,
        case when first_priority is null then priority when event_kind = 'created' then first_priority end as priority,
        cast(null as {{ dbt.type_string() }}) as changed_by_key,
        false as is_by_rule
    from file_case_instants
),

-- fields that change in one instant were changed at once: one event, and one handoff
file_change_events as (
    select
        changes.source || ':' || changes.case_id as case_key,
        greatest(changes.changed_at, file_case_heads.opened_at) as event_at,
        cast(3 + row_number() over (partition by changes.source, changes.case_id order by changes.changed_at, changes.same_instant_no) as numeric) as event_sequence,
        min(changes.record_key) as tie_breaker,
        'changed' as event_kind,
        max(case when changes.field = 'status' then changes.new_value end) as status,
        max(case when changes.field = 'department' then coalesce(changes.new_value, '') end) as department,
        max(case when changes.field = 'team' then coalesce(changes.new_value, '') end) as team,
        max(case when changes.field = 'agent_id' then coalesce(changes.source || ':' || changes.new_value, '') end) as agent_key,
        max(case when changes.field = 'priority' then coalesce(changes.new_value, '') end) as priority,
        cast(null as {{ dbt.type_string() }}) as changed_by_key,
        false as is_by_rule
    from file_changes_in_order as changes
    inner join file_case_heads
        on changes.source = file_case_heads.source
        and changes.case_id = file_case_heads.case_id
    group by changes.source, changes.case_id, changes.changed_at, changes.same_instant_no, file_case_heads.opened_at
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
        coalesce(priority, '') as priority,
        cast(null as {{ dbt.type_string() }}) as changed_by_key,
        false as is_by_rule
    from file_events_in_order
)

select * from {{ ticket_events }}
union all
select * from first_ticket_events
union all
select * from conversation_events
union all
select * from file_case_states
union all
select * from file_change_events
union all
select * from file_event_states
