{{ config(materialized='table') }}

-- depends_on: {{ ref('int_dirty_cases') }}
with spans as (
    select * from {{ ref('fct_ownership_spans') }}
    where to_at is null
        and is_nobody
    {%- if not is_full() %}
        -- a case that is open is dirty each night
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

facts as (
    select * from {{ ref('int_case_facts') }}
    where status not in ('solved', 'closed', 'deleted')
        and case_key in (select spans.case_key from spans)
),

cases as (
    select * from {{ ref('int_cases') }}
    where not_counted_reason is null
        and case_key in (select spans.case_key from spans)
),

messages as (
    select case_key, interaction_key, occurred_at
    from {{ ref('int_interactions') }}
    where direction = 'inbound'
        and case_key in (select spans.case_key from spans)
),

metrics as (
    select * from {{ ref('fct_interaction_metrics') }}
    where is_newest
),

written as (
    select
        messages.case_key,
        max(messages.occurred_at) as last_inbound_at,
        cast(sum(metrics.impression_count) as bigint) as impression_count,
        max(metrics.author_follower_count) as author_follower_count
    from messages
    left join metrics
        on messages.interaction_key = metrics.interaction_key
    group by messages.case_key
)

select
    spans.case_key,
    cases.customer_key,
    cases.channel,
    cases.brand,
    cases.topic,
    cases.visibility,
    facts.priority,
    facts.status,
    cases.opened_at,
    spans.from_at as orphaned_at,
    spans.calendar_seconds as orphaned_seconds,
    {{ seconds_between('cases.opened_at', as_of()) }} as age_seconds,
    spans.span_no > 1 as was_held_before,
    cases.inbound_count,
    written.last_inbound_at,
    written.impression_count,
    written.author_follower_count,
    spans.ownership_policy,
    spans.policy_department,
    spans.policy_team,
    {{ mask_text('cases.subject') }} as subject_masked

from spans
inner join facts
    on spans.case_key = facts.case_key
inner join cases
    on spans.case_key = cases.case_key
left join written
    on spans.case_key = written.case_key
