{{ config(materialized='view') }}

with cases as (
    select * from {{ ref('int_cases') }}
),

facts as (
    select * from {{ ref('int_case_facts') }}
),

repeat_contacts as (
    select * from {{ ref('int_repeat_contacts') }}
)

select
    cases.case_key,
    cases.source,
    cases.case_id,
    cases.conversation_key,
    cases.customer_key,
    cases.channel,
    cases.channel_raw,
    cases.brand,
    cases.topic,
    facts.priority,
    facts.status,
    cases.opened_at,
    {{ local_date('cases.opened_at', company_timezone()) }} as opened_on,
    facts.resolved_at,
    facts.closed_at,
    cases.source_due_at,
    facts.ended_at is null as is_open,
    cases.not_counted_reason is null as is_counted,
    cases.not_counted_reason,
    cases.merged_into_case_key,
    facts.department,
    facts.team,
    facts.agent_key,
    cases.inbound_count,
    cases.outbound_count,
    cases.reply_count,
    facts.handoff_count,
    facts.team_handoff_count,
    facts.reopen_count,
    cases.source_verdict,
    cases.source_handoff_count,
    repeat_contacts.has_repeat_contact,
    {{ mask_text('cases.subject') }} as subject_masked

from cases
inner join facts
    on cases.case_key = facts.case_key
left join repeat_contacts
    on cases.case_key = repeat_contacts.case_key
