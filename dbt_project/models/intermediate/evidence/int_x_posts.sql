{{ config(materialized='table', indexes=[{'columns': ['post_id']}, {'columns': ["(source || ':' || conversation_id)"]}]) }}

-- One row per post of X, whichever walks brought it. A mention of ours is addressed to us; so is a reply
-- to an account of ours. What a search found and is not addressed to us was written unprompted. A post with
-- edits keeps its first id and happened when that was published.
with mentions as (
    select * from {{ ref('stg_x__mentions') }}
),

searched as (
    select * from {{ ref('stg_x__search') }}
),

refreshed_posts as (
    select * from {{ ref('stg_x__refreshed_posts') }}
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
    select 3 as walk, * from searched
    union all
    select 4 as walk, * from referenced_posts
    union all
    select 5 as walk, * from refreshed_posts
),

own_accounts as (
    select distinct source, author_id from own_posts
),

ranked as (
    select
        *,
        max(case when walk = 2 then 1 else 0 end) over (partition by source, post_id) as is_in_mentions,
        max(case when walk = 3 then 1 else 0 end) over (partition by source, post_id) as is_found,
        max(search_name) over (partition by source, post_id) as found_by,
        max(read_run_no) over (partition by source, post_id) as newest_read_run_no,
        row_number() over (
            partition by source, post_id
            order by cast(newest_post_id as numeric) desc, walk
        ) as best_first
    from found
),

-- a mention that its own walk has not brought (yet, or for good: see ops.holes) is one all the same
named as (
    select
        source,
        post_id,
        {{ json_elements_of('mentioned') }} as mention
    from ranked
    where best_first = 1
),

mentions_of_us as (
    select distinct named.source, named.post_id
    from named
    inner join own_accounts
        on named.source = own_accounts.source
        and {{ json_text('named.mention', 'id') }} = own_accounts.author_id
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
),

judged as (
    select
        ranked.*,
        replied_to.parent_id,
        -- also where a search or a look-up came across a post of ours before its own walk did
        authors.author_id is not null as is_ours,
        ranked.is_in_mentions = 1
            or mentions_of_us.post_id is not null
            or answered.author_id is not null as is_to_us
    from ranked
    left join replied_to
        on ranked.source = replied_to.source
        and ranked.post_id = replied_to.post_id
    left join mentions_of_us
        on ranked.source = mentions_of_us.source
        and ranked.post_id = mentions_of_us.post_id
    left join own_accounts as authors
        on ranked.source = authors.source
        and ranked.author_id = authors.author_id
    left join own_accounts as answered
        on ranked.source = answered.source
        and ranked.in_reply_to_user_id = answered.author_id
    where ranked.best_first = 1
)

select
    source,
    post_id,
    newest_read_run_no as read_run_no,
    author_id,
    author_name,
    author_handle,
    conversation_id,
    case
        when newest_post_id = post_id then created_at
        else {{ snowflake_time('post_id') }}
    end as posted_at,
    text,
    lang,
    in_reply_to_user_id,
    parent_id,
    edit_ids,
    is_ours as is_own,
    is_to_us and not is_ours as is_addressed,
    is_found = 1 and not is_to_us and not is_ours as is_unprompted,
    found_by as search_name,
    coalesce(is_purged, false) as is_purged

from judged
