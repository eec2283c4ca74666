{#- The instant that a text names, as UTC without zone, in whole seconds. A text without a zone is an
    error: a plain cast would drop offsets silently, or take the session's zone. -#}
{% macro utc_timestamp(text) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'answerable')(text)) }}
{%- endmacro %}
{% macro postgres__utc_timestamp(text) -%}
    case
        when {{ text }} is null then null
        when regexp_like({{ text }}, '(Z|[+-][0-9]{2}:?[0-9]{2})$')
            then date_trunc('second', timezone('UTC', cast({{ text }} as timestamp with time zone)))
        else cast(concat('an instant needs a zone: ', {{ text }}) as timestamp)
    end
{%- endmacro %}
{% macro default__utc_timestamp(text) -%}
    {{ no_dialect('utc_timestamp') }}
{%- endmacro %}

{#- The instant of a number of seconds since 1970-01-01 UTC. -#}
{% macro utc_from_epoch(seconds) -%}
    {{ return(adapter.dispatch('utc_from_epoch', 'answerable')(seconds)) }}
{%- endmacro %}
{% macro postgres__utc_from_epoch(seconds) -%}
    timezone('UTC', to_timestamp(cast({{ seconds }} as double precision)))
{%- endmacro %}
{% macro default__utc_from_epoch(seconds) -%}
    {{ no_dialect('utc_from_epoch') }}
{%- endmacro %}

{#- Whole seconds between two instants. dbt.datediff is no help for a promise measured in time:
    on Postgres two seconds across the hour are one hour, on Spark every started hour counts. -#}
{% macro seconds_between(start_at, end_at) -%}
    {{ return(adapter.dispatch('seconds_between', 'answerable')(start_at, end_at)) }}
{%- endmacro %}
{% macro postgres__seconds_between(start_at, end_at) -%}
    cast(floor(date_part('epoch', {{ end_at }} - {{ start_at }})) as bigint)
{%- endmacro %}
{% macro default__seconds_between(start_at, end_at) -%}
    {{ no_dialect('seconds_between') }}
{%- endmacro %}

{#- The instant a number of seconds (any whole-number expression) after another. -#}
{% macro add_seconds(start_at, seconds) -%}
    {{ return(adapter.dispatch('add_seconds', 'answerable')(start_at, seconds)) }}
{%- endmacro %}
{% macro postgres__add_seconds(start_at, seconds) -%}
    ({{ start_at }} + make_interval(0, 0, 0, 0, 0, 0, cast({{ seconds }} as double precision)))
{%- endmacro %}
{% macro default__add_seconds(start_at, seconds) -%}
    {{ no_dialect('add_seconds') }}
{%- endmacro %}

{#- The instant of a local time in a zone. A local time that a change of clocks skips is taken with the
    offset before the change; one that comes twice is the second. -#}
{% macro utc_from_local(local_at, timezone) -%}
    {{ return(adapter.dispatch('utc_from_local', 'answerable')(local_at, timezone)) }}
{%- endmacro %}
{% macro postgres__utc_from_local(local_at, timezone) -%}
    timezone('UTC', timezone({{ timezone }}, {{ local_at }}))
{%- endmacro %}
{% macro default__utc_from_local(local_at, timezone) -%}
    {{ no_dialect('utc_from_local') }}
{%- endmacro %}

{#- The day of an instant in a zone. -#}
{% macro local_date(at, timezone) -%}
    {{ return(adapter.dispatch('local_date', 'answerable')(at, timezone)) }}
{%- endmacro %}
{% macro postgres__local_date(at, timezone) -%}
    cast(timezone({{ timezone }}, timezone('UTC', {{ at }})) as date)
{%- endmacro %}
{% macro default__local_date(at, timezone) -%}
    {{ no_dialect('local_date') }}
{%- endmacro %}

{#- The instant of 00:00 of a day. -#}
{% macro midnight(day) -%}
    cast({{ day }} as timestamp)
{%- endmacro %}

{#- One row for each day from the first to the last, both in: column `day`. -#}
{% macro day_spine(first_day, last_day) -%}
    {{ return(adapter.dispatch('day_spine', 'answerable')(first_day, last_day)) }}
{%- endmacro %}
{% macro postgres__day_spine(first_day, last_day) -%}
    select cast(generate_series({{ midnight(first_day) }}, {{ midnight(last_day) }}, interval '1 day') as date) as day
{%- endmacro %}
{% macro default__day_spine(first_day, last_day) -%}
    {{ no_dialect('day_spine') }}
{%- endmacro %}

{#- Three letters in lower case for a day's weekday, mon to sun. -#}
{% macro weekday(day) -%}
    {{ return(adapter.dispatch('weekday', 'answerable')(day)) }}
{%- endmacro %}
{% macro postgres__weekday(day) -%}
    case cast(date_part('isodow', {{ day }}) as integer)
        when 1 then 'mon' when 2 then 'tue' when 3 then 'wed' when 4 then 'thu'
        when 5 then 'fri' when 6 then 'sat' when 7 then 'sun'
    end
{%- endmacro %}
{% macro default__weekday(day) -%}
    {{ no_dialect('weekday') }}
{%- endmacro %}

{#- When an id of X was made: its high bits count milliseconds since 2010-11-04 01:42:54.657 UTC
    (the network's own epoch). -#}
{% macro snowflake_time(id) -%}
    {{ return(adapter.dispatch('snowflake_time', 'answerable')(id)) }}
{%- endmacro %}
{% macro postgres__snowflake_time(id) -%}
    date_trunc('second', {{ utc_from_epoch("(floor(cast(" ~ id ~ " as numeric) / 4194304) + 1288834974657) / 1000") }})
{%- endmacro %}
{% macro default__snowflake_time(id) -%}
    {{ no_dialect('snowflake_time') }}
{%- endmacro %}

{#- When the local interval of so many minutes began in which an instant lies, counted from the zone's midnight.
    The minutes divide thirty: that is by how little clocks change, so no interval is cut in two. -#}
{% macro interval_start(at, minutes, timezone) -%}
    {{ return(adapter.dispatch('interval_start', 'answerable')(at, minutes, timezone)) }}
{%- endmacro %}
{% macro postgres__interval_start(at, minutes, timezone) -%}
    {%- set local_seconds = "cast(floor(date_part('epoch', timezone(" ~ timezone ~ ", timezone('UTC', " ~ at ~ ")))) as bigint)" -%}
    {{ add_seconds(at, "-mod(mod(" ~ local_seconds ~ ", " ~ minutes ~ " * 60) + " ~ minutes ~ " * 60, " ~ minutes ~ " * 60)") }}
{%- endmacro %}
{% macro default__interval_start(at, minutes, timezone) -%}
    {{ no_dialect('interval_start') }}
{%- endmacro %}
