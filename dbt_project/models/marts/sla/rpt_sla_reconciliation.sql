{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

{% set is_dirty %}
    {%- if is_incremental() %}
        case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- else %}
        true
    {%- endif %}
{% endset %}
{%- set metrics_of_messages = "'first_reply_time', 'next_reply_time', 'periodic_update_time', 'pausable_update_time'" %}

-- Our verdicts beside the source's own, with the cause of each difference: the first that applies (D-064).
with ours as (
    select * from {{ ref('fct_sla_clocks') }} where {{ is_dirty }}
),

theirs as (
    select * from {{ ref('int_source_clocks') }} where {{ is_dirty }}
),

cases as (
    select * from {{ ref('int_cases') }} where {{ is_dirty }}
),

bot_messages as (
    select
        case_key,
        occurred_at
    from {{ ref('int_interactions') }}
    where is_bot and direction = 'outbound' and {{ is_dirty }}
),

case_merges as (
    select distinct surviving_case_key
    from {{ ref('int_case_merges') }}
    where surviving_case_key is not null
),

-- their messages are those of all their tickets, and they may have begun with another one
survivors as (
    select
        cases.case_key,
        cases.began_as_case_key is not null as began_elsewhere
    from cases
    inner join case_merges
        on cases.case_key = case_merges.surviving_case_key
),

-- metrics of a case of which the source promised anything: of all else it has no verdict
judged as (
    select distinct
        theirs.case_key,
        theirs.metric
    from theirs
    inner join cases  -- of a ticket that is gone for good its events may be left
        on theirs.case_key = cases.case_key
    where theirs.target_seconds is not null
),

our_clocks as (
    select ours.*
    from ours
    inner join judged
        on ours.case_key = judged.case_key
        and ours.metric = judged.metric
),

their_clocks as (
    select theirs.*
    from theirs
    inner join judged
        on theirs.case_key = judged.case_key
        and theirs.metric = judged.metric
),

from_events as (
    select
        coalesce(our_clocks.case_key, their_clocks.case_key) as case_key,
        coalesce(our_clocks.metric, their_clocks.metric) as metric,
        coalesce(our_clocks.clock_no, their_clocks.clock_no) as clock_no,
        coalesce(our_clocks.source, their_clocks.source) as source,
        'events' as told_by,
        our_clocks.policy,
        their_clocks.policy as source_policy,
        our_clocks.target_seconds,
        their_clocks.target_seconds as source_target_seconds,
        case when our_clocks.policy is not null then our_clocks.hours end as hours,
        case when their_clocks.is_in_business_hours then 'business' when their_clocks.target_seconds is not null then 'calendar' end as source_hours,
        our_clocks.started_at,
        their_clocks.started_at as source_started_at,
        our_clocks.fulfilled_at,
        their_clocks.fulfilled_at as source_fulfilled_at,
        our_clocks.breached_at,
        their_clocks.breached_at as source_breached_at,
        our_clocks.elapsed_seconds,
        their_clocks.elapsed_seconds as source_elapsed_seconds,
        our_clocks.outcome,
        their_clocks.outcome as source_outcome,
        our_clocks.void_reason,
        -- the same promise: as many seconds, in opening hours or not
        coalesce(our_clocks.target_seconds = their_clocks.target_seconds and (our_clocks.hours <> 'calendar') = their_clocks.is_in_business_hours, false)
            as is_same_promise,
        coalesce(
            our_clocks.target_seconds = their_clocks.first_target_seconds and (our_clocks.hours <> 'calendar') = their_clocks.is_first_in_business_hours,
            false
        ) as was_same_promise,
        coalesce(their_clocks.first_policy = their_clocks.policy, false) as is_same_policy,
        their_clocks.first_promised_at,
        their_clocks.promised_at,
        -- while it runs there, nothing is said of it
        coalesce({{ is_about('our_clocks.elapsed_seconds', 'their_clocks.elapsed_seconds') }}, true) as is_same_elapsed,
        -- from the same instant to the same instant, with as much time between
        coalesce(
            our_clocks.started_at = their_clocks.started_at
            and {{ is_about('our_clocks.calendar_elapsed_seconds', 'their_clocks.calendar_seconds') }},
            false
        ) as is_same_stretch,
        coalesce(our_clocks.seen_after_seconds > 0 and our_clocks.started_at < their_clocks.started_at, false) as is_seen_late
    from our_clocks
    full outer join their_clocks
        on our_clocks.case_key = their_clocks.case_key
        and our_clocks.metric = their_clocks.metric
        and our_clocks.clock_no = their_clocks.clock_no
),

