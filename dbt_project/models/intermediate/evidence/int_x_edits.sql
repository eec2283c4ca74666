{{ config(materialized='table', indexes=[{'columns': ['edit_id']}]) }}

-- Each edit of a post has an id of its own; a reply names the one that stood when it was written.
with posts as (
    select source, post_id, {{ json_elements_of('edit_ids') }} as edit
    from {{ ref('int_x_posts') }}
)

select
    source,
    {{ json_element_text('edit') }} as edit_id,
    post_id

from posts
where {{ json_element_text('edit') }} <> post_id
