{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- What a case's timeline comes to: how it stands now, and how often it changed hands. One row per case.
with timeline as (
    select case_key, row_no, from_at, status, priority, department, team, agent_key, resolved_at, closed_at, ended_at
    from {{ ref('int_case_timeline') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

newest as (
    select case_key, max(row_no) as row_no
    from timeline
    group by case_key
),

-- a handoff is a change from one known holder to the next: rows with nobody in between do not count, nor do those after
-- the case's end
known_departments as (
    select case_key, row_no, department,
        lag(department) over (partition by case_key order by row_no) as previous_department
    from timeline
    where department is not null
        and (ended_at is null or from_at <= ended_at)
),

known_teams as (
    select case_key, row_no, team,
        lag(team) over (partition by case_key order by row_no) as previous_team
    from timeline
    where team is not null
        and (ended_at is null or from_at <= ended_at)
),

department_handoffs as (
    select case_key, count(*) as handoff_count
    from known_departments
    where previous_department <> department
    group by case_key
),

team_handoffs as (
    select case_key, count(*) as handoff_count
    from known_teams
    where previous_team <> team
    group by case_key
),

statuses as (
    select
        case_key,
        status,
        lag(status) over (partition by case_key order by row_no) as previous_status
    from timeline
),

reopens as (
    select case_key, count(*) as reopen_count
    from statuses
    where previous_status in ('solved', 'closed')
        and status not in ('solved', 'closed', 'deleted')
    group by case_key
)

select
    timeline.case_key,
    timeline.status,
    timeline.priority,
    timeline.department,
    timeline.team,
    timeline.agent_key,
    timeline.resolved_at,
    timeline.closed_at,
    timeline.ended_at,
    cast(coalesce(department_handoffs.handoff_count, 0) as integer) as handoff_count,
    cast(coalesce(team_handoffs.handoff_count, 0) as integer) as team_handoff_count,
    cast(coalesce(reopens.reopen_count, 0) as integer) as reopen_count

from timeline
inner join newest
    on timeline.case_key = newest.case_key
    and timeline.row_no = newest.row_no
left join department_handoffs
    on timeline.case_key = department_handoffs.case_key
left join team_handoffs
    on timeline.case_key = team_handoffs.case_key
left join reopens
    on timeline.case_key = reopens.case_key
