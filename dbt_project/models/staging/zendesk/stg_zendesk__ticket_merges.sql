{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('zendesk', 'ticket_events') }}",
    indexes=[{'columns': ['ticket_id']}],
) }}

{% set tag = var('zendesk_merge_tag') %}

with records as (
    {{ newest_records('zendesk', 'ticket_events') }}
),

children as (
    select
        source,
        record_key,
        read_run_no,
        {{ json_text('payload', 'ticket_id') }} as ticket_id,
        cast({{ json_text('payload', 'id') }} as numeric) as event_sequence,
        {{ utc_from_epoch(json_text('payload', 'timestamp')) }} as told_at,
        {{ json_elements('payload', 'child_events') }} as child
    from records
),

read as (
    select
        children.*,
        coalesce(
            {{ json_text('child', 'event_type') }} in ('Create', 'Change')
            and (
                {{ json_list_has(json_value('child', 'tags'), tag) }}
                or {{ json_list_has(json_value('child', 'added_tags'), tag) }}
            )
            and not coalesce({{ json_list_has(json_value('child', 'previous_value'), tag) }}, false),
            false
        ) as is_tagging,
        coalesce(
            {{ json_text('child', 'event_type') }} = 'Comment'
            and {{ json_text('child', 'via.source.rel') }} = 'merge',
            false
        ) as says_by_via,
        -- the digits that follow the words
        case when {{ json_text('child', 'event_type') }} = 'Comment' then
            coalesce(
            {%- for words in var('zendesk_merge_words') %}
                nullif(split_part(regexp_replace(split_part(
                    coalesce({{ json_text('child', 'plain_body') }}, {{ json_text('child', 'body') }}),
                    '{{ words | replace("'", "''") }}', 2
                ), '[^0-9]', ' '), ' ', 1), ''),
            {%- endfor %}
                null
            )
        end as in_words
    from children
),

telling as (
    select * from read
    where is_tagging
        or says_by_via
        or in_words is not null
),

-- the one of the two that is closed gets the tag, in the same audit as its note
closed as (
    select distinct source, record_key
    from telling
    where is_tagging
),

named as (
    select source, record_key, {{ json_text('child', 'via.source.from.ticket_id') }} as named_ticket_id
    from telling
    where says_by_via

    union

    select source, record_key, {{ json_element_text('other') }}
    from (
        select source, record_key, {{ json_elements('child', 'via.source.from.ticket_ids') }} as other
        from telling
        where says_by_via
    ) as others

    union

    -- words alone are nothing: people write such things
    select telling.source, telling.record_key, telling.in_words
    from telling
    inner join closed
        on telling.source = closed.source
        and telling.record_key = closed.record_key
),

audits as (
    select distinct source, record_key, read_run_no, ticket_id, event_sequence, told_at
    from telling
)

select
    audits.source,
    audits.record_key,
    audits.read_run_no,
    audits.ticket_id,
    audits.event_sequence,
    audits.told_at,
    closed.record_key is not null as is_closed_one,
    named.named_ticket_id

from audits
left join closed
    on audits.source = closed.source
    and audits.record_key = closed.record_key
left join named
    on audits.source = named.source
    and audits.record_key = named.record_key
    and named.named_ticket_id is not null
where closed.record_key is not null
    or named.named_ticket_id is not null
