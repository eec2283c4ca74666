{{ config(materialized='table') }}

{%- set dimensions = ['channel', 'brand', 'topic', 'visibility'] %}
{%- set counts = [
    'held_case', 'handed_off_case', 'decided_case', 'resolved_case', 'promise', 'kept', 'rating', 'good',
    'first_reply', 'log', 'log_square',
] %}
{#- name: count, of how many; what is better -#}
{%- set shares = {
    'resolved': ['resolved_case', 'decided_case', 'more'],
    'handed_off': ['handed_off_case', 'held_case', 'less'],
    'kept': ['kept', 'promise', 'more'],
    'good': ['good', 'rating', 'more'],
} %}

-- facts of counted cases, one row a fact, with the department that it speaks of
with cases as (
    select
        case_key,
        coalesce(channel, '(none)') as channel,
        coalesce(brand, '(none)') as brand,
        topic,
        coalesce(visibility, '(none)') as visibility,
        has_status
    from {{ ref('int_cases') }}
    where not_counted_reason is null
),

facts as (
    select case_key, resolved_at from {{ ref('int_case_facts') }}
),

held as (
    select distinct case_key, department
    from {{ ref('fct_ownership_spans') }}
    where department is not null
),

handed_off as (
    select distinct case_key, from_department as department
    from {{ ref('fct_handoffs') }}
    where level = 'department'
),

-- the last time, which no reopening followed
resolved as (
    select case_key, department
    from {{ ref('int_solutions') }}
    where not is_reopened
        and department is not null
),

holdings as (
    select
        held.case_key,
        held.department,
        case when handed_off.case_key is not null then 1 else 0 end as is_handed_off,
        case when facts.resolved_at is not null and resolved.case_key is not null then 1 else 0 end as is_resolved,
        case when facts.resolved_at is not null or handed_off.case_key is not null then 1 else 0 end as is_decided
    from held
    inner join facts
        on held.case_key = facts.case_key
    left join handed_off
        on held.case_key = handed_off.case_key
        and held.department = handed_off.department
    left join resolved
        on held.case_key = resolved.case_key
        and held.department = resolved.department
),

clocks as (
    select
        case_key,
        department,
        case when outcome = 'met' then 1 else 0 end as is_kept
    from {{ ref('fct_sla_clocks') }}
    where metric in ('first_reply_time', 'resolution_time')
        and outcome in ('met', 'breached')
        and department is not null
),

ratings as (
    select
        case_key,
        department,
        case when verdict = 'good' then 1 else 0 end as is_good
    from {{ ref('fct_ratings') }}
    where verdict in ('good', 'bad')
        and department is not null
),

replies as (
    select
        case_key,
        department,
        {{ log_of_seconds('response_seconds') }} as log
    from {{ ref('int_replies') }}
    where is_first
        and department is not null
),

counted as (
    select
        {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}holdings.department,
        count(*) as held_case,
        sum(holdings.is_handed_off) as handed_off_case,
        sum(case when cases.has_status then holdings.is_decided else 0 end) as decided_case,
        sum(case when cases.has_status then holdings.is_resolved else 0 end) as resolved_case,
        0 as promise, 0 as kept, 0 as rating, 0 as good, 0 as first_reply,
        cast(0 as {{ dbt.type_numeric() }}) as log, cast(0 as {{ dbt.type_numeric() }}) as log_square
    from holdings
    inner join cases
        on holdings.case_key = cases.case_key
    group by {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}holdings.department

    union all

    select
        {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}clocks.department,
        0, 0, 0, 0, count(*), sum(clocks.is_kept), 0, 0, 0, 0, 0
    from clocks
    inner join cases
        on clocks.case_key = cases.case_key
    group by {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}clocks.department

    union all

    select
        {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}ratings.department,
        0, 0, 0, 0, 0, 0, count(*), sum(ratings.is_good), 0, 0, 0
    from ratings
    inner join cases
        on ratings.case_key = cases.case_key
    group by {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}ratings.department

    union all

    select
        {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}replies.department,
        0, 0, 0, 0, 0, 0, 0, 0, count(*), sum(replies.log), sum(replies.log * replies.log)
    from replies
    inner join cases
        on replies.case_key = cases.case_key
    group by {% for dimension in dimensions %}cases.{{ dimension }}, {% endfor %}replies.department
),

-- all four together, each by itself, channel with topic, and all in all
scored as (
    select
        {% for dimension in dimensions %}coalesce({{ dimension }}, '(all)') as {{ dimension }}, {% endfor %}department
        {%- for count in counts %},
        sum({{ count }}) as {{ count }}
        {%- endfor %}
    from counted
    group by grouping sets (
        (channel, brand, topic, visibility, department),
        (channel, topic, department),
        {% for dimension in dimensions %}({{ dimension }}, department), {% endfor %}(department)
    )
),

bounded as (
    select
        scored.*,
        {{ typical_seconds('first_reply', 'log', 'log_square') }} as typical,
        {{ typical_seconds('first_reply', 'log', 'log_square', 'low') }} as typical_low,
        {{ typical_seconds('first_reply', 'log', 'log_square', 'high') }} as typical_high
        {%- for name, share in shares.items() %},
        cast({{ share[0] }} as {{ dbt.type_float() }}) / nullif({{ share[1] }}, 0) as {{ name }}_share,
        {{ wilson(share[0], share[1], 'low') }} as {{ name }}_low,
        {{ wilson(share[0], share[1], 'high') }} as {{ name }}_high
        {%- endfor %}
    from scored
),

-- what can be compared: thirty or more of a kind; turned so that more is better
measures as (
    select {% for dimension in dimensions %}{{ dimension }}, {% endfor %}department, 'speed' as measure, -typical_high as worst, -typical_low as best
    from bounded
    where held_case >= 30 and first_reply >= 30
    {%- for name, share in shares.items() %}

    union all

    select {% for dimension in dimensions %}{{ dimension }}, {% endfor %}department, '{{ name }}',
        {{ name ~ '_low' if share[2] == 'more' else '-' ~ name ~ '_high' }}, {{ name ~ '_high' if share[2] == 'more' else '-' ~ name ~ '_low' }}
    from bounded
    where held_case >= 30 and {{ share[1] }} >= 30
    {%- endfor %}
),

-- better is who is so also where the one's worst meets the other's best
compared as (
    select
        {% for dimension in dimensions %}measures.{{ dimension }}, {% endfor %}measures.department,
        measures.measure,
        min(case when measures.worst > others.best then 1 else 0 end) as is_won,
        max(case when others.worst > measures.best then 1 else 0 end) as is_lost
    from measures
    inner join measures as others
        on measures.measure = others.measure
        {%- for dimension in dimensions %}
        and measures.{{ dimension }} = others.{{ dimension }}
        {%- endfor %}
        and measures.department <> others.department
    group by {% for dimension in dimensions %}measures.{{ dimension }}, {% endfor %}measures.department, measures.measure
),

judged as (
    select
        {% for dimension in dimensions %}{{ dimension }}, {% endfor %}department,
        sum(is_won) as won,
        sum(is_lost) as lost
    from compared
    group by {% for dimension in dimensions %}{{ dimension }}, {% endfor %}department
),

candidates as (
    select
        {% for dimension in dimensions %}{{ dimension }}, {% endfor %}min(department) as department
    from judged
    where won > 0
        and lost = 0
    group by {{ dimensions | join(', ') }}
    having count(*) = 1
)

select
    {%- for dimension in dimensions %}
    bounded.{{ dimension }},
    {%- endfor %}
    bounded.department,
    cast(bounded.held_case as integer) as held_case_count,
    cast(bounded.first_reply as integer) as first_reply_count,
    cast(bounded.typical as {{ dbt.type_float() }}) as typical_first_reply_seconds,
    cast(bounded.typical_low as {{ dbt.type_float() }}) as typical_first_reply_low,
    cast(bounded.typical_high as {{ dbt.type_float() }}) as typical_first_reply_high,
    {%- for name, share in shares.items() %}
    {%- if share[1] != 'held_case' %}
    cast(bounded.{{ share[1] }} as integer) as {{ share[1] }}_count,
    {%- endif %}
    cast(bounded.{{ share[0] }} as integer) as {{ share[0] }}_count,
    cast(bounded.{{ name }}_share as {{ dbt.type_float() }}) as {{ name }}_share,
    cast(bounded.{{ name }}_low as {{ dbt.type_float() }}) as {{ name }}_low,
    cast(bounded.{{ name }}_high as {{ dbt.type_float() }}) as {{ name }}_high,
    {%- endfor %}
    cast(coalesce(judged.won, 0) as integer) as won_count,
    cast(coalesce(judged.lost, 0) as integer) as lost_count,
    coalesce(candidates.department, 'not enough evidence') as favoured_department

from bounded
left join judged
    on bounded.department = judged.department
    {%- for dimension in dimensions %}
    and bounded.{{ dimension }} = judged.{{ dimension }}
    {%- endfor %}
left join candidates
    on {% for dimension in dimensions %}bounded.{{ dimension }} = candidates.{{ dimension }}{{ ' and ' if not loop.last }}{% endfor %}
