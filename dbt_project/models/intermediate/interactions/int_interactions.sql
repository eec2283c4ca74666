{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=[
        "{{ delete_dirty('conversation_key') }}",
        "{{ read_tickets_ahead('comments', 'conversation_key') }}",
    ],
    indexes=[
        {'columns': ['conversation_key']}, {'columns': ['case_key']},
        {'columns': ['interaction_key']}, {'columns': ['customer_identifier_key']},
    ],
) }}

-- depends_on: {{ ref('int_dirty_conversations') }}
-- depends_on: {{ ref('int_interaction_records') }}

-- One row per interaction up to as_of: matched across sources, laid in threads, and joined to its case.
-- In a conversation without a ticket each customer who addressed us, or whom one of ours answered, has a
-- case of their own; where one of their messages became a ticket, the ticket is the case, or the one that it was
-- merged into.
{% set all_records -%}
(
        select
            told.*,
            coalesce(told.conversation_key, laid.conversation_key) as thread_key,
            laid.answers_interaction_key
        from {{ '(' ~ interaction_records(of_dirty_conversations=true) ~ ')' if is_incremental() else ref('int_interaction_records') }} as told
        left join {{ source('identity', 'threads') }} as laid
            on told.interaction_key = laid.interaction_key
        where told.occurred_at < {{ as_of() }}
    )
{%- endset -%}
-- the few of an increment are better kept aside: nobody knows beforehand how few they are
{% set records = 'dirty_records' if is_incremental() else all_records -%}

-- whose matter a message is: its author's, or of the customer whose message it answers (only what is laid in threads
-- answers anything)
{% set addressed -%}
select
        records.*,
        coalesce(records.author_identifier_key, answered.author_identifier_key) as matter_of_identifier_key,
        x_matches.case_key as matched_case_key,
        x_matches.agent_key as matched_agent_key,
        coalesce(x_matches.comment_count, 0) as comment_count
    from {{ records }} as records
    left join {{ ref('int_message_matches') }} as comment_matches
        on records.interaction_key = comment_matches.comment_interaction_key
    left join (
        select
            threads.interaction_key,
            asked.author_identifier_key
        from {{ source('identity', 'threads') }} as threads
        inner join {{ records }} as asked
            on threads.answers_interaction_key = asked.interaction_key
    ) as answered
        on records.interaction_key = answered.interaction_key
    left join (
        select
            x_interaction_key,
            min(case_key) as case_key,
            min(agent_key) as agent_key,
            count(*) as comment_count
        from {{ ref('int_message_matches') }}
        group by x_interaction_key
    ) as x_matches
        on records.interaction_key = x_matches.x_interaction_key
    where comment_matches.comment_interaction_key is null
{%- endset -%}

with {% if is_incremental() -%}
dirty_records as (
    select * from {{ all_records }} as records
),

{% endif -%}
tickets as (
    select
        source || ':' || ticket_id as case_key,
        source || ':user:' || requester_id as requester_identifier_key
    from {{ ref('stg_zendesk__tickets') }}
),

case_merges as (
    select * from {{ ref('int_case_merges') }}
),

addressed as (
    {{ addressed }}
),

matters as (
    select
        thread_key,
        matter_of_identifier_key,
        min(matched_case_key) as ticket_case_key
    from (
    {{ addressed }}
    ) as addressed
    where case_key is null
        and matter_of_identifier_key is not null
    group by thread_key, matter_of_identifier_key
    having max(case when is_addressed or direction = 'outbound' then 1 else 0 end) = 1
        or min(matched_case_key) is not null
),

with_case as (
    select
        addressed.*,
        coalesce(
            addressed.case_key,
            matters.ticket_case_key,
            addressed.matched_case_key,
            -- thread, then the key that the writer's account gives by itself: unlike the account it names
            -- nobody, and unlike the customer's key it stays when customers merge
            matters.thread_key || ':' || writers.own_customer_key
        ) as resolved_case_key
    from addressed
    left join matters
        on addressed.case_key is null
        and addressed.thread_key = matters.thread_key
        and addressed.matter_of_identifier_key = matters.matter_of_identifier_key
    left join {{ source('identity', 'customers') }} as writers
        on matters.matter_of_identifier_key = writers.identifier_key
)

select
    with_case.interaction_key,
    with_case.source,
    with_case.source_kind,
    with_case.record_key,
    with_case.channel,
    with_case.channel_raw,
    with_case.brand,
    with_case.direction,
    with_case.visibility,
    with_case.stated_purpose,
    with_case.occurred_at,
    with_case.thread_key as conversation_key,
    -- what was written in a ticket that was merged since belongs to the one that goes on
    coalesce(case_merges.surviving_case_key, with_case.resolved_case_key) as case_key,
    with_case.resolved_case_key as written_in_case_key,
    with_case.author_identifier_key,
    -- the customer that the message is from, or to
    coalesce(
        with_case.author_identifier_key,
        with_case.recipient_identifier_key,
        with_case.matter_of_identifier_key,
        tickets.requester_identifier_key
    ) as customer_identifier_key,
    customers.customer_key,
    coalesce(with_case.matched_agent_key, with_case.agent_key) as agent_key,
    with_case.is_bot,
    -- a purge takes the contents and nothing else: who answered has answered
    coalesce(with_case.is_deleted, false) or coalesce(with_case.is_purged, false) as is_deleted,
    with_case.direction = 'outbound'
        and not with_case.is_bot
        and not coalesce(with_case.is_deleted, false)
        and with_case.resolved_case_key is not null as is_reply,
    with_case.direction = 'inbound' and with_case.is_addressed as is_addressed,
    with_case.is_unprompted,
    with_case.parent_interaction_key as in_reply_to_interaction_key,
    with_case.answers_interaction_key,
    case when not coalesce(with_case.is_deleted, false) then with_case.text end as text,
    cast(1 + with_case.comment_count as integer) as source_record_count

from with_case
left join tickets
    on with_case.case_key = tickets.case_key
left join case_merges
    on with_case.resolved_case_key = case_merges.case_key
left join {{ source('identity', 'customers') }} as customers
    on coalesce(
        with_case.author_identifier_key,
        with_case.recipient_identifier_key,
        with_case.matter_of_identifier_key,
        tickets.requester_identifier_key
    ) = customers.identifier_key
