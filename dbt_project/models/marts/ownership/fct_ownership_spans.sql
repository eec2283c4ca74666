{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
with timeline as (
    select * from {{ ref('int_case_timeline') }}
    where (ended_at is null or from_at < ended_at or row_no = 1)
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

interactions as (
    select * from {{ ref('int_interactions') }}
    where is_reply
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
),

held as (
    select
        timeline.*,
        case
            when lag(case_key) over case_order is null
                or coalesce(lag(department) over case_order, '') <> coalesce(department, '')
                or coalesce(lag(team) over case_order, '') <> coalesce(team, '')
                or coalesce(lag(agent_key) over case_order, '') <> coalesce(agent_key, '')
                then 1
            else 0
        end as is_new_holder
    from timeline
    window case_order as (partition by case_key order by row_no)
),

numbered as (
    select
        held.*,
        cast(sum(is_new_holder) over (
            partition by case_key order by row_no
            rows between unbounded preceding and current row
        ) as integer) as span_no
    from held
),

spans as (
    select
        numbered.case_key,
        numbered.span_no,
        numbered.from_at,
        -- to the next holder, else to the end of the case's time
        coalesce(
            lead(numbered.from_at) over (partition by numbered.case_key order by numbered.span_no),
            numbered.ended_at
        ) as to_at,
        numbered.department,
        numbered.team,
        numbered.agent_key,
        numbered.ownership_policy,
        numbered.policy_department,
        numbered.policy_team
    from numbered
    where numbered.is_new_holder = 1
),

-- a person of another department who answers the customer while somebody holds the case
contests as (
    select
        spans.case_key,
        spans.span_no,
        count(*) as reply_count
    from spans
    inner join interactions
        on spans.case_key = interactions.case_key
        and interactions.occurred_at >= spans.from_at
        and (spans.to_at is null or interactions.occurred_at < spans.to_at)
    inner join agents_teams
        on interactions.agent_key = agents_teams.agent_key
        and interactions.occurred_at >= agents_teams.valid_from_at
        and interactions.occurred_at < agents_teams.valid_until_at
    inner join teams
        on agents_teams.team = teams.team
        and interactions.occurred_at >= teams.valid_from_at
        and interactions.occurred_at < teams.valid_until_at
    where spans.department is not null
        and teams.department <> spans.department
    group by spans.case_key, spans.span_no
)

select
    spans.case_key,
    spans.span_no,
    spans.from_at,
    spans.to_at,
    spans.department,
    spans.team,
    spans.agent_key,
    spans.department is null and spans.team is null and spans.agent_key is null as is_nobody,
    {{ seconds_between('spans.from_at', "coalesce(spans.to_at, " ~ as_of() ~ ")") }} as calendar_seconds,
    spans.policy_department,
    spans.policy_team,
    spans.ownership_policy,
    case
        when spans.ownership_policy is null then 'no_policy'
        when spans.department is null and spans.team is null and spans.agent_key is null then 'orphaned'
        when contests.reply_count > 0 then 'contested'
        when coalesce(spans.department, '') <> spans.policy_department
            or (spans.policy_team is not null and coalesce(spans.team, '') <> spans.policy_team)
            then 'misrouted'
        else 'as_policy'
    end as verdict

from spans
left join contests
    on spans.case_key = contests.case_key
    and spans.span_no = contests.span_no
