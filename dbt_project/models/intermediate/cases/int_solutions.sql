{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- Each time that a case was solved (or closed unsolved), in whose hands, and whether it was opened again.
with timeline as (
    select
        case_key,
        row_no,
        from_at,
        status,
        department,
        team,
        agent_key,
        case when status in ('solved', 'closed') then 1 else 0 end as is_solved,
        lag(status) over case_order as previous_status
    from {{ ref('int_case_timeline') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
    window case_order as (partition by case_key order by row_no)
),

-- rows in which it becomes solved, and in which it stops being so
turns as (
    select
        timeline.*,
        lead(status) over (partition by case_key order by row_no) as next_status,
        lead(from_at) over (partition by case_key order by row_no) as next_at
    from timeline
    where previous_status is null
        or (is_solved = 1 and previous_status not in ('solved', 'closed'))
        or (is_solved = 0 and previous_status in ('solved', 'closed'))
)

select
    case_key,
    cast(row_number() over (partition by case_key order by row_no) as integer) as solution_no,
    from_at as solved_at,
    department,
    team,
    agent_key,
    coalesce(next_status <> 'deleted', false) as is_reopened,
    case when next_status <> 'deleted' then next_at end as reopened_at

from turns
where is_solved = 1
