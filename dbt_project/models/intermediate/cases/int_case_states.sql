{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- The state of a case after each of its events: the last known value of each attribute, carried on. One row
-- per event, whether it changed anything or not; turns of policy during the case's time are events too.
with cases as (
    select * from {{ ref('int_cases') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

case_events as (
    select
        case_events.*,
        0 as is_turn
    from {{ ref('int_case_events') }} as case_events
    inner join cases
        on case_events.case_key = cases.case_key
    where case_events.event_at < {{ as_of() }}
),

turns as (
    select * from {{ ref('int_policy_turns') }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
),

aliases as (
    select * from {{ ref('stg_policy__owner_aliases') }}
),

-- a case of which no event tells the beginning begins with nobody
openings as (
    select
        cases.case_key,
        cases.opened_at as event_at,
        cast(-1 as numeric) as event_sequence,
        '' as tie_breaker,
        'created' as event_kind,
        'new' as status,
        '' as department,
        '' as team,
        '' as agent_key,
        '' as priority,
        0 as is_turn
    from cases
    left join (
        select case_key, min(event_at) as first_event_at
        from case_events
        group by case_key
    ) as known
        on cases.case_key = known.case_key
    where known.first_event_at is null
        or known.first_event_at > cases.opened_at
),

turned as (
    select
        cases.case_key,
        turns.turn_at as event_at,
        cast(-2 as numeric) as event_sequence,
        '' as tie_breaker,
        'policy_changed' as event_kind,
        cast(null as {{ dbt.type_string() }}) as status,
        cast(null as {{ dbt.type_string() }}) as department,
        cast(null as {{ dbt.type_string() }}) as team,
        cast(null as {{ dbt.type_string() }}) as agent_key,
        cast(null as {{ dbt.type_string() }}) as priority,
        1 as is_turn
    from cases
    inner join turns
        on turns.turn_at > cases.opened_at
),

all_events as (
    select * from openings
    union all
    select * from case_events
    union all
    select * from turned
),

-- the number of the last event that said something of the attribute: its value holds until the next
said as (
    select
        all_events.*,
        row_number() over case_order as event_no,
        count(status) over case_order as status_no,
        count(department) over case_order as department_no,
        count(team) over case_order as team_no,
        count(agent_key) over case_order as agent_no,
        count(priority) over case_order as priority_no
    from all_events
    window case_order as (
        partition by case_key order by event_at, event_sequence, tie_breaker
        rows between unbounded preceding and current row
    )
),

carried as (
    select
        case_key,
        event_no,
        event_at,
        event_kind,
        is_turn,
        max(status) over (partition by case_key, status_no) as status,
        max(department) over (partition by case_key, department_no) as said_department,
        max(team) over (partition by case_key, team_no) as team,
        max(agent_key) over (partition by case_key, agent_no) as agent_key,
        max(priority) over (partition by case_key, priority_no) as priority
    from said
),

-- the end: from the last reopen on, the first solved, the first closed, the deletion
last_open as (
    select
        case_key,
        coalesce(max(case when status not in ('solved', 'closed', 'deleted') then event_no end), 0) as last_unsolved_no,
        coalesce(max(case when status not in ('closed', 'deleted') then event_no end), 0) as last_unclosed_no
    from carried
    where is_turn = 0
    group by case_key
),

endings as (
    select
        carried.case_key,
        min(case when carried.event_no > last_open.last_unsolved_no and carried.status in ('solved', 'closed') then carried.event_at end) as resolved_at,
        min(case when carried.event_no > last_open.last_unclosed_no and carried.status = 'closed' then carried.event_at end) as closed_at,
        min(case when carried.event_no > last_open.last_unclosed_no then carried.event_at end) as ended_at
    from carried
    inner join last_open
        on carried.case_key = last_open.case_key
    where carried.is_turn = 0
    group by carried.case_key
)

select
    carried.case_key,
    cases.source,
    cases.channel,
    coalesce(cases.visibility, '') as visibility,
    'inbound' as direction,
    cases.purpose,
    coalesce(cases.brand, '') as brand,
    cases.topic,
    cases.customer_tier,
    carried.event_no,
    carried.event_at,
    carried.event_kind,
    coalesce(carried.status, 'new') as status,
    coalesce(aliases.department, nullif(carried.said_department, ''), teams.department) as department,
    nullif(carried.team, '') as team,
    nullif(carried.agent_key, '') as agent_key,
    coalesce(carried.priority, '') as priority,
    endings.resolved_at,
    endings.closed_at,
    endings.ended_at
from carried
inner join cases
    on carried.case_key = cases.case_key
inner join endings
    on carried.case_key = endings.case_key
left join aliases
    on lower(carried.said_department) = aliases.alias
left join teams
    on carried.team = teams.team
    and carried.event_at >= teams.valid_from_at
    and carried.event_at < teams.valid_until_at
where carried.is_turn = 0
    or endings.ended_at is null
    or carried.event_at < endings.ended_at
