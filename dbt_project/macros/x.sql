{#- The newest version of each post of one of X's walks, which all give posts of one shape. -#}
{% macro x_posts(stream) %}
with records as (
    {{ newest_records('x', stream) }}
)

select
    source,
    record_key,
    read_run_no,
    record_key as post_id,
    {{ json_text('payload', 'id') }} as newest_post_id,
    {{ json_text('payload', 'author_id') }} as author_id,
    {{ json_text('payload', '_author.name') }} as author_name,
    lower({{ json_text('payload', '_author.username') }}) as author_handle,
    {{ json_text('payload', 'conversation_id') }} as conversation_id,
    {{ utc_timestamp(json_text('payload', 'created_at')) }} as created_at,
    {{ json_text('payload', 'text') }} as text,
    {{ json_text('payload', 'lang') }} as lang,
    {{ json_text('payload', 'in_reply_to_user_id') }} as in_reply_to_user_id,
    {{ json_value('payload', 'referenced_tweets') }} as referenced_posts,
    {{ json_value('payload', 'edit_history_tweet_ids') }} as edit_ids,
    {{ json_value('payload', 'entities.mentions') }} as mentioned,
    {{ json_text('payload', '_query') }} as search_name,
    coalesce({{ json_text('payload', '_purged') }} = 'true', false) as is_purged

from records
{% endmacro %}

{% macro x_streams() -%}
    {{ return(['mentions', 'search', 'posts', 'referenced_posts', 'refreshed_posts']) }}
{%- endmacro %}

{#- Old rows of the posts of which this run reads anything new, whichever walk brought it. -#}
{% macro delete_changed_posts() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (source, record_key) in (
        {%- for stream in x_streams() %}
            {{ changed_records('x', stream) }}
            {{ 'union all' if not loop.last }}
        {%- endfor %}
        )
    {%- endif -%}
{%- endmacro %}