-- what an export says of a case is said of its resolution; it has no date, so ours has to be decided
from_words as (
    select
        ours.case_key,
        ours.metric,
        ours.clock_no,
        ours.source,
        'word' as told_by,
        ours.policy,
        cast(null as {{ dbt.type_string() }}) as source_policy,
        ours.target_seconds,
        cast(null as bigint) as source_target_seconds,
        case when ours.policy is not null then ours.hours end as hours,
        cast(null as {{ dbt.type_string() }}) as source_hours,
        ours.started_at,
        cast(null as timestamp) as source_started_at,
        ours.fulfilled_at,
        cast(null as timestamp) as source_fulfilled_at,
        ours.breached_at,
        cast(null as timestamp) as source_breached_at,
        ours.elapsed_seconds,
        cast(null as bigint) as source_elapsed_seconds,
        ours.outcome,
        cases.source_outcome,
        ours.void_reason,
        -- of its promise at most the instant is known at which it was due
        ours.policy is not null and coalesce(ours.due_at = cases.source_due_at, true) as is_same_promise,
        false as was_same_promise,
        false as is_same_policy,
        cast(null as timestamp) as first_promised_at,
        cast(null as timestamp) as promised_at,
        true as is_same_elapsed,
        true as is_same_stretch,
        false as is_seen_late
    from cases
    inner join ours
        on cases.case_key = ours.case_key
        and ours.metric = 'resolution_time'
        and ours.clock_no = 1
        and ours.outcome <> 'running'
    where cases.source_outcome is not null
),

-- of the clocks that every case has the source measures the time where it promises nothing, too: of both the time by
-- the calendar is compared, and nothing else
from_figures as (
    select
        ours.case_key,
        ours.metric,
        ours.clock_no,
        ours.source,
        'figure' as told_by,
        ours.policy,
        cast(null as {{ dbt.type_string() }}) as source_policy,
        ours.target_seconds,
        cast(null as bigint) as source_target_seconds,
        case when ours.policy is not null then ours.hours end as hours,
        'calendar' as source_hours,
        ours.started_at,
        theirs.started_at as source_started_at,
        ours.fulfilled_at,
        theirs.fulfilled_at as source_fulfilled_at,
        ours.breached_at,
        cast(null as timestamp) as source_breached_at,
        ours.elapsed_seconds,
        theirs.elapsed_seconds as source_elapsed_seconds,
        ours.outcome,
        cast(null as {{ dbt.type_string() }}) as source_outcome,
        ours.void_reason,
        true as is_same_promise,
        false as was_same_promise,
        false as is_same_policy,
        cast(null as timestamp) as first_promised_at,
        cast(null as timestamp) as promised_at,
        {{ is_about('ours.calendar_elapsed_seconds', 'theirs.elapsed_seconds') }} as is_same_elapsed,
        ours.started_at = theirs.started_at
        and {{ is_about('ours.calendar_elapsed_seconds', 'theirs.elapsed_seconds') }} as is_same_stretch,
        coalesce(ours.seen_after_seconds > 0 and ours.started_at < theirs.started_at, false) as is_seen_late
    from ours
    inner join theirs
        on ours.case_key = theirs.case_key
        and ours.metric = theirs.metric
        and ours.clock_no = theirs.clock_no
    left join judged
        on ours.case_key = judged.case_key
        and ours.metric = judged.metric
    where ours.metric in ('first_reply_time', 'resolution_time')
        and theirs.elapsed_seconds is not null
        and judged.case_key is null
),

pairs as (
    select * from from_events

    union all

    select * from from_words

    union all

    select * from from_figures
),

compared as (
    select
        pairs.*,
        (told_by = 'figure' or coalesce(outcome = source_outcome, false))
        and is_same_elapsed
        and (is_same_promise or told_by = 'word') as is_same,
        -- the life of either clock
        least(started_at, source_started_at) as from_at,
        case
            when started_at is not null and fulfilled_at is null then {{ as_of() }}
            when source_started_at is not null and source_fulfilled_at is null then {{ as_of() }}
            else greatest(fulfilled_at, source_fulfilled_at)
        end as to_at
    from pairs
),

-- metrics of which both promise the same in some clock of the case: that one has a clock more is a matter of counting
promised_alike as (
    select distinct
        case_key,
        metric
    from compared
    where is_same_promise
),

