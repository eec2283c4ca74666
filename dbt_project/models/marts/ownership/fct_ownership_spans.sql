{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
with timeline as (
    select * from {{ ref('int_case_timeline') }}
    -- who has it in the instant in which it ends has it for no time at all
    where (ended_at is null or from_at <= ended_at or row_no = 1)
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

answers as (
    select * from {{ ref('int_replies') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- one schedule a case: business time held adds up over its holders
schedules as (
    select
        case_key,
        coalesce(
            max(case when metric = 'resolution_time' then hours end),
            max(case when metric = 'first_reply_time' then hours end)
        ) as schedule
    from {{ ref('fct_sla_clocks') }}
    where metric in ('resolution_time', 'first_reply_time')
        and clock_no = 1
        and hours <> 'calendar'
    {%- if is_incremental() %}
        and case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
    group by case_key
),

slices as (
    select * from {{ ref('int_business_slices') }}
),

held as (
    select
        timeline.*,
        case
            when lag(case_key) over case_order is null
                or coalesce(lag(department) over case_order, '') <> coalesce(department, '')
                or coalesce(lag(team) over case_order, '') <> coalesce(team, '')
                or coalesce(lag(agent_key) over case_order, '') <> coalesce(agent_key, '')
                then 1
            else 0
        end as is_new_holder
    from timeline
    window case_order as (partition by case_key order by row_no)
),

numbered as (
    select
        held.*,
        cast(sum(is_new_holder) over (
            partition by case_key order by row_no
            rows between unbounded preceding and current row
        ) as integer) as span_no
    from held
),

spans as (
    select
        numbered.case_key,
        numbered.span_no,
        numbered.from_at,
        -- to the next holder, else to the end of the case's time
        coalesce(
            lead(numbered.from_at) over (partition by numbered.case_key order by numbered.span_no),
            numbered.ended_at
        ) as to_at,
        numbered.department,
        numbered.team,
        numbered.agent_key,
        numbered.department is null and numbered.team is null and numbered.agent_key is null as is_nobody,
        numbered.came_by,
        numbered.ownership_policy,
        numbered.policy_department,
        numbered.policy_team
    from numbered
    where numbered.is_new_holder = 1
),

replies as (
    select
        spans.case_key,
        spans.span_no,
        count(*) as reply_count,
        -- a person of another department who answers the customer while somebody holds the case
        sum(case when answers.department <> spans.department then 1 else 0 end) as outside_reply_count
    from spans
    inner join answers
        on spans.case_key = answers.case_key
        and answers.occurred_at >= spans.from_at
        and (spans.to_at is null or answers.occurred_at < spans.to_at)
    group by spans.case_key, spans.span_no
),

scheduled as (
    select
        spans.*,
        coalesce(spans.to_at, {{ as_of() }}) as held_until,
        schedules.schedule
    from spans
    left join schedules
        on spans.case_key = schedules.case_key
)

select
    spans.case_key,
    spans.span_no,
    spans.from_at,
    spans.to_at,
    spans.department,
    spans.team,
    spans.agent_key,
    spans.is_nobody,
    case when not spans.is_nobody then spans.came_by end as came_by,
    {{ seconds_between('spans.from_at', 'spans.held_until') }} as calendar_seconds,
    spans.schedule,
    cast(
        ({{ open_seconds_until('to_slices', 'spans.held_until') }})
        - ({{ open_seconds_until('from_slices', 'spans.from_at') }})
        as bigint
    ) as business_seconds,
    cast(coalesce(replies.reply_count, 0) as integer) as reply_count,
    cast(coalesce(replies.outside_reply_count, 0) as integer) as outside_reply_count,
    spans.policy_department,
    spans.policy_team,
    spans.ownership_policy,
    case
        when spans.ownership_policy is null then 'no_policy'
        when spans.is_nobody then 'orphaned'
        when replies.outside_reply_count > 0 then 'contested'
        when coalesce(spans.department, '') <> spans.policy_department
            or (spans.policy_team is not null and coalesce(spans.team, '') <> spans.policy_team)
            then 'misrouted'
        else 'as_policy'
    end as verdict

from scheduled as spans
left join replies
    on spans.case_key = replies.case_key
    and spans.span_no = replies.span_no
-- business time is the open seconds before the end less those before the start
left join slices as from_slices
    on {{ is_slice_of('from_slices', 'spans.schedule', 'spans.from_at') }}
left join slices as to_slices
    on {{ is_slice_of('to_slices', 'spans.schedule', 'spans.held_until') }}
