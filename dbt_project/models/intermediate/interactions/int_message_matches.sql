{{ config(materialized='table', indexes=[{'columns': ['x_interaction_key']}, {'columns': ['comment_interaction_key']}]) }}

-- A post that the help desk made a comment of is one interaction with two source records. They are matched
-- by the network's own message id, else not at all. The help desk may have taken any edit of the post. One row
-- per comment.
with records as (
    select * from {{ ref('int_interaction_records') }}
),

x_posts as (
    select * from {{ ref('int_x_posts') }}
),

x_edits as (
    select * from {{ ref('int_x_edits') }}
),

versions as (
    select source, post_id as version_id, post_id
    from x_posts

    union all

    select source, edit_id as version_id, post_id
    from x_edits
)

select
    records.interaction_key as comment_interaction_key,
    records.case_key,
    records.conversation_key as comment_conversation_key,
    records.agent_key,
    min(x_posts.source || ':' || x_posts.post_id) as x_interaction_key,
    min(x_posts.source || ':' || x_posts.conversation_id) as x_conversation_key

from records
inner join versions
    on records.x_post_id = versions.version_id
inner join x_posts
    on versions.source = x_posts.source
    and versions.post_id = x_posts.post_id
where records.source_kind = 'zendesk'
    and records.x_post_id is not null
    and records.occurred_at < {{ as_of() }}
    and x_posts.posted_at < {{ as_of() }}
group by records.interaction_key, records.case_key, records.conversation_key, records.agent_key
