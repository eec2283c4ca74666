{{ config(materialized='view') }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- The life of each clock, cut where its case changed and where another rule took over: one row per segment, with
-- the rule that held in it, the target that holds last, and whether the clock ran. A clock of no length has one
-- segment of no length. In an increment those of the dirty cases.
{% set priority = "coalesce(timeline.priority, '')" -%}
-- a state that lasted no time has no say
{% set has_say = '(timeline.to_at is null or timeline.to_at > timeline.from_at or timeline.row_no = 1)' -%}
-- one text to join on: with three, priorities and rules meet before it is asked whose they are
{% set promised_to = "rules.metric || '|' || rules.rule_subject || '|' || rules.priority" -%}

with clocks as (
    select * from {{ ref('int_sla_clocks') }}
    {%- if not is_full() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- the first row of a timeline also tells of the time before it
starts as (
    select
        clocks.*,
        {{ priority }} as start_priority,
        rules.rule_key as start_key,
        rules.rule_key is not null and not rules.reapplies_on_change as is_kept
    from clocks
    inner join {{ ref('int_case_timeline') }} as timeline
        on clocks.case_key = timeline.case_key
        and case
            when clocks.instant_row_no is not null then timeline.row_no = clocks.instant_row_no
            else {{ has_say }}
                and (timeline.row_no = 1 or timeline.from_at <= clocks.started_at)
                and (timeline.to_at is null or timeline.to_at > clocks.started_at)
        end
    inner join {{ ref('int_sla_rules') }} as rules
        on clocks.metric || '|' || clocks.rule_subject || '|' || {{ priority }} = {{ promised_to }}
        and clocks.started_at >= rules.from_at
        and clocks.started_at < rules.until_at
),

{% set pieces %}
    select
        starts.case_key,
        starts.metric,
        starts.clock_no,
        starts.started_at,
        starts.rule_subject,
        starts.source_due_at,
        starts.start_priority,
        starts.start_key,
        timeline.row_no,
        timeline.status,
        {{ priority }} as priority,
        timeline.department,
        timeline.team,
        timeline.agent_key,
        case when timeline.row_no = 1 then starts.started_at else greatest(starts.started_at, timeline.from_at) end as from_at,
        least(starts.ends_at, timeline.to_at) as to_at
    from starts
    inner join {{ ref('int_case_timeline') }} as timeline
        on starts.case_key = timeline.case_key
        and case
            when starts.instant_row_no is not null then timeline.row_no = starts.instant_row_no
            else {{ has_say }}
                and (timeline.to_at is null or timeline.to_at > starts.started_at)
                and (timeline.row_no = 1 or timeline.from_at < starts.ends_at or timeline.from_at = starts.started_at)
        end
{% endset -%}

-- a promise that is kept as it was made, which most are
kept_pieces as (
    {{- pieces }}
    where starts.is_kept
),

-- any other, whose rule may change
pieces as (
    {{- pieces }}
    where not starts.is_kept
),

-- each piece once for each rule that is the first to match during it
candidates as (
    select
        pieces.case_key,
        pieces.metric,
        pieces.clock_no,
        pieces.started_at,
        pieces.source_due_at,
        pieces.row_no,
        pieces.status,
        pieces.priority,
        pieces.department,
        pieces.team,
        pieces.agent_key,
        greatest(pieces.from_at, rules.from_at) as from_at,
        least(pieces.to_at, rules.until_at) as to_at,
        -- the source's due time is promised from the start or not at all
        case
            when rules.is_source_due and greatest(pieces.from_at, rules.from_at) > pieces.started_at then null
            else rules.rule_key
        end as rule_key,
        rules.reapplies_on_change
    from pieces
    inner join {{ ref('int_sla_rules') }} as rules
        on pieces.metric || '|' || pieces.rule_subject || '|' || pieces.priority = {{ promised_to }}
        and pieces.from_at < rules.until_at
        and (pieces.to_at > rules.from_at or (pieces.to_at = pieces.from_at and pieces.from_at >= rules.from_at))
),

-- from the first rule on that keeps its promise nothing else has a say
kept as (
    select
        candidates.*,
        min(case when not reapplies_on_change and rule_key is not null then from_at end)
            over (partition by case_key, metric, clock_no) as kept_from
    from candidates
),

accepted as (
    select
        kept.*,
        case when kept_from is null or from_at <= kept_from then rule_key end as accepted_key
    from kept
),

accepted_so_far as (
    select
        accepted.*,
        count(accepted_key) over (
            partition by case_key, metric, clock_no order by from_at
            rows between unbounded preceding and current row
        ) as accepted_no
    from accepted
),

governed as (
    select
        accepted_so_far.*,
        -- null before the first rule; the time until then counts in its hours
        max(accepted_key) over (partition by case_key, metric, clock_no, accepted_no) as governing_key,
        max(case when accepted_no = 1 then accepted_key end) over (partition by case_key, metric, clock_no) as first_key
    from accepted_so_far
),

turned as (
    select
        governed.*,
        case
            when governing_key is null then 0
            when governing_key = lag(governing_key) over (partition by case_key, metric, clock_no order by from_at) then 0
            else 1
        end as is_turn
    from governed
),

numbered as (
    select
        turned.*,
        sum(is_turn) over (
            partition by case_key, metric, clock_no order by from_at
            rows between unbounded preceding and current row
        ) as turn_no
    from turned
),

turned_pieces as (
    select
        case_key,
        metric,
        clock_no,
        turn_no,
        min(started_at) as started_at,
        max(source_due_at) as source_due_at,
        min(from_at) as from_at,
        max(to_at) as to_at,
        max(status) as status,
        max(priority) as priority,
        max(department) as department,
        max(team) as team,
        max(agent_key) as agent_key,
        max(governing_key) as governing_key,
        max(coalesce(governing_key, first_key)) as counting_key
    from numbered
    group by case_key, metric, clock_no, row_no, turn_no
),

segments as (
    select
        case_key,
        metric,
        clock_no,
        started_at,
        source_due_at,
        from_at,
        to_at,
        status,
        priority,
        department,
        team,
        agent_key,
        start_key as governing_key,
        start_key as counting_key,
        start_key as judged_by_key,
        started_at as turned_at,
        start_priority as turn_priority
    from kept_pieces

    union all

    select
        case_key,
        metric,
        clock_no,
        started_at,
        source_due_at,
        from_at,
        to_at,
        status,
        priority,
        department,
        team,
        agent_key,
        governing_key,
        counting_key,
        last_value(counting_key) over (
            partition by case_key, metric, clock_no order by from_at
            rows between unbounded preceding and unbounded following
        ) as judged_by_key,
        first_value(from_at) over turn_order as turned_at,
        first_value(priority) over turn_order as turn_priority
    from turned_pieces
    window turn_order as (partition by case_key, metric, clock_no, turn_no order by from_at)
)

select
    segments.case_key,
    segments.metric,
    segments.clock_no,
    segments.from_at,
    segments.to_at,
    segments.turned_at,
    nullif(segments.turn_priority, '') as turn_priority,
    segments.status,
    nullif(segments.priority, '') as priority,
    segments.department,
    segments.team,
    segments.agent_key,
    case when segments.governing_key is not null then sla_rules.policy end as policy,
    sla_rules.target,
    {%- for rules, name in {'sla_rules': 'target_seconds', 'judging_rules': 'judged_by_seconds'}.items() %}
    case
        when {{ rules }}.target = 'case_due_at' then {{ seconds_between('segments.started_at', 'segments.source_due_at') }}
        else {{ rules }}.target_seconds
    end as {{ name }},
    {%- endfor %}
    sla_rules.hours,
    sla_rules.at_risk_seconds,
    -- an instant to meet waits for nobody
    coalesce(sla_rules.target, '') <> 'case_due_at' and (
        segments.status in ('solved', 'closed', 'deleted')
        or (
            segments.status = 'pending'
            and (
                segments.metric in ('pausable_update_time', 'requester_wait_time', 'agent_work_time')
                or coalesce(sla_rules.pauses_while_pending, false)
            )
        )
        or (
            segments.status = 'hold'
            and (segments.metric = 'agent_work_time' or coalesce(sla_rules.pauses_while_hold, false))
        )
    ) as is_paused

from segments
left join {{ ref('stg_policy__sla_policies') }} as sla_rules
    on segments.counting_key = sla_rules.rule_key
left join {{ ref('stg_policy__sla_policies') }} as judging_rules
    on segments.judged_by_key = judging_rules.rule_key
where segments.counting_key is not null
    or segments.metric in ('first_reply_time', 'resolution_time')
