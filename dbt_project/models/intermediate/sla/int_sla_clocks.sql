{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- One row per promise that could be made: when its clock started, when it was fulfilled, and when it ends.
-- What nobody promises is worked out only for first_reply_time and resolution_time, which have a verdict then.
{% set timeline -%}
(
        select case_key, row_no, from_at, to_at, status, priority, department, team, agent_key, policy_department
        from {{ ref('int_case_timeline') }}
        {%- if is_incremental() %}
        where case_key in (select case_key from {{ ref('int_dirty_cases') }})
        {%- endif %}
    ) as timeline
{%- endset -%}
with cases as (
    select
        case_key,
        opened_at,
        first_inbound_at,
        first_reply_at,
        has_status,
        source_due_at,
        merged_into_case_key,
        {{ sla_subject('int_cases') }} as rule_subject
    from {{ ref('int_cases') }} as int_cases
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

interactions as (
    select case_key, direction, is_reply, occurred_at
    from {{ ref('int_interactions') }}
    where case_key is not null
        and (direction = 'inbound' or is_reply)
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}

    union all

    -- what was written in a case that was merged since: its clocks are void, and not gone
    select written_in_case_key, direction, is_reply, occurred_at
    from {{ ref('int_interactions') }}
    where written_in_case_key <> case_key
        and (direction = 'inbound' or is_reply)
    {%- if is_incremental() %}
        and case_key in (select merged_into_case_key from cases)
    {%- endif %}
),

rules as (
    select * from {{ ref('int_sla_rules') }}
),

endings as (
    select case_key, resolved_at, ended_at
    from {{ ref('int_case_timeline') }}
    where row_no = 1
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- of the messages of one instant the customer's come first
instants as (
    select
        interactions.case_key,
        interactions.occurred_at as said_at,
        max(case when interactions.direction = 'inbound' then 1 else 0 end) as is_asked,
        max(case when interactions.is_reply then 1 else 0 end) as is_answered
    from interactions
    inner join cases
        on interactions.case_key = cases.case_key
    where interactions.occurred_at >= cases.first_inbound_at
        and {{ rules_such_that("promised.metric = 'next_reply_time'") }} > 0
    group by interactions.case_key, interactions.occurred_at
),

questions as (
    select
        case_key,
        said_at,
        is_asked,
        coalesce(sum(is_answered) over (
            partition by case_key order by said_at
            rows between unbounded preceding and 1 preceding
        ), 0) as replies_before,
        min(case when is_answered = 1 then said_at end) over (
            partition by case_key order by said_at
            rows between current row and unbounded following
        ) as answered_at
    from instants
),

-- what one reply answers at once is one question; the first one has the first reply
unanswered as (
    select
        case_key,
        replies_before,
        min(said_at) as started_at,
        min(answered_at) as fulfilled_at
    from questions
    where is_asked = 1
        and replies_before > 0
    group by case_key, replies_before
),

reply_clocks as (
    select
        case_key,
        'first_reply_time' as metric,
        1 as clock_no,
        first_inbound_at as started_at,
        first_reply_at as fulfilled_at
    from cases
    where first_inbound_at is not null

    union all

    select
        case_key,
        'next_reply_time',
        row_number() over (partition by case_key order by replies_before),
        started_at,
        fulfilled_at
    from unanswered
),

-- from each reply to an unresolved case to the next
updates as (
    select
        replies.case_key,
        replies.replied_at as started_at,
        lead(replies.replied_at) over (partition by replies.case_key order by replies.replied_at) as fulfilled_at
    from (
        select distinct case_key, occurred_at as replied_at
        from interactions
        where is_reply
            and {{ rules_such_that("promised.metric in ('periodic_update_time', 'pausable_update_time')") }} > 0
    ) as replies
    inner join cases
        on replies.case_key = cases.case_key
    where cases.has_status
),

updates_while_open as (
    select
        updates.case_key,
        updates.started_at,
        updates.fulfilled_at,
        row_number() over (partition by updates.case_key order by updates.started_at) as clock_no
    from updates
    inner join {{ timeline }}
        on updates.case_key = timeline.case_key
        and (timeline.row_no = 1 or timeline.from_at <= updates.started_at)
        and (timeline.to_at is null or timeline.to_at > updates.started_at)
    where timeline.status not in ('solved', 'closed', 'deleted')
),

statuses as (
    select
        case_key,
        row_no,
        from_at,
        priority,
        status in ('solved', 'closed') as is_resolved,
        status not in ('solved', 'closed', 'deleted') as is_open,
        lag(status in ('solved', 'closed')) over (partition by case_key order by row_no) as was_resolved
    from {{ timeline }}
    where {{ rules_such_that("promised.restarts_on_reopen") }} > 0
),

reopenings as (
    select
        statuses.*,
        max(case when is_resolved and not coalesce(was_resolved, false) then from_at end) over (
            partition by case_key order by row_no
            rows between unbounded preceding and 1 preceding
        ) as resolved_before_at
    from statuses
),

restarts as (
    select
        reopenings.case_key,
        rules.metric,
        reopenings.row_no,
        reopenings.from_at as started_at,
        reopenings.resolved_before_at
    from reopenings
    inner join cases
        on reopenings.case_key = cases.case_key
    inner join rules
        on cases.rule_subject = rules.rule_subject
        and coalesce(reopenings.priority, '') = rules.priority
        and reopenings.from_at >= rules.from_at
        and reopenings.from_at < rules.until_at
    where reopenings.is_open
        and reopenings.was_resolved
        and cases.has_status
        and rules.restarts_on_reopen
),

-- a conversation that no help desk carries has no status of its own: nobody says that it is resolved
openings as (
    select
        cases.case_key,
        metrics.metric,
        0 as row_no,
        cases.opened_at as started_at,
        cast(null as timestamp) as resolved_before_at
    from cases
    cross join (
        select 'resolution_time' as metric
        union
        select metric
        from {{ ref('stg_policy__sla_policies') }}
        where metric in ('requester_wait_time', 'agent_work_time')
    ) as metrics
    where cases.has_status

    union all

    select case_key, metric, row_no, started_at, resolved_before_at
    from restarts
),

opened_clocks as (
    select
        openings.case_key,
        openings.metric,
        row_number() over clock_order as clock_no,
        openings.started_at,
        case
            when lead(openings.row_no) over clock_order is null then endings.resolved_at
            else lead(openings.resolved_before_at) over clock_order
        end as fulfilled_at
    from openings
    inner join endings
        on openings.case_key = endings.case_key
    window clock_order as (partition by openings.case_key, openings.metric order by openings.row_no)
),

owner_clocks as (
    select
        cases.case_key,
        min(cases.opened_at) as started_at,
        min(case when timeline.department = timeline.policy_department then timeline.from_at end) as fulfilled_at
    from cases
    inner join {{ timeline }}
        on cases.case_key = timeline.case_key
    where {{ rules_such_that("promised.metric = 'time_to_owner'") }} > 0
    group by cases.case_key
    having max(timeline.policy_department) is not null
),

holdings as (
    select
        case_key,
        row_no,
        from_at,
        to_at,
        coalesce('team:' || team, 'department:' || department, agent_key) as holder,
        status not in ('solved', 'closed', 'deleted') as is_open
    from {{ timeline }}
    where {{ rules_such_that("promised.metric = 'ownership_time'") }} > 0
),

takings as (
    select
        holdings.*,
        case
            when coalesce(lag(case when is_open then holder end) over (partition by case_key order by row_no), '') = holder then 0
            else 1
        end as is_taken
    from holdings
),

numbered_takings as (
    select
        takings.*,
        sum(case when is_open and holder is not null then is_taken else 0 end) over (
            partition by case_key order by row_no
            rows between unbounded preceding and current row
        ) as clock_no
    from takings
),

held as (
    select
        case_key,
        clock_no,
        min(from_at) as started_at,
        case when count(*) = count(to_at) then max(to_at) end as fulfilled_at,
        min(row_no) as first_row_no
    from numbered_takings
    where is_open
        and holder is not null
    group by case_key, clock_no
),

clocks as (
    select case_key, metric, clock_no, started_at, fulfilled_at, cast(null as integer) as instant_row_no
    from reply_clocks

    union all

    select updates_while_open.case_key, metrics.metric, updates_while_open.clock_no, updates_while_open.started_at, updates_while_open.fulfilled_at, null
    from updates_while_open
    cross join (
        select distinct metric
        from {{ ref('stg_policy__sla_policies') }}
        where metric in ('periodic_update_time', 'pausable_update_time')
    ) as metrics

    union all

    select case_key, metric, clock_no, started_at, fulfilled_at, null
    from opened_clocks

    union all

    select case_key, 'time_to_owner', 1, started_at, fulfilled_at, null
    from owner_clocks

    union all

    -- who held it for no time at all is known by their row alone
    select case_key, 'ownership_time', clock_no, started_at, fulfilled_at, case when fulfilled_at = started_at then first_row_no end
    from held
)

select
    clocks.case_key,
    clocks.metric,
    cast(clocks.clock_no as integer) as clock_no,
    clocks.started_at,
    clocks.fulfilled_at,
    -- what is resolved, or no more, waits for nothing
    coalesce(
        clocks.fulfilled_at,
        case
            when endings.resolved_at is not null or endings.ended_at is not null
                then greatest(clocks.started_at, least(endings.resolved_at, endings.ended_at))
        end,
        {{ as_of() }}
    ) as ends_at,
    clocks.instant_row_no,
    endings.resolved_at,
    endings.ended_at,
    cases.rule_subject,
    cases.source_due_at

from clocks
inner join cases
    on clocks.case_key = cases.case_key
inner join endings
    on clocks.case_key = endings.case_key
