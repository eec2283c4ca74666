{{ config(materialized='view') }}

with spans as (
    select * from {{ ref('fct_ownership_spans') }}
    where verdict = 'contested'
),

replies as (
    select * from {{ ref('int_replies') }}
    where department is not null
),

cases as (
    select case_key, channel, brand, topic, not_counted_reason
    from {{ ref('int_cases') }}
)

select
    spans.case_key,
    spans.span_no,
    replies.department as other_department,
    min(spans.from_at) as from_at,
    min(spans.to_at) as to_at,
    min(spans.department) as department,
    min(spans.team) as team,
    min(spans.agent_key) as agent_key,
    cast(count(*) as integer) as reply_count,
    min(replies.occurred_at) as first_reply_at,
    max(replies.occurred_at) as last_reply_at,
    min(spans.ownership_policy) as ownership_policy,
    min(spans.policy_department) as policy_department,
    min(spans.policy_department) = min(spans.department) as is_holder_s,
    min(spans.policy_department) = replies.department as is_other_s,
    min(cases.channel) as channel,
    min(cases.brand) as brand,
    min(cases.topic) as topic,
    min(cases.not_counted_reason) is null as is_counted

from spans
inner join cases
    on spans.case_key = cases.case_key
inner join replies
    on spans.case_key = replies.case_key
    and replies.occurred_at >= spans.from_at
    and (spans.to_at is null or replies.occurred_at < spans.to_at)
    and replies.department <> spans.department
group by spans.case_key, spans.span_no, replies.department
