{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}, {'columns': ['customer_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- One row per case up to as_of: what is said of it once. What changes during its life is in the timeline.
{% set of_these_cases -%}
    where case_key is not null
    {%- if is_incremental() %}
        and case_key in (
            select case_key from {{ ref('int_dirty_cases') }}
            union
            select surviving_case_key
            from {{ ref('int_case_merges') }}
            where case_key in (select case_key from {{ ref('int_dirty_cases') }})
        )
    {%- endif %}
{%- endset -%}
{% set messages_of_cases -%}
(
        select case_key, direction, is_reply, visibility, occurred_at, 1 as is_there
        from {{ ref('int_interactions') }}
        {{ of_these_cases }}

        union all

        -- a case that was merged has no message any more, but once had a clock
        select written_in_case_key, direction, is_reply, visibility, occurred_at, 0
        from {{ ref('int_interactions') }}
        {{ of_these_cases }}
        and written_in_case_key <> case_key
    ) as messages_of_cases
{%- endset -%}

with tickets as (
    select * from {{ ref('stg_zendesk__tickets') }}
    {%- if is_incremental() %}
    where source || ':' || ticket_id in (
        select case_key from {{ ref('int_dirty_cases') }}
        union
        select case_key
        from {{ ref('int_case_merges') }}
        where surviving_case_key in (select case_key from {{ ref('int_dirty_cases') }})
    )
    {%- endif %}
),

ticket_changes as (
    select * from {{ ref('stg_zendesk__ticket_changes') }}
),

organizations as (
    select * from {{ ref('stg_zendesk__organizations') }}
),

file_cases as (
    select * from {{ ref('stg_file__cases') }}
    {%- if is_incremental() %}
    where source || ':' || case_id in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

file_case_events as (
    select * from {{ ref('stg_file__case_events') }}
    {%- if is_incremental() %}
    where source || ':' || case_id in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

case_merges as (
    select * from {{ ref('int_case_merges') }}
),

interactions as (
    select * from {{ ref('int_interactions') }}
    {{ of_these_cases }}
),

customers as (
    select * from {{ source('identity', 'customers') }}
),

brands as (
    select * from {{ ref('stg_policy__brands') }}
),

topics as (
    select * from {{ ref('stg_policy__topics') }}
),

tiers as (
    select * from {{ ref('stg_policy__customer_tiers') }}
),

tag_events as (
    select * from {{ ref('stg_zendesk__ticket_tags') }}
),

-- a ticket that was scrubbed before we first saw it: its events say what its tags were
tags_of_scrubbed as (
    select
        tag_events.source,
        tag_events.ticket_id,
        tag_events.tags,
        row_number() over (
            partition by tag_events.source, tag_events.ticket_id
            order by tag_events.tagged_at desc, tag_events.event_sequence desc
        ) as newest_first
    from tag_events
    inner join tickets
        on tag_events.source = tickets.source
        and tag_events.ticket_id = tickets.ticket_id
    where tickets.is_scrubbed
        and tickets.tags is null
),

ticket_tags as (
    select
        source,
        ticket_id,
        {{ json_elements_of('tags') }} as tag
    from tickets

    union all

    select
        source,
        ticket_id,
        {{ json_elements_of('tags') }} as tag
    from tags_of_scrubbed
    where newest_first = 1
),

ticket_topics as (
    select
        source,
        ticket_id,
        min(lower({{ json_element_text('tag') }})) as source_topic
    from ticket_tags
    where {{ json_element_text('tag') }} like 'topic~_%' escape '~'
    group by source, ticket_id
),

spam_tickets as (
    select distinct source, ticket_id
    from ticket_tags
    where {{ json_element_text('tag') }} = 'spam'
),

-- of the tickets that go on in a case, the one that was made first, where that was before the case's own
first_tickets as (
    select
        survivors.source,
        survivors.ticket_id,
        absorbed.source || ':' || absorbed.ticket_id as case_key,
        absorbed.via_channel,
        absorbed.created_at,
        row_number() over (
            partition by survivors.source, survivors.ticket_id
            order by absorbed.created_at, absorbed.ticket_id
        ) as oldest_first
    from case_merges
    inner join tickets as absorbed
        on case_merges.case_key = absorbed.source || ':' || absorbed.ticket_id
    inner join tickets as survivors
        on case_merges.surviving_case_key = survivors.source || ':' || survivors.ticket_id
        and absorbed.created_at < survivors.created_at
),

-- what was read after as_of may tell of a deletion that has not happened yet, or no longer of one that was taken back
-- since: then the events say how it stood
statuses_then as (
    select
        tickets.source,
        tickets.ticket_id,
        ticket_changes.status,
        row_number() over (
            partition by tickets.source, tickets.ticket_id
            order by ticket_changes.changed_at desc, ticket_changes.event_sequence desc
        ) as newest_first
    from tickets
    inner join ticket_changes
        on tickets.source = ticket_changes.source
        and tickets.ticket_id = ticket_changes.ticket_id
    where tickets.updated_at >= {{ as_of() }}
        and ticket_changes.changed_at < {{ as_of() }}
        and ticket_changes.status is not null
),

from_tickets as (
    select
        tickets.source || ':' || tickets.ticket_id as case_key,
        tickets.source,
        'zendesk' as source_kind,
        tickets.ticket_id as case_id,
        tickets.source || ':' || tickets.ticket_id as conversation_key,
        tickets.source || ':user:' || tickets.requester_id as customer_identifier_key,
        {{ zendesk_channel('coalesce(first_tickets.via_channel, tickets.via_channel)') }} as channel,
        coalesce(first_tickets.via_channel, tickets.via_channel) as channel_raw,
        tickets.brand_id as source_brand_id,
        cast(null as {{ dbt.type_string() }}) as brand,
        ticket_topics.source_topic,
        lower(organizations.tier) as source_tier,
        coalesce(first_tickets.created_at, tickets.created_at) as opened_at,
        tickets.created_at as own_opened_at,
        first_tickets.case_key as began_as_case_key,
        tickets.due_at as source_due_at,
        true as has_status,
        case_merges.surviving_case_key as merged_into_case_key,
        case
            when case_merges.case_key is not null then 'merged'
            when spam_tickets.ticket_id is not null then 'spam'
            when tickets.updated_at < {{ as_of() }} and tickets.status = 'deleted' then 'deleted'
            when tickets.updated_at >= {{ as_of() }} and statuses_then.status = 'deleted' then 'deleted'
        end as not_counted_reason,
        tickets.subject,
        cast(null as {{ dbt.type_string() }}) as source_verdict,
        cast(null as {{ dbt.type_string() }}) as source_outcome,
        cast(null as integer) as source_handoff_count
    from tickets
    left join organizations
        on tickets.source = organizations.source
        and tickets.organization_id = organizations.organization_id
    left join ticket_topics
        on tickets.source = ticket_topics.source
        and tickets.ticket_id = ticket_topics.ticket_id
    left join spam_tickets
        on tickets.source = spam_tickets.source
        and tickets.ticket_id = spam_tickets.ticket_id
    left join case_merges
        on tickets.source || ':' || tickets.ticket_id = case_merges.case_key
    left join statuses_then
        on tickets.source = statuses_then.source
        and tickets.ticket_id = statuses_then.ticket_id
        and statuses_then.newest_first = 1
    left join first_tickets
        on tickets.source = first_tickets.source
        and tickets.ticket_id = first_tickets.ticket_id
        and first_tickets.oldest_first = 1
),

from_file_cases as (
    select
        source || ':' || case_id as case_key,
        source,
        'file' as source_kind,
        case_id,
        source || ':' || case_id as conversation_key,
        source || ':user:' || customer_id as customer_identifier_key,
        coalesce(channel, 'other') as channel,
        channel_raw,
        cast(null as {{ dbt.type_string() }}) as source_brand_id,
        brand,
        lower(topic) as source_topic,
        cast(null as {{ dbt.type_string() }}) as source_tier,
        opened_at,
        opened_at as own_opened_at,
        cast(null as {{ dbt.type_string() }}) as began_as_case_key,
        due_at as source_due_at,
        true as has_status,
        cast(null as {{ dbt.type_string() }}) as merged_into_case_key,
        case when status = 'deleted' then 'deleted' end as not_counted_reason,
        subject,
        source_verdict,
        source_outcome,
        source_handoff_count
    from file_cases
    where opened_at < {{ as_of() }}  -- until then its messages tell it
),

file_events_in_order as (
    select
        file_case_events.*,
        row_number() over (partition by source, case_id order by event_at desc, event_sequence desc) as newest_first
    from file_case_events
    where event_at < {{ as_of() }}
        -- a head says itself what is said once
        and not exists (
            select 1
            from file_cases
            where file_cases.source = file_case_events.source
                and file_cases.case_id = file_case_events.case_id
        )
),

-- a log of whole states: what is said once is what the newest of them says
from_file_events as (
    select
        source || ':' || case_id as case_key,
        source,
        'file' as source_kind,
        case_id,
        source || ':' || case_id as conversation_key,
        source || ':user:' || max(case when newest_first = 1 then customer_id end) as customer_identifier_key,
        coalesce(max(case when newest_first = 1 then channel end), 'other') as channel,
        max(case when newest_first = 1 then channel_raw end) as channel_raw,
        cast(null as {{ dbt.type_string() }}) as source_brand_id,
        max(case when newest_first = 1 then brand end) as brand,
        lower(max(case when newest_first = 1 then topic end)) as source_topic,
        cast(null as {{ dbt.type_string() }}) as source_tier,
        least(min(opened_at), min(event_at)) as opened_at,
        least(min(opened_at), min(event_at)) as own_opened_at,
        cast(null as {{ dbt.type_string() }}) as began_as_case_key,
        cast(null as timestamp) as source_due_at,
        true as has_status,
        cast(null as {{ dbt.type_string() }}) as merged_into_case_key,
        case when max(case when newest_first = 1 then status end) = 'deleted' then 'deleted' end as not_counted_reason,
        cast(null as {{ dbt.type_string() }}) as subject,
        -- a promise that was missed at any moment was missed
        case
            when max(case when lower(source_verdict) = 'false' then 1 else 0 end) = 1 then 'false'
            else max(source_verdict)
        end as source_verdict,
        case
            when max(case when source_outcome = 'breached' then 1 else 0 end) = 1 then 'breached'
            else max(case when newest_first = 1 then source_outcome end)
        end as source_outcome,
        max(case when newest_first = 1 then source_handoff_count end) as source_handoff_count
    from file_events_in_order
    group by source, case_id
),

-- a conversation that no help desk carries
from_conversations as (
    select
        case_key,
        source,
        min(source_kind) as source_kind,
        case_key as case_id,
        min(conversation_key) as conversation_key,
        min(author_identifier_key) as customer_identifier_key,
        min(channel) as channel,
        min(channel_raw) as channel_raw,
        cast(null as {{ dbt.type_string() }}) as source_brand_id,
        min(brand) as brand,
        cast(null as {{ dbt.type_string() }}) as source_topic,
        cast(null as {{ dbt.type_string() }}) as source_tier,
        min(case when direction = 'inbound' then occurred_at end) as opened_at,
        min(case when direction = 'inbound' then occurred_at end) as own_opened_at,
        cast(null as {{ dbt.type_string() }}) as began_as_case_key,
        cast(null as timestamp) as source_due_at,
        false as has_status,
        cast(null as {{ dbt.type_string() }}) as merged_into_case_key,
        cast(null as {{ dbt.type_string() }}) as not_counted_reason,
        cast(null as {{ dbt.type_string() }}) as subject,
        cast(null as {{ dbt.type_string() }}) as source_verdict,
        cast(null as {{ dbt.type_string() }}) as source_outcome,
        cast(null as integer) as source_handoff_count
    from interactions
    where left(case_key, length(conversation_key) + 1) = conversation_key || ':'
        or (
            source_kind = 'file'
            and not exists (select 1 from from_file_cases where from_file_cases.case_key = interactions.case_key)
            and not exists (select 1 from from_file_events where from_file_events.case_key = interactions.case_key)
        )
    group by case_key, source
),

cases as (
    select * from from_tickets
    union all
    select * from from_conversations
    union all
    select * from from_file_cases
    union all
    select * from from_file_events
),

messages as (
    select
        case_key,
        cast(sum(case when direction = 'inbound' then is_there else 0 end) as integer) as inbound_count,
        cast(sum(case when direction = 'outbound' then is_there else 0 end) as integer) as outbound_count,
        cast(sum(case when is_reply then is_there else 0 end) as integer) as reply_count,
        min(case when direction = 'inbound' then occurred_at end) as first_inbound_at,
        max(visibility) as visibility
    from {{ messages_of_cases }}
    group by case_key
),

replies as (
    select
        messages_of_cases.case_key,
        min(messages_of_cases.occurred_at) as first_reply_at
    from {{ messages_of_cases }}
    inner join messages
        on messages_of_cases.case_key = messages.case_key
    where messages_of_cases.is_reply
        and messages_of_cases.occurred_at >= messages.first_inbound_at
    group by messages_of_cases.case_key
)

select
    cases.case_key,
    cases.source,
    cases.source_kind,
    cases.case_id,
    cases.conversation_key,
    cases.customer_identifier_key,
    customers.customer_key,
    cases.channel,
    cases.channel_raw,
    coalesce(cases.brand, brands.brand) as brand,
    coalesce(topics.topic, cases.source_topic, 'unknown') as topic,
    coalesce(topics.purpose, 'other') as purpose,
    coalesce(tiers.customer_tier, cases.source_tier, 'unknown') as customer_tier,
    messages.visibility,
    cases.opened_at,
    cases.own_opened_at,
    cases.began_as_case_key,
    cases.source_due_at,
    cases.has_status,
    cases.merged_into_case_key,
    cases.not_counted_reason,
    cases.subject,
    cases.source_verdict,
    cases.source_outcome,
    cases.source_handoff_count,
    coalesce(messages.inbound_count, 0) as inbound_count,
    coalesce(messages.outbound_count, 0) as outbound_count,
    coalesce(messages.reply_count, 0) as reply_count,
    messages.first_inbound_at,
    replies.first_reply_at

from cases
left join messages
    on cases.case_key = messages.case_key
left join replies
    on cases.case_key = replies.case_key
left join customers
    on cases.customer_identifier_key = customers.identifier_key
left join brands
    on cases.source = brands.source
    and cases.source_brand_id = brands.source_brand_id
left join topics
    on cases.source = topics.source
    and cases.source_topic = topics.source_topic
left join tiers
    on cases.source = tiers.source
    and cases.source_tier = tiers.source_tier
where cases.opened_at < {{ as_of() }}
{%- if is_incremental() %}
    and cases.case_key in (select case_key from {{ ref('int_dirty_cases') }})
{%- endif %}
