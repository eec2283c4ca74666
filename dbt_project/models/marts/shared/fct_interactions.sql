{{ config(materialized='view') }}

with interactions as (
    select * from {{ ref('int_interactions') }}
),

cases as (
    select * from {{ ref('int_cases') }}
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
)

select
    interactions.interaction_key,
    interactions.source,
    interactions.channel,
    interactions.channel_raw,
    coalesce(interactions.brand, cases.brand) as brand,
    interactions.direction,
    interactions.visibility,
    case
        when interactions.stated_purpose is not null then interactions.stated_purpose
        when interactions.direction = 'outbound' and interactions.case_key is null
            and interactions.in_reply_to_interaction_key is null then 'publishing'
        when interactions.direction = 'outbound' then 'service'
        else coalesce(cases.purpose, 'other')
    end as purpose,
    interactions.occurred_at,
    {{ local_date('interactions.occurred_at', company_timezone()) }} as occurred_on,
    interactions.conversation_key,
    interactions.case_key,
    interactions.customer_key,
    interactions.agent_key,
    agents_teams.team,
    teams.department,
    interactions.is_bot,
    interactions.is_deleted,
    interactions.is_reply,
    interactions.is_unprompted,
    interactions.in_reply_to_interaction_key,
    interactions.answers_interaction_key,
    {{ mask_text('interactions.text') }} as text_masked,
    interactions.source_record_count

from interactions
left join cases
    on interactions.case_key = cases.case_key
left join agents_teams
    on interactions.agent_key = agents_teams.agent_key
    and interactions.occurred_at >= agents_teams.valid_from_at
    and interactions.occurred_at < agents_teams.valid_until_at
left join teams
    on agents_teams.team = teams.team
    and interactions.occurred_at >= teams.valid_from_at
    and interactions.occurred_at < teams.valid_until_at
