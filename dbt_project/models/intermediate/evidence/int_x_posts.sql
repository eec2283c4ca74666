{{ config(materialized='table', indexes=[{'columns': ['post_id']}]) }}

-- One row per post of X, whichever walks brought it. A mention of ours is addressed to us; so is a reply
-- to an account of ours. A post with edits keeps its first id and happened when that was published.
with mentions as (
    select * from {{ ref('stg_x__mentions') }}
),

own_posts as (
    select * from {{ ref('stg_x__posts') }}
),

referenced_posts as (
    select * from {{ ref('stg_x__referenced_posts') }}
),

found as (
    select 1 as walk, * from own_posts
    union all
    select 2 as walk, * from mentions
    union all
    select 3 as walk, * from referenced_posts
),

ranked as (
    select
        *,
        max(case when walk = 2 then 1 else 0 end) over (partition by source, post_id) as is_mention,
        max(case when walk = 1 then 1 else 0 end) over (partition by source, post_id) as is_own,
        max(read_run_no) over (partition by source, post_id) as newest_read_run_no,
        row_number() over (
            partition by source, post_id
            order by cast(newest_post_id as numeric) desc, walk
        ) as best_first
    from found
),

own_accounts as (
    select distinct source, author_id from own_posts
),

parents as (
    select
        source,
        post_id,
        {{ json_elements_of('referenced_posts') }} as reference
    from ranked
    where best_first = 1
),

replied_to as (
    select
        source,
        post_id,
        max({{ json_text('reference', 'id') }}) as parent_id
    from parents
    where {{ json_text('reference', 'type') }} = 'replied_to'
    group by source, post_id
)

select
    ranked.source,
    ranked.post_id,
    ranked.newest_read_run_no as read_run_no,
    ranked.author_id,
    ranked.author_name,
    ranked.author_handle,
    ranked.conversation_id,
    case
        when ranked.newest_post_id = ranked.post_id then ranked.created_at
        else {{ snowflake_time('ranked.post_id') }}
    end as posted_at,
    ranked.text,
    ranked.lang,
    ranked.in_reply_to_user_id,
    replied_to.parent_id,
    ranked.edit_ids,
    ranked.is_own = 1 as is_own,
    ranked.is_own = 0 and (ranked.is_mention = 1 or own_accounts.author_id is not null) as is_addressed

from ranked
left join replied_to
    on ranked.source = replied_to.source
    and ranked.post_id = replied_to.post_id
left join own_accounts
    on ranked.source = own_accounts.source
    and ranked.in_reply_to_user_id = own_accounts.author_id
where ranked.best_first = 1
