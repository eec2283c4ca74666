{#- Every message of every source in the same words, one row per source record: nothing is matched or joined to a
    case yet, and texts pass through untouched. What a source cannot say is null.

    All of them, for the view of that name; or those of the dirty conversations, for an increment: a key that is
    asked for outside the view would not reach the sources' indexes, and each night would read all messages. -#}
{% macro interaction_records(of_dirty_conversations=false) %}
{%- set read = built if of_dirty_conversations else ref -%}
with comments as (
    select * from {{ read('stg_zendesk__comments') }}
    {%- if of_dirty_conversations %}
    where source || ':' || ticket_id in (select conversation_key from {{ read('int_dirty_conversations') }})
    {%- endif %}
),

tickets as (
    select * from {{ read('stg_zendesk__tickets') }}
),

x_posts as (
    select * from {{ read('int_x_posts') }}
    {%- if of_dirty_conversations %}
    where source || ':' || conversation_id in (select conversation_key from {{ read('int_dirty_conversations') }})
    {%- endif %}
),

x_edits as (
    select * from {{ read('int_x_edits') }}
),

file_interactions as (
    select * from {{ read('stg_file__interactions') }}
    {%- if of_dirty_conversations %}
    where source || ':' || coalesce(conversation_id, case_id) in (select conversation_key from {{ read('int_dirty_conversations') }})

    union all

    select * from {{ read('stg_file__interactions') }}
    where coalesce(conversation_id, case_id) is null
        and source || ':' || interaction_id in (
            select interaction_key
            from {{ source('identity', 'threads') }}
            where conversation_key in (select conversation_key from {{ read('int_dirty_conversations') }})
        )
    {%- endif %}
),

file_calls as (
    select * from {{ read('stg_file__calls') }}
    {%- if of_dirty_conversations %}
    where source || ':' || coalesce(callback_of_id, call_id) in (select conversation_key from {{ read('int_dirty_conversations') }})
    {%- endif %}
),

from_zendesk as (
    select
        comments.source,
        'zendesk' as source_kind,
        comments.record_key,
        comments.read_run_no,
        comments.source || ':' || comments.comment_id as interaction_key,
        case when comments.via_channel = 'twitter' then comments.channel_message_id end as x_post_id,
        comments.source || ':' || comments.ticket_id as conversation_key,
        comments.source || ':' || comments.ticket_id as case_key,
        {{ zendesk_channel('comments.via_channel') }} as channel,
        comments.via_channel as channel_raw,
        brands.brand,
        case when our_accounts.agent_key is null then 'inbound' else 'outbound' end as direction,
        case when comments.via_channel = 'twitter' then 'public' else 'private' end as visibility,
        comments.commented_at as occurred_at,
        case when our_accounts.agent_key is null then comments.source || ':user:' || comments.author_id end as author_identifier_key,
        cast(null as {{ dbt.type_string() }}) as recipient_identifier_key,
        our_accounts.agent_key,
        coalesce(our_accounts.is_bot, false) as is_bot,
        false as is_deleted,
        false as is_purged,
        true as is_addressed,
        false as is_unprompted,
        cast(null as {{ dbt.type_string() }}) as parent_interaction_key,
        cast(null as {{ dbt.type_string() }}) as stated_purpose,
        comments.text
    from comments
    left join {{ read('int_our_accounts') }} as our_accounts
        on comments.source = our_accounts.source
        and comments.author_id = our_accounts.agent_id
    left join tickets
        on comments.source = tickets.source
        and comments.ticket_id = tickets.ticket_id
    left join {{ read('stg_policy__brands') }} as brands
        on tickets.source = brands.source
        and tickets.brand_id = brands.source_brand_id
    where comments.is_public  -- an internal note is an event, not an interaction
        -- so is the note that a ticket was merged, though the customer may see it
        and not exists (
            select 1
            from {{ read('stg_zendesk__ticket_merges') }} as ticket_merges
            where ticket_merges.source = comments.source
                and ticket_merges.record_key = comments.record_key
        )
        -- on the ticket that goes on, where its `via` does not say it, words do, in that minute
        and not exists (
            select 1
            from {{ read('stg_zendesk__ticket_merges') }} as ticket_merges
            where ticket_merges.source = comments.source
                and ticket_merges.named_ticket_id = comments.ticket_id
                and ticket_merges.is_closed_one
                and comments.commented_at >= {{ add_seconds('ticket_merges.told_at', '-60') }}
                and comments.commented_at <= {{ add_seconds('ticket_merges.told_at', '60') }}
                and (
                {%- for words in var('zendesk_merge_note_words') %}
                    {{ "or " if not loop.first }}replace(comments.text, '{{ words | replace("'", "''") }}', '') <> comments.text
                {%- endfor %}
                )
        )
),

from_x as (
    select
        x_posts.source,
        'x' as source_kind,
        x_posts.post_id as record_key,
        x_posts.read_run_no,
        x_posts.source || ':' || x_posts.post_id as interaction_key,
        cast(null as {{ dbt.type_string() }}) as x_post_id,
        x_posts.source || ':' || x_posts.conversation_id as conversation_key,
        cast(null as {{ dbt.type_string() }}) as case_key,
        'x' as channel,
        'x' as channel_raw,
        brands.brand,
        case when x_posts.is_own then 'outbound' else 'inbound' end as direction,
        'public' as visibility,
        x_posts.posted_at as occurred_at,
        case when not x_posts.is_own then x_posts.source || ':user:' || x_posts.author_id end as author_identifier_key,
        cast(null as {{ dbt.type_string() }}) as recipient_identifier_key,
        case when x_posts.is_own then x_posts.source || ':' || x_posts.author_id end as agent_key,
        false as is_bot,
        false as is_deleted,
        x_posts.is_purged,
        x_posts.is_addressed,
        x_posts.is_unprompted,
        x_posts.source || ':' || coalesce(x_edits.post_id, x_posts.parent_id) as parent_interaction_key,
        cast(null as {{ dbt.type_string() }}) as stated_purpose,
        x_posts.text
    from x_posts
    left join x_edits
        on x_posts.source = x_edits.source
        and x_posts.parent_id = x_edits.edit_id
    -- an account of ours has a brand, and so has the search that found what was not written to us
    left join {{ read('stg_policy__brands') }} as brands
        on x_posts.source = brands.source
        and case when x_posts.is_own then x_posts.author_id when x_posts.is_unprompted then x_posts.search_name end
            = brands.source_brand_id
),

file_messages as (
    select
        file_interactions.*,
        -- who of ours wrote it is known from the source's users where the message does not say it
        coalesce(file_interactions.direction, case when our_accounts.agent_key is null then 'inbound' else 'outbound' end) as told_direction,
        coalesce(our_accounts.is_bot, false) as is_by_bot
    from file_interactions
    left join {{ read('int_our_accounts') }} as our_accounts
        on file_interactions.source = our_accounts.source
        and file_interactions.author_id = our_accounts.agent_id
),

from_files as (
    select
        source,
        'file' as source_kind,
        record_key,
        read_run_no,
        source || ':' || interaction_id as interaction_key,
        cast(null as {{ dbt.type_string() }}) as x_post_id,
        -- a file that names neither conversation nor case has threads of replies (identity.threads)
        source || ':' || coalesce(conversation_id, case_id) as conversation_key,
        source || ':' || case_id as case_key,
        coalesce(channel, 'other') as channel,
        channel_raw,
        brand,
        told_direction as direction,
        visibility,
        occurred_at,
        case when told_direction = 'inbound' then source || ':user:' || author_id end as author_identifier_key,
        cast(null as {{ dbt.type_string() }}) as recipient_identifier_key,
        case when told_direction = 'outbound' then source || ':' || coalesce(agent_id, author_id) end as agent_key,
        is_bot or (told_direction = 'outbound' and is_by_bot) as is_bot,
        is_deleted,
        false as is_purged,
        told_direction = 'inbound' as is_addressed,
        false as is_unprompted,
        source || ':' || in_reply_to_id as parent_interaction_key,
        purpose as stated_purpose,
        text
    from file_messages
),

-- a call and its callback are one conversation; it is nobody's case, for it is asked and answered at once
from_calls as (
    select
        source,
        'file_calls' as source_kind,
        record_key,
        read_run_no,
        source || ':' || call_id as interaction_key,
        cast(null as {{ dbt.type_string() }}) as x_post_id,
        source || ':' || coalesce(callback_of_id, call_id) as conversation_key,
        cast(null as {{ dbt.type_string() }}) as case_key,
        'voice' as channel,
        queue as channel_raw,
        brand,
        direction,
        'private' as visibility,
        started_at as occurred_at,
        case when direction = 'inbound' then {{ file_customer('file_calls', ['email', 'phone']) }} end as author_identifier_key,
        case when direction = 'outbound' then {{ file_customer('file_calls', ['email', 'phone']) }} end as recipient_identifier_key,
        case when direction = 'outbound' then source || ':' || agent_id end as agent_key,
        false as is_bot,
        false as is_deleted,
        false as is_purged,
        false as is_addressed,
        false as is_unprompted,
        source || ':' || callback_of_id as parent_interaction_key,
        case when direction = 'outbound' then 'service' end as stated_purpose,
        cast(null as {{ dbt.type_string() }}) as text
    from file_calls
    where told_at < {{ as_of() }}
)

select * from from_zendesk
union all
select * from from_x
union all
select * from from_files
union all
select * from from_calls
{% endmacro %}
