{{ config(materialized='view') }}

-- What customers write to us where nobody else reads it, and in which they give an address or a number of their
-- own: the identity step looks for it right after the words. In public anybody may claim a number.
{% set words = [] -%}
{% for phrase in var('identity_phrases') -%}
    {% do words.append(modules.re.escape(phrase | lower)) -%}
{% endfor -%}
{% set gives_something -%}
    {% if words %}regexp_like(lower(text), '{{ words | join("|") | replace("'", "''") }}'){% else %}false{% endif %}
{%- endset %}

with comments as (
    select * from {{ ref('stg_zendesk__comments') }}
    where {{ gives_something }}
        and author_id is not null
        and is_public  -- else it is a note of ours
        and coalesce(via_channel, 'email') <> 'twitter'
),

tickets as (
    select * from {{ ref('stg_zendesk__tickets') }}
),

brands as (
    select * from {{ ref('stg_policy__brands') }}
),

file_interactions as (
    select * from {{ ref('stg_file__interactions') }}
    where {{ gives_something }}
        and visibility = 'private'
        and not is_deleted
),

our_accounts as (
    select * from {{ ref('int_our_accounts') }}
),

written as (
    select
        comments.source,
        comments.author_id,
        comments.source || ':' || comments.comment_id as interaction_key,
        comments.commented_at as sent_at,
        brands.brand,
        comments.text
    from comments
    left join tickets
        on comments.source = tickets.source
        and comments.ticket_id = tickets.ticket_id
    left join brands
        on tickets.source = brands.source
        and tickets.brand_id = brands.source_brand_id

    union all

    select
        source,
        author_id,
        source || ':' || interaction_id,
        occurred_at,
        brand,
        text
    from file_interactions
    where coalesce(direction, 'inbound') = 'inbound'
        and author_id is not null
)

select
    written.source || ':user:' || written.author_id as account_identifier_key,
    written.source,
    written.interaction_key,
    written.sent_at,
    {{ default_region('written.brand') }} as region,
    -- for whoever reads on: what to look behind
    '{{ var('identity_phrases') | map('lower') | join('|') | replace("'", "''") }}' as phrases,
    written.text

from written
left join our_accounts
    on written.source = our_accounts.source
    and written.author_id = our_accounts.agent_id
where our_accounts.agent_key is null
    and written.sent_at < {{ as_of() }}
