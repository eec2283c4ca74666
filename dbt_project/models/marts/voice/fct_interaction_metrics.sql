{{ config(materialized='view') }}

with interactions as (
    select * from {{ ref('int_interactions') }}
    where source_kind = 'x'
),

metrics as (
    select
        metrics.*,
        {{ local_date('metrics.observed_at', company_timezone()) }} as observed_on
    from {{ ref('stg_x__public_metrics') }} as metrics
),

ranked as (
    select
        metrics.*,
        row_number() over (
            partition by source, record_key, observed_on
            order by observed_at desc, batch_id desc, position desc
        ) as newest_of_day_first,
        row_number() over (
            partition by source, record_key
            order by observed_at desc, batch_id desc, position desc
        ) as newest_first
    from metrics
)

select
    interactions.interaction_key,
    ranked.observed_on,
    ranked.observed_at,
    interactions.conversation_key,
    ranked.newest_first = 1 as is_newest,
    ranked.impression_count,
    ranked.repost_count,
    ranked.public_reply_count,
    ranked.like_count,
    ranked.quote_count,
    ranked.author_follower_count

from ranked
inner join interactions
    on ranked.source = interactions.source
    and ranked.record_key = interactions.record_key
where ranked.newest_of_day_first = 1
