{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=[
        "{{ delete_dirty('case_key') }}",
        "{{ read_tickets_ahead('metric_events') }}",
    ],
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
-- not beside the cases, which it would hold up and all that waits for them:
-- depends_on: {{ ref('int_cases') }}

-- The clocks that a help desk itself keeps for its tickets, by our names: what it promised, when it started, stopped
-- and fulfilled them, and its verdict at as_of.
with events as (
    select
        source || ':' || ticket_id as case_key,
        source,
        event_id,
        case
            when metric = 'reply_time' and instance_no = 1 then 'first_reply_time'
            when metric = 'reply_time' then 'next_reply_time'
            when metric = 'group_ownership_time' then 'ownership_time'
            else metric
        end as metric,
        cast(case when metric = 'reply_time' and instance_no > 1 then instance_no - 1 else instance_no end as integer) as clock_no,
        event_type,
        happened_at,
        policy_name,
        target_seconds,
        is_in_business_hours,
        calendar_seconds,
        business_seconds,
        is_taken_back
    from {{ ref('stg_zendesk__metric_events') }}
    where instance_no > 0  -- 0 only says that the metric is measured
    {%- if is_incremental() %}
        and source || ':' || ticket_id in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- in one second a clock starts before it pauses, and pauses before it ends
turns as (
    select
        case_key,
        metric,
        clock_no,
        source,
        event_type,
        happened_at,
        lead(happened_at) over clock_order as next_at
    from events
    where event_type in ('activate', 'pause', 'fulfill')
        and happened_at < {{ as_of() }}
    window clock_order as (
        partition by case_key, metric, clock_no
        order by happened_at, case event_type when 'activate' then 1 when 'pause' then 2 else 3 end, event_id
    )
),

ran as (
    select
        case_key,
        metric,
        clock_no,
        min(source) as source,
        min(happened_at) as started_at,
        max(case when next_at is null and event_type = 'fulfill' then happened_at end) as fulfilled_at,
        sum(
            case
                when event_type = 'activate' then {{ seconds_between('happened_at', "coalesce(next_at, " ~ as_of() ~ ")") }}
                else 0
            end
        ) as calendar_seconds
    from turns
    group by case_key, metric, clock_no
),

promises as (
    select
        events.*,
        row_number() over (partition by case_key, metric, clock_no order by happened_at, event_id) as oldest_first,
        row_number() over (partition by case_key, metric, clock_no order by happened_at desc, event_id desc) as newest_first
    from events
    where event_type in ('apply_sla', 'apply_group_sla')
        and happened_at < {{ as_of() }}
),

promised as (
    select
        case_key,
        metric,
        clock_no,
        max(case when oldest_first = 1 then happened_at end) as first_promised_at,
        max(case when oldest_first = 1 then policy_name end) as first_policy,
        max(case when oldest_first = 1 then target_seconds end) as first_target_seconds,
        max(case when oldest_first = 1 and is_in_business_hours then 1 else 0 end) = 1 as is_first_in_business_hours,
        max(case when newest_first = 1 then happened_at end) as promised_at,
        max(case when newest_first = 1 then policy_name end) as policy,
        max(case when newest_first = 1 then target_seconds end) as target_seconds,
        max(case when newest_first = 1 and is_in_business_hours then 1 else 0 end) = 1 as is_in_business_hours
    from promises
    group by case_key, metric, clock_no
),

-- a breach that was taken back after as_of still stood then
breached as (
    select
        breaches.case_key,
        breaches.metric,
        breaches.clock_no,
        min(breaches.happened_at) as breached_at
    from events as breaches
    where breaches.event_type = 'breach'
        and breaches.happened_at < {{ as_of() }}
        and (
            not breaches.is_taken_back
            or exists (
                select 1
                from events as later
                where later.case_key = breaches.case_key
                    and later.metric = breaches.metric
                    and later.clock_no = breaches.clock_no
                    and later.event_type in ('apply_sla', 'apply_group_sla')
                    and later.happened_at >= {{ as_of() }}
            )
        )
    group by breaches.case_key, breaches.metric, breaches.clock_no
),

measured as (
    select
        events.case_key,
        events.metric,
        events.clock_no,
        max(events.calendar_seconds) as calendar_seconds,
        max(events.business_seconds) as business_seconds
    from events
    inner join ran
        on events.case_key = ran.case_key
        and events.metric = ran.metric
        and events.clock_no = ran.clock_no
        and events.happened_at = ran.fulfilled_at
    where events.event_type = 'update_status'
    group by events.case_key, events.metric, events.clock_no
)

select
    ran.case_key,
    ran.metric,
    ran.clock_no,
    ran.source,
    ran.started_at,
    ran.fulfilled_at,
    promised.first_promised_at,
    promised.first_policy,
    promised.first_target_seconds,
    promised.is_first_in_business_hours,
    promised.promised_at,
    promised.policy,
    promised.target_seconds,
    promised.is_in_business_hours,
    breached.breached_at,
    ran.calendar_seconds,
    -- in the hours of the promise, as the source counted; it says it in whole minutes, and only of what is fulfilled
    case when promised.is_in_business_hours then measured.business_seconds else measured.calendar_seconds end as elapsed_seconds,
    case
        when promised.target_seconds is null then 'no_policy'
        when breached.breached_at is not null then 'breached'
        when ran.fulfilled_at is not null then 'met'
        else 'running'
    end as outcome

from ran
left join promised
    on ran.case_key = promised.case_key
    and ran.metric = promised.metric
    and ran.clock_no = promised.clock_no
left join breached
    on ran.case_key = breached.case_key
    and ran.metric = breached.metric
    and ran.clock_no = breached.clock_no
left join measured
    on ran.case_key = measured.case_key
    and ran.metric = measured.metric
    and ran.clock_no = measured.clock_no
