{{ config(materialized='view') }}

with spans as (
    select
        spans.*,
        min(case when verdict = 'as_policy' then from_at end) over (
            partition by case_key order by span_no
            rows between 1 following and unbounded following
        ) as righted_at
    from {{ ref('fct_ownership_spans') }} as spans
),

cases as (
    select case_key, channel, brand, topic, not_counted_reason
    from {{ ref('int_cases') }}
)

select
    spans.case_key,
    spans.span_no,
    spans.from_at,
    spans.to_at,
    spans.department,
    spans.team,
    spans.agent_key,
    spans.came_by,
    spans.ownership_policy,
    spans.policy_department,
    spans.policy_team,
    coalesce(spans.department, '') = spans.policy_department as is_team_only,
    spans.calendar_seconds,
    spans.schedule,
    spans.business_seconds,
    spans.reply_count,
    spans.righted_at,
    cases.channel,
    cases.brand,
    cases.topic,
    cases.not_counted_reason is null as is_counted

from spans
inner join cases
    on spans.case_key = cases.case_key
where spans.verdict = 'misrouted'
