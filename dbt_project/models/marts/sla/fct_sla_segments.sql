{{ config(materialized='view') }}

select
    case_key,
    metric,
    clock_no,
    segment_no,
    from_at,
    to_at,
    is_paused,
    status,
    priority,
    policy,
    case when policy is not null then target_seconds end as target_seconds,
    coalesce(hours, 'calendar') as hours,
    department,
    team,
    agent_key,
    calendar_seconds,
    seconds,
    elapsed_seconds - seconds as elapsed_before_seconds

from {{ ref('int_sla_segments') }}
