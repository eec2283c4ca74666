{{ config(materialized='view') }}

-- What the identity step needs to lay threads: each message of a source that links messages to parents.
select
    interaction_key,
    parent_interaction_key,
    conversation_key,
    direction

from {{ ref('int_interaction_records') }}
where source_kind in ('x', 'file')
    and occurred_at < {{ as_of() }}