states as (
    select
        compared.case_key,
        compared.metric,
        compared.clock_no,
        max(case when timeline.status = 'deleted' then 1 else 0 end) = 1 as was_deleted,
        -- a reopening begins where the state before it ends
        max(case when timeline.status in ('pending', 'hold', 'solved', 'closed') then 1 else 0 end) = 1 as has_waited
    from compared
    inner join {{ ref('int_case_timeline') }} as timeline
        on compared.case_key = timeline.case_key
        and compared.to_at > timeline.from_at
        and (timeline.to_at is null or timeline.to_at >= compared.from_at)
    where not compared.is_same
    group by compared.case_key, compared.metric, compared.clock_no
),

-- the case's priority when the source promised first and last
priorities as (
    select
        compared.case_key,
        compared.metric,
        compared.clock_no,
        min(coalesce(timeline.priority, '')) = max(coalesce(timeline.priority, '')) as is_same_priority
    from compared
    inner join {{ ref('int_case_timeline') }} as timeline
        on compared.case_key = timeline.case_key
    where compared.promised_at > compared.first_promised_at
        and not compared.is_same
        and (
            (timeline.from_at <= compared.first_promised_at and (timeline.to_at is null or timeline.to_at > compared.first_promised_at))
            or (timeline.from_at <= compared.promised_at and (timeline.to_at is null or timeline.to_at > compared.promised_at))
        )
    group by compared.case_key, compared.metric, compared.clock_no
),

fulfilled_by_bots as (
    select distinct
        compared.case_key,
        compared.metric,
        compared.clock_no
    from compared
    inner join bot_messages
        on compared.case_key = bot_messages.case_key
        and compared.source_fulfilled_at = bot_messages.occurred_at
        and compared.source_fulfilled_at <> coalesce(compared.fulfilled_at, {{ as_of() }})
),

known as (
    select
        compared.*,
        coalesce(states.was_deleted, false) as was_deleted,
        coalesce(states.has_waited, false) as has_waited,
        coalesce(priorities.is_same_priority, false) as is_same_priority,
        compared.told_by <> 'word'
        and survivors.case_key is not null
        and (survivors.began_elsewhere or compared.metric in ({{ metrics_of_messages }})) as has_others_in_it,
        coalesce(compared.started_at = compared.source_started_at, false) as is_same_start,
        coalesce(
            compared.fulfilled_at = compared.source_fulfilled_at,
            compared.fulfilled_at is null and compared.source_fulfilled_at is null
        ) as is_same_end,
        promised_alike.case_key is not null as is_promised_alike,
        fulfilled_by_bots.case_key is not null as is_by_bot
    from compared
    left join states
        on compared.case_key = states.case_key
        and compared.metric = states.metric
        and compared.clock_no = states.clock_no
    left join priorities
        on compared.case_key = priorities.case_key
        and compared.metric = priorities.metric
        and compared.clock_no = priorities.clock_no
    left join survivors
        on compared.case_key = survivors.case_key
    left join promised_alike
        on compared.case_key = promised_alike.case_key
        and compared.metric = promised_alike.metric
    left join fulfilled_by_bots
        on compared.case_key = fulfilled_by_bots.case_key
        and compared.metric = fulfilled_by_bots.metric
        and compared.clock_no = fulfilled_by_bots.clock_no
)

select
    case_key,
    metric,
    clock_no,
    source,
    told_by,
    policy,
    source_policy,
    target_seconds,
    source_target_seconds,
    hours,
    source_hours,
    started_at,
    source_started_at,
    fulfilled_at,
    source_fulfilled_at,
    breached_at,
    source_breached_at,
    elapsed_seconds,
    source_elapsed_seconds,
    outcome,
    source_outcome,
    is_same,
    case
        when is_same then null
        when coalesce(void_reason in ('deleted', 'spam'), false) or was_deleted then 'deleted'
        when void_reason = 'merged' then 'merged'
        when has_others_in_it and not is_same_start then 'merged'
        when has_others_in_it and not is_same_end and not is_by_bot then 'merged'
        when told_by = 'word' and is_same_promise then 'unexplained'
        when told_by = 'word' then 'policy_differs'
        -- only one of the two has this clock
        when (started_at is null or source_started_at is null) and not is_promised_alike then 'policy_differs'
        when (started_at is null or source_started_at is null) and has_waited then 'clock_rule'
        when started_at is null or source_started_at is null then 'unexplained'
        when not is_same_promise and not was_same_promise then 'policy_differs'
        when not is_same_promise and is_same_policy and is_same_priority then 'policy_edited_later'
        -- the case changed, and only one of the two promised anew
        when not is_same_promise then 'clock_rule'
        when is_by_bot then 'bot_reply_counted'
        when not is_same_stretch and (is_seen_late or has_waited) then 'clock_rule'
        when is_same_stretch and source_hours = 'business' then 'schedule_differs'
        else 'unexplained'
    end as cause

from known
