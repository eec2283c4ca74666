{{ config(materialized='table') }}

-- It looks ahead (a reply, another contact, a rating may come later), so it is compared whole when published.
with mentions as (
    select * from {{ ref('int_mentions') }}
    where is_unprompted
),

cases as (
    select * from {{ ref('fct_cases') }}
),

ratings as (
    select
        case_key,
        verdict,
        row_number() over (partition by case_key order by rated_at desc, rating_key desc) as newest_first
    from {{ ref('fct_ratings') }}
    where case_key is not null
),

metrics as (
    select * from {{ ref('fct_interaction_metrics') }}
    where is_newest
),

-- another case of the customer, opened after we reached them or, where nobody did, after they wrote
later_contacts as (
    select
        mentions.interaction_key,
        min(cases.opened_at) as opened_at
    from mentions
    inner join cases
        on mentions.customer_key = cases.customer_key
        and cases.is_counted
        and cases.opened_at > coalesce(mentions.replied_at, mentions.occurred_at)
        and cases.opened_at <= {{ add_seconds('coalesce(mentions.replied_at, mentions.occurred_at)', '7 * 86400') }}
    where mentions.case_key is null
        or mentions.case_key <> cases.case_key
    group by mentions.interaction_key
)

select
    mentions.interaction_key,
    mentions.source,
    mentions.channel,
    mentions.brand,
    mentions.occurred_at,
    mentions.occurred_on,
    mentions.conversation_key,
    mentions.customer_key,
    {{ mask_text('mentions.text') }} as text_masked,
    metrics.impression_count,
    metrics.author_follower_count,
    case when mentions.replied_at is null then 'missed' else 'reached' end as outcome,
    mentions.replied_at as reached_at,
    {{ seconds_between('mentions.occurred_at', 'mentions.replied_at') }} as seconds_to_reach,
    mentions.agent_key as reached_by_agent_key,
    mentions.team as reached_by_team,
    mentions.department as reached_by_department,
    mentions.case_key,
    cases.status as case_status,
    cases.resolved_at,
    case
        when later_contacts.opened_at is not null then true
        when {{ add_seconds('coalesce(mentions.replied_at, mentions.occurred_at)', '7 * 86400') }} < {{ as_of() }} then false
    end as has_later_contact,
    ratings.verdict as rating_verdict

from mentions
left join cases
    on mentions.case_key = cases.case_key
left join ratings
    on mentions.case_key = ratings.case_key
    and ratings.newest_first = 1
left join metrics
    on mentions.interaction_key = metrics.interaction_key
left join later_contacts
    on mentions.interaction_key = later_contacts.interaction_key
