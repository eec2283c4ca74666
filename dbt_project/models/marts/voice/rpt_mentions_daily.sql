{{ config(materialized='table') }}

with mentions as (
    select
        int_mentions.*,
        case when is_unprompted then 1 else 0 end as unprompted,
        case when replied_at is not null then 1 else 0 end as answered
    from {{ ref('int_mentions') }} as int_mentions
),

metrics as (
    select * from {{ ref('fct_interaction_metrics') }}
    where is_newest
),

counted as (
    select
        mentions.occurred_on as day,
        mentions.source,
        mentions.channel,
        coalesce(mentions.brand, '(none)') as brand,
        count(*) as mentions,
        sum(1 - mentions.unprompted) as addressed,
        sum(mentions.unprompted) as unprompted,
        sum(mentions.answered) as answered,
        sum(mentions.answered * (1 - mentions.unprompted)) as addressed_answered,
        sum(mentions.answered * mentions.unprompted) as reached,
        count(metrics.interaction_key) as observed,
        sum(metrics.impression_count) as impressions,
        sum(metrics.author_follower_count) as followers
    from mentions
    left join metrics
        on mentions.interaction_key = metrics.interaction_key
    group by mentions.occurred_on, mentions.source, mentions.channel, coalesce(mentions.brand, '(none)')
)

select
    day,
    source,
    channel,
    brand,
    cast(mentions as integer) as mention_count,
    cast(addressed as integer) as addressed_count,
    cast(unprompted as integer) as unprompted_count,
    cast(answered as integer) as answered_count,
    cast(addressed_answered as integer) as addressed_answered_count,
    cast(reached as integer) as reached_count,
    cast(unprompted - reached as integer) as missed_count,
    cast(cast(answered as {{ dbt.type_float() }}) / mentions as {{ dbt.type_float() }}) as answered_share,
    cast(cast(reached as {{ dbt.type_float() }}) / nullif(unprompted, 0) as {{ dbt.type_float() }}) as reached_share,
    cast(observed as integer) as observed_count,
    cast(impressions as bigint) as impression_count,
    cast(followers as bigint) as author_follower_count

from counted
