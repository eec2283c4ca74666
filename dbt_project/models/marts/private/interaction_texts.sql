{{ config(materialized='view') }}

select
    interaction_key,
    conversation_key,
    author_identifier_key,
    text

from {{ ref('int_interactions') }}
where text is not null
