{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_posts() }}",
    indexes=[{'columns': ['record_key']}],
) }}

-- Each time that a post was read its public numbers were observed: all stored versions count here, not the
-- newest alone. The instant is the source's own clock at the answer, else as_of of the night that read it first.
{% for stream in x_streams() %}
select
    records.source,
    records.record_key,
    batches.first_read_run_no as read_run_no,
    coalesce(batches.observed_at, runs.as_of) as observed_at,
    records.batch_id,
    records.position,
    cast({{ json_text('records.payload', 'public_metrics.impression_count') }} as bigint) as impression_count,
    cast({{ json_text('records.payload', 'public_metrics.retweet_count') }} as bigint) as repost_count,
    cast({{ json_text('records.payload', 'public_metrics.reply_count') }} as bigint) as public_reply_count,
    cast({{ json_text('records.payload', 'public_metrics.like_count') }} as bigint) as like_count,
    cast({{ json_text('records.payload', 'public_metrics.quote_count') }} as bigint) as quote_count,
    cast({{ json_text('records.payload', '_author.public_metrics.followers_count') }} as bigint) as author_follower_count

from {{ source('raw', 'x_' ~ stream) }} as records
inner join {{ source('ops', 'batches') }} as batches
    on records.batch_id = batches.batch_id
inner join {{ source('ops', 'runs') }} as runs
    on batches.first_read_run_no = runs.run_no
where batches.first_read_run_no <= {{ reads_up_to() }}
    and {{ json_value('records.payload', 'public_metrics') }} is not null
{%- if is_incremental() %}
    and (records.source, records.record_key) in (
    {%- for changed in x_streams() %}
        {{ changed_records('x', changed) }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
    )
{%- endif %}
{{ 'union all' if not loop.last }}
{% endfor %}
