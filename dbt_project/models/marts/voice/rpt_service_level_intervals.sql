{{ config(materialized='table') }}

-- What nobody promised anything for is counted in half hours.
{% set interval_minutes = "coalesce(service_levels.interval_minutes, 30)" -%}
{% set is_in_target = "case when answer_outcome = 'met' then 1 else 0 end" -%}
{% set is_short = "case when answer_void_reason = 'short_abandon' then 1 else 0 end" -%}

with calls as (
    select * from {{ ref('fct_calls') }}
    where is_offered
),

service_levels as (
    select * from {{ ref('stg_policy__service_levels') }}
),

placed as (
    select
        calls.*,
        service_levels.target_share,
        service_levels.share_of,
        {{ interval_minutes }} as interval_minutes,
        {{ interval_start('calls.started_at', interval_minutes, company_timezone()) }} as from_at
    from calls
    left join service_levels
        on calls.service_level = service_levels.service_level
        and calls.started_at >= service_levels.valid_from_at
        and calls.started_at < service_levels.valid_until_at
),

counted as (
    select
        source,
        coalesce(queue, '(none)') as queue,
        coalesce(brand, '(none)') as brand,
        coalesce(service_level, '(none)') as service_level,
        from_at,
        interval_minutes,
        answer_target_seconds,
        target_share,
        share_of,
        sum(1) as offered,
        sum(case when outcome = 'answered' then 1 else 0 end) as answered,
        sum({{ is_in_target }}) as answered_in_target,
        sum(case when outcome = 'abandoned' then 1 else 0 end) as abandoned,
        sum({{ is_short }}) as short_abandoned,
        sum(case when outcome = 'answered' and wait_seconds is null then 1 else 0 end) as wait_unknown,
        sum(case when outcome = 'answered' and talk_seconds is null then 1 else 0 end) as talk_unknown,
        coalesce(sum(case when outcome = 'answered' then wait_seconds end), 0) as answered_wait_seconds,
        coalesce(sum(case when outcome = 'answered' then talk_seconds end), 0) as talk_seconds,
        max(wait_seconds) as longest_wait_seconds
    from placed
    group by
        source,
        coalesce(queue, '(none)'),
        coalesce(brand, '(none)'),
        coalesce(service_level, '(none)'),
        from_at,
        interval_minutes,
        answer_target_seconds,
        target_share,
        share_of
),

-- of a call whose wait nobody tells, no share can say anything
shared as (
    select
        counted.*,
        case
            when service_level <> '(none)' then
                cast(answered_in_target as {{ dbt.type_float() }}) / nullif(offered - wait_unknown, 0)
        end as share_of_offered,
        case
            when service_level <> '(none)' then
                cast(answered_in_target as {{ dbt.type_float() }}) / nullif(answered - wait_unknown, 0)
        end as share_of_answered,
        case
            when service_level <> '(none)' then
                cast(answered_in_target as {{ dbt.type_float() }}) / nullif(offered - wait_unknown - short_abandoned, 0)
        end as share_without_short_abandons
    from counted
)

select
    source,
    queue,
    brand,
    service_level,
    from_at,
    {{ add_seconds('from_at', 'interval_minutes * 60') }} as to_at,
    {{ local_date('from_at', company_timezone()) }} as day,
    answer_target_seconds,
    target_share,
    share_of,
    cast(offered as integer) as offered_count,
    cast(answered as integer) as answered_count,
    cast(answered_in_target as integer) as answered_in_target_count,
    cast(abandoned as integer) as abandoned_count,
    cast(short_abandoned as integer) as short_abandoned_count,
    cast(wait_unknown as integer) as wait_unknown_count,
    cast(talk_unknown as integer) as talk_unknown_count,
    share_of_offered as in_target_share_of_offered,
    share_of_answered as in_target_share_of_answered,
    share_without_short_abandons as in_target_share_without_short_abandons,
    case share_of
        when 'offered' then share_of_offered
        when 'answered' then share_of_answered
        else share_without_short_abandons
    end >= target_share as is_kept,
    cast(cast(abandoned as {{ dbt.type_float() }}) / offered as {{ dbt.type_float() }}) as abandoned_share,
    cast(answered_wait_seconds as bigint) as answered_wait_seconds,
    cast(cast(answered_wait_seconds as {{ dbt.type_float() }}) / nullif(answered - wait_unknown, 0) as {{ dbt.type_float() }}) as asa_seconds,
    cast(talk_seconds as bigint) as talk_seconds,
    cast(cast(talk_seconds as {{ dbt.type_float() }}) / nullif(answered - talk_unknown, 0) as {{ dbt.type_float() }}) as aht_seconds,
    cast(longest_wait_seconds as integer) as longest_wait_seconds

from shared
