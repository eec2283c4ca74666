{{ config(materialized='view') }}

select
    case_key,
    row_no,
    from_at,
    to_at,
    event_kind,
    status,
    waiting_on,
    department,
    team,
    agent_key,
    priority,
    brand,
    channel,
    topic,
    ownership_policy

from {{ ref('int_case_timeline') }}
