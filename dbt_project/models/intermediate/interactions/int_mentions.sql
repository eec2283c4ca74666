{{ config(materialized='table') }}

-- What customers said in public on social channels, to us or, found by a search, about us; and who of ours
-- answered it first. One row per message. An answer is the first reply in its case at or after it: who wrote
-- twice before we answered is answered twice.
with cases as (
    select * from {{ ref('int_cases') }}
),

social_channels as (
    select channel from {{ ref('stg_policy__channels') }}
    where is_social
),

agents_teams as (
    select * from {{ ref('int_agents_teams') }}
),

teams as (
    select * from {{ ref('int_teams_departments') }}
),

mentions as (
    select interactions.*
    from {{ ref('int_interactions') }} as interactions
    left join social_channels
        on interactions.channel = social_channels.channel
    where interactions.is_unprompted
        or (
            interactions.is_addressed
            and interactions.visibility = 'public'
            and social_channels.channel is not null
        )
),

cases_with_mentions as (
    select distinct case_key
    from mentions
    where case_key is not null
),

-- read once more, and without texts: most cases have no mention
interactions as (
    select
        int_interactions.interaction_key,
        int_interactions.case_key,
        int_interactions.agent_key,
        int_interactions.is_reply,
        int_interactions.occurred_at
    from {{ ref('int_interactions') }} as int_interactions
    inner join cases_with_mentions
        on int_interactions.case_key = cases_with_mentions.case_key
),

-- what is of one instant comes both before and after: an answer in the same second is one
looking_ahead as (
    select
        interaction_key,
        min(case when is_reply then occurred_at end) over (
            partition by case_key order by occurred_at
            range between current row and unbounded following
        ) as replied_at
    from interactions
),

replies as (
    select
        case_key,
        occurred_at,
        min(agent_key) as agent_key
    from interactions
    where is_reply
    group by case_key, occurred_at
)

select
    mentions.interaction_key,
    mentions.source,
    mentions.channel,
    coalesce(mentions.brand, cases.brand) as brand,
    mentions.occurred_at,
    {{ local_date('mentions.occurred_at', company_timezone()) }} as occurred_on,
    mentions.conversation_key,
    mentions.case_key,
    mentions.customer_key,
    mentions.is_unprompted,
    mentions.text,
    replies.occurred_at as replied_at,
    replies.agent_key,
    agents_teams.team,
    teams.department

from mentions
left join looking_ahead
    on mentions.interaction_key = looking_ahead.interaction_key
left join replies
    on mentions.case_key = replies.case_key
    and looking_ahead.replied_at = replies.occurred_at
left join cases
    on mentions.case_key = cases.case_key
left join agents_teams
    on replies.agent_key = agents_teams.agent_key
    and replies.occurred_at >= agents_teams.valid_from_at
    and replies.occurred_at < agents_teams.valid_until_at
left join teams
    on agents_teams.team = teams.team
    and replies.occurred_at >= teams.valid_from_at
    and replies.occurred_at < teams.valid_until_at
