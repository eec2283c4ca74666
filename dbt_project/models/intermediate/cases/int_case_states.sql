{{ config(materialized='view') }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- The state of a case after each of its events: the last known value of each attribute, carried on. One row
-- per event, whether it changed anything or not, and one per turn of policy during the case's time. In an
-- increment those of the dirty cases.
with cases as (
    select * from {{ ref('int_cases') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- of a case that is not known nothing is left in the end
case_events as (
    select
        int_case_events.*,
        0 as is_assumed
    from {{ ref('int_case_events') }} as int_case_events
    where event_at < {{ as_of() }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
),

aliases as (
    select * from {{ ref('stg_policy__owner_aliases') }}
),

-- a case of which no event tells the beginning begins with nobody: so each is assumed to, behind all that happened
-- by then
openings as (
    select
        cases.case_key,
        cases.opened_at as event_at,
        cast(0 as numeric) as event_sequence,
        '' as tie_breaker,
        'created' as event_kind,
        'new' as status,
        '' as department,
        '' as team,
        '' as agent_key,
        '' as priority,
        cast(null as {{ dbt.type_string() }}) as changed_by_key,
        false as is_by_rule,
        1 as is_assumed
    from cases
),

all_events as (
    select * from openings
    union all
    select * from case_events
),

numbered as (
    select
        all_events.*,
        row_number() over case_order as told_no,
        lpad(cast(row_number() over case_order as {{ dbt.type_string() }}), 9, '0') as event_mark
    from all_events
    window case_order as (partition by case_key order by event_at, is_assumed, event_sequence, tie_breaker)
),

-- what was said last of an attribute holds until something else is said: with the number of its event in front it is
-- the greatest so far. So all attributes are carried on in the one order of the events.
carried as (
    select
        case_key,
        row_number() over case_order as event_no,
        event_at,
        lead(event_at) over case_order as next_at,
        event_kind,
        changed_by_key,
        is_by_rule,
        {%- for attribute in ['status', 'department', 'team', 'agent_key', 'priority'] %}
        substring(max(event_mark || {{ attribute }}) over case_order, 10) as {{ attribute }}{{ ',' if not loop.last }}
        {%- endfor %}
    from numbered
    where is_assumed = 0
        or told_no = 1
    window case_order as (
        partition by case_key order by event_at, is_assumed, event_sequence, tie_breaker
        rows between unbounded preceding and current row
    )
),

-- the end: from the last reopen on, the first solved, the first closed, the deletion
last_open as (
    select
        carried.*,
        coalesce(max(case when status not in ('solved', 'closed', 'deleted') then event_no end) over (partition by case_key), 0) as last_unsolved_no,
        coalesce(max(case when status not in ('closed', 'deleted') then event_no end) over (partition by case_key), 0) as last_unclosed_no
    from carried
),

states as (
    select
        last_open.*,
        min(case when event_no > last_unsolved_no and status in ('solved', 'closed') then event_at end) over (partition by case_key) as resolved_at,
        min(case when event_no > last_unclosed_no and status = 'closed' then event_at end) over (partition by case_key) as closed_at,
        min(case when event_no > last_unclosed_no then event_at end) over (partition by case_key) as ended_at
    from last_open
),

-- what an event left holds for its own instant and, until the next one, at each turn of policy
-- (at an instant with events the turn comes first)
instants as (
    select cast(null as timestamp) as turn_at

    union all

    select turn_at from {{ ref('int_policy_turns') }}
),

turned as (
    select
        states.*,
        coalesce(instants.turn_at, states.event_at) as held_at,
        instants.turn_at is not null as is_turn
    from states
    inner join instants
        on instants.turn_at is null
        or (
            instants.turn_at > states.event_at
            and (states.next_at is null or instants.turn_at <= states.next_at)
            and (states.ended_at is null or instants.turn_at < states.ended_at)
        )
)

select
    turned.case_key,
    cases.source,
    cases.channel,
    coalesce(cases.visibility, '') as visibility,
    'inbound' as direction,
    cases.purpose,
    coalesce(cases.brand, '') as brand,
    cases.topic,
    cases.customer_tier,
    turned.event_no,
    turned.held_at as event_at,
    case when turned.is_turn then 'policy_changed' else turned.event_kind end as event_kind,
    coalesce(turned.status, 'new') as status,
    coalesce(aliases.department, nullif(turned.department, ''), teams.department) as department,
    nullif(turned.team, '') as team,
    nullif(turned.agent_key, '') as agent_key,
    coalesce(turned.priority, '') as priority,
    case
        when turned.is_turn then 'reorganised'
        when turned.is_by_rule then 'rule'
        when turned.event_kind = 'replied' then 'replied'
        when turned.changed_by_key = turned.agent_key then 'taken_over'
        else 'assigned'
    end as came_by,
    turned.resolved_at,
    turned.closed_at,
    turned.ended_at
from turned
inner join cases
    on turned.case_key = cases.case_key
left join aliases
    on {{ owner_name('turned.department') }} = aliases.alias
left join teams
    on turned.team = teams.team
    and turned.held_at >= teams.valid_from_at
    and turned.held_at < teams.valid_until_at
