{{ config(materialized='table') }}

-- A table made anew: what was answered after as_of becomes news by the night, not by a record.
{% set is_answer %}
    {{ json_text('records.payload', 'score') }} in ('good', 'bad', 'good_with_comment', 'bad_with_comment')
    and {{ utc_timestamp(json_text('records.payload', 'updated_at')) }} < {{ as_of() }}
{% endset %}

with records as (
    {{ newest_records('zendesk', 'satisfaction_ratings', such_that=is_answer) }}
)

select
    source,
    record_key,
    read_run_no,
    {{ json_text('payload', 'id') }} as rating_id,
    {{ json_text('payload', 'ticket_id') }} as ticket_id,
    {{ json_text('payload', 'requester_id') }} as requester_id,
    {{ json_text('payload', 'assignee_id') }} as assignee_id,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as offered_at,
    {{ utc_timestamp(json_text('payload', 'updated_at')) }} as rated_at,
    case when {{ json_text('payload', 'score') }} like 'good%' then 'good' else 'bad' end as verdict,
    {{ json_text('payload', 'score') }} as score_raw,
    nullif({{ json_text('payload', 'reason') }}, 'No reason provided') as reason,
    nullif({{ json_text('payload', 'comment') }}, '') as comment

from records
