{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_cases_of_dirty_customers() }}",
    indexes=[{'columns': ['case_key']}, {'columns': ['customer_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
-- depends_on: {{ ref('int_dirty_customers') }}

-- Whether the same matter was told again is seen in the customer's other cases: made again for all cases of a customer
-- of whom anything may differ.
with cases as (
    select case_key, customer_key, channel, topic, has_status
    from {{ ref('int_cases') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
        or customer_key in (select customer_key from {{ ref('int_dirty_customers') }})
    {%- endif %}
),

spans as (
    select * from {{ ref('fct_ownership_spans') }}
    where not is_nobody
    {%- if is_incremental() %}
        and case_key in (select case_key from cases)
    {%- endif %}
),

replies as (
    select * from {{ ref('int_replies') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from cases)
    {%- endif %}
),

-- nobody in between is waiting; what a holder leaves unsaid is as it was known last
known as (
    select
        spans.*,
        lag(to_at) over (partition by case_key order by span_no) as released_at,
        {%- for part in ['department', 'team', 'agent_key'] %}
        substring(max(lpad(cast(span_no as {{ dbt.type_string() }}), 9, '0') || {{ part }}) over before_it, 10) as from_{{ part }},
        {%- endfor %}
        max(case when agent_key is not null then span_no end) over before_it as from_agent_span_no
    from spans
    window before_it as (partition by case_key order by span_no rows between unbounded preceding and 1 preceding)
),

compared as (
    select
        known.*,
        coalesce(from_department <> department, false) as is_department_change,
        coalesce(from_team <> team, false) as is_team_change
    from known
),

-- who of a team takes what was handed to the team is no further handoff
tenured as (
    select
        compared.*,
        coalesce(max(case when is_department_change or is_team_change then span_no end) over (
            partition by case_key order by span_no
            rows between unbounded preceding and current row
        ), 0) as tenure_no
    from compared
),

levelled as (
    select
        tenured.*,
        case
            when is_department_change then 'department'
            when is_team_change then 'team'
            when from_agent_span_no >= tenure_no and from_agent_key <> agent_key then 'agent'
        end as level
    from tenured
),

handoffs as (
    select
        levelled.*,
        row_number() over (partition by case_key order by span_no) as handoff_no,
        lead(from_at) over (partition by case_key order by span_no) as next_handed_at,
        lead(span_no) over (partition by case_key order by span_no) as next_span_no,
        case level
            when 'department' then department = lag(from_department) over (partition by case_key, is_department_change order by span_no)
            when 'team' then team = lag(from_team) over (partition by case_key, is_team_change order by span_no)
            else agent_key = lag(from_agent_key) over (partition by case_key, tenure_no, level order by span_no)
        end as is_bounce
    from levelled
    where level is not null
),

-- what the new holder has of it: who takes it, and until when
holdings as (
    select
        handoffs.case_key,
        handoffs.span_no,
        min(case
            when spans.agent_key is not null
                and (spans.span_no > handoffs.span_no or spans.came_by in ('taken_over', 'replied'))
                then spans.from_at
        end) as taken_at,
        max(coalesce(spans.to_at, cast('9999-12-31 00:00:00' as timestamp))) as held_until_at
    from handoffs
    inner join spans
        on handoffs.case_key = spans.case_key
        and spans.span_no >= handoffs.span_no
        and (handoffs.next_span_no is null or spans.span_no < handoffs.next_span_no)
    group by handoffs.case_key, handoffs.span_no
),

held as (
    select
        handoffs.*,
        holdings.taken_at,
        holdings.held_until_at
    from handoffs
    inner join holdings
        on handoffs.case_key = holdings.case_key
        and handoffs.span_no = holdings.span_no
),

answers as (
    select
        held.case_key,
        held.span_no,
        min(replies.occurred_at) as replied_at
    from held
    inner join replies
        on held.case_key = replies.case_key
        and replies.occurred_at >= held.from_at
        and replies.occurred_at < held.held_until_at
        and case held.level
            when 'department' then held.department = replies.department
            when 'team' then held.team = replies.team
            else held.agent_key = replies.agent_key
        end
    group by held.case_key, held.span_no
),

statuses as (
    select
        case_key,
        from_at,
        status,
        resolved_at,
        lag(status) over (partition by case_key order by row_no) as previous_status
    from {{ ref('int_case_timeline') }}
    where case_key in (select handoffs.case_key from handoffs)
),

turns as (
    select
        held.case_key,
        held.span_no,
        min(case when statuses.status in ('solved', 'closed') and statuses.from_at >= held.from_at and statuses.from_at < held.held_until_at then statuses.from_at end) as solved_at,
        min(case when statuses.status = 'pending' then statuses.from_at end) as first_pending_at,
        max(case when statuses.status = 'pending' and statuses.from_at >= held.from_at and statuses.from_at < held.held_until_at then 1 else 0 end) as is_pending_again,
        max(statuses.resolved_at) as resolved_at
    from held
    inner join statuses
        on held.case_key = statuses.case_key
    -- a status that stays is no news
    where statuses.previous_status is null
        or statuses.previous_status <> statuses.status
    group by held.case_key, held.span_no
),

given as (
    select
        held.case_key,
        held.span_no,
        max(interactions.occurred_at) as last_asked_at
    from held
    inner join {{ ref('int_interactions') }} as interactions
        on held.case_key = interactions.case_key
        and interactions.occurred_at < held.from_at
    where interactions.direction = 'inbound'
    group by held.case_key, held.span_no
),

others as (
    select case_key, customer_key, channel, topic, opened_at
    from {{ ref('int_cases') }}
    where not_counted_reason is null
    {%- if is_incremental() %}
        and customer_key in (select customer_key from cases)
    {%- endif %}
),

told as (
    select distinct
        held.case_key,
        held.span_no
    from held
    inner join cases
        on held.case_key = cases.case_key
    inner join turns
        on held.case_key = turns.case_key
        and held.span_no = turns.span_no
    inner join others
        on cases.customer_key = others.customer_key
        and others.case_key <> cases.case_key
        and others.channel <> cases.channel
        and (others.topic = cases.topic or others.topic = 'unknown' or cases.topic = 'unknown')
        and others.opened_at >= held.from_at
        and others.opened_at < {{ add_seconds('held.from_at', '7 * 86400') }}
        and (held.next_handed_at is null or others.opened_at < held.next_handed_at)
        and (turns.resolved_at is null or others.opened_at < turns.resolved_at)
),

acted as (
    select
        held.*,
        turns.first_pending_at,
        turns.is_pending_again,
        -- who passes it on has acted, too
        nullif(least(held.taken_at, answers.replied_at, turns.solved_at, held.held_until_at), cast('9999-12-31 00:00:00' as timestamp)) as acted_at
    from held
    left join answers
        on held.case_key = answers.case_key
        and held.span_no = answers.span_no
    left join turns
        on held.case_key = turns.case_key
        and held.span_no = turns.span_no
),

repeated as (
    select
        acted.*,
        cases.customer_key,
        case
            when cases.has_status
                then acted.is_pending_again = 1 and coalesce(acted.first_pending_at < given.last_asked_at, false)
        end as is_asked_again,
        told.case_key is not null as is_told_again
    from acted
    inner join cases
        on acted.case_key = cases.case_key
    left join given
        on acted.case_key = given.case_key
        and acted.span_no = given.span_no
    left join told
        on acted.case_key = told.case_key
        and acted.span_no = told.span_no
)

select
    case_key,
    cast(handoff_no as integer) as handoff_no,
    span_no,
    customer_key,
    level,
    came_by,
    released_at,
    from_at as handed_at,
    from_department,
    from_team,
    from_agent_key,
    department as to_department,
    team as to_team,
    agent_key as to_agent_key,
    coalesce(is_bounce, false) as is_bounce,
    {{ seconds_between('released_at', 'from_at') }} as unheld_seconds,
    acted_at,
    {{ seconds_between('released_at', 'acted_at') }} as waiting_seconds,
    is_asked_again,
    is_told_again,
    coalesce(is_asked_again, false) or is_told_again as has_customer_repeated

from repeated
