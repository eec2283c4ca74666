{{ config(materialized='table') }}

{%- set verdicts = ['as_policy', 'misrouted', 'contested', 'orphaned', 'no_policy'] %}
{%- set counts = ['came'] + verdicts + ['handed_in', 'handed_out', 'bounce', 'reply'] %}

with cases as (
    select case_key, channel
    from {{ ref('int_cases') }}
    where not_counted_reason is null
),

spans as (
    select
        cases.channel,
        coalesce(spans.department, '(none)') as department,
        {{ local_date('spans.from_at', company_timezone()) }} as from_on,
        {{ local_date('spans.to_at', company_timezone()) }} as to_on,
        spans.verdict
    from {{ ref('fct_ownership_spans') }} as spans
    inner join cases
        on spans.case_key = cases.case_key
),

handoffs as (
    select
        cases.channel,
        {{ local_date('handoffs.handed_at', company_timezone()) }} as day,
        handoffs.from_department,
        handoffs.to_department,
        case when handoffs.is_bounce then 1 else 0 end as is_bounce
    from {{ ref('fct_handoffs') }} as handoffs
    inner join cases
        on handoffs.case_key = cases.case_key
    where handoffs.level = 'department'
),

replies as (
    select
        cases.channel,
        coalesce(replies.department, '(none)') as department,
        {{ local_date('replies.occurred_at', company_timezone()) }} as day
    from {{ ref('int_replies') }} as replies
    inner join cases
        on replies.case_key = cases.case_key
),

-- what happened, one column a count; `held` is what the day adds to what is held at its end
events as (
    select
        channel, department, from_on as day, 1 as held, 1 as came,
        {%- for verdict in verdicts %}
        case when verdict = '{{ verdict }}' then 1 else 0 end as {{ verdict }},
        {%- endfor %}
        0 as handed_in, 0 as handed_out, 0 as bounce, 0 as reply
    from spans

    union all

    select channel, department, to_on, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from spans
    where to_on is not null

    union all

    select channel, to_department, day, 0, 0, 0, 0, 0, 0, 0, 1, 0, is_bounce, 0
    from handoffs

    union all

    select channel, from_department, day, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0
    from handoffs

    union all

    select channel, department, day, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
    from replies
),

counted as (
    select
        channel,
        department,
        day,
        sum(held) as held
        {%- for count in counts %},
        sum({{ count }}) as {{ count }}
        {%- endfor %}
    from events
    group by channel, department, day
),

firsts as (
    select channel, department, min(day) as first_day
    from counted
    group by channel, department
),

days as (
    {{ day_spine(
        "(select min(day) from counted)",
        "(select " ~ local_date(add_seconds(as_of(), '-1'), company_timezone()) ~ ")",
    ) }}
),

every_day as (
    select
        days.day,
        firsts.department,
        firsts.channel,
        sum(coalesce(counted.held, 0)) over (
            partition by firsts.department, firsts.channel order by days.day
            rows between unbounded preceding and current row
        ) as held
        {%- for count in counts %},
        coalesce(counted.{{ count }}, 0) as {{ count }}
        {%- endfor %},
        counted.day is not null as is_eventful
    from firsts
    inner join days
        on days.day >= firsts.first_day
    left join counted
        on firsts.channel = counted.channel
        and firsts.department = counted.department
        and days.day = counted.day
)

select
    day,
    department,
    channel,
    cast(held as integer) as held_count,
    cast(came as integer) as span_count
    {%- for verdict in verdicts %},
    cast({{ verdict }} as integer) as {{ verdict }}_count
    {%- endfor %},
    cast(handed_in as integer) as handed_in_count,
    cast(handed_out as integer) as handed_out_count,
    cast(bounce as integer) as bounce_count,
    cast(reply as integer) as reply_count

from every_day
where held <> 0
    or is_eventful
