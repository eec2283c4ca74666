{{ config(materialized='table') }}

{%- set conditions = ['source', 'channel', 'visibility', 'purpose', 'brand', 'priority', 'topic', 'customer_tier'] %}
{%- set measures = ['case_count', 'promise_count', 'kept_count', 'handed_off_count', 'orphaned_count', 'misrouted_count', 'contested_count', 'first_reply_count'] %}

with rules as (
    select
        'ownership' as kind,
        cast(null as {{ dbt.type_string() }}) as metric,
        policy,
        rule_rank,
        department || coalesce(' / ' || team, '') as says,
        coalesce(direction, '') {%- for condition in conditions %} || '|' || coalesce({{ condition }}, '') {%- endfor %} as conditions,
        valid_from_at,
        valid_until_at
    from {{ ref('stg_policy__ownership_policies') }}

    union all

    select
        'promise',
        metric,
        policy,
        rule_rank,
        case when target = 'duration' then cast(target_seconds as {{ dbt.type_string() }}) || ' s of ' || hours else target end,
        metric {%- for condition in conditions %} || '|' || coalesce({{ condition }}, '') {%- endfor %},
        valid_from_at,
        valid_until_at
    from {{ ref('stg_policy__sla_policies') }}
),

cases as (
    select
        cases.case_key,
        cases.opened_at,
        case when facts.handoff_count > 0 then 1 else 0 end as is_handed_off
    from {{ ref('int_cases') }} as cases
    inner join {{ ref('int_case_facts') }} as facts
        on cases.case_key = facts.case_key
    where cases.not_counted_reason is null
),

firsts as (
    select min(opened_at) as first_at from cases
),

-- a rule that ends where one with the same conditions begins is revised by it
ended as (
    select
        rules.*,
        row_number() over (partition by kind, conditions, valid_until_at order by rule_rank, policy) as place
    from rules
    where valid_until_at < {{ as_of() }}
        and valid_until_at > (select firsts.first_at from firsts)
),

begun as (
    select
        rules.*,
        row_number() over (partition by kind, conditions, valid_from_at order by rule_rank, policy) as place
    from rules
    where valid_from_at < {{ as_of() }}
        and valid_from_at > (select firsts.first_at from firsts)
),

revised_rules as (
    select
        coalesce(begun.kind, ended.kind) as kind,
        coalesce(begun.metric, ended.metric) as metric,
        coalesce(begun.valid_from_at, ended.valid_until_at) as revised_at,
        ended.policy as before_policy,
        ended.says as before_says,
        case when ended.policy is not null then greatest(ended.valid_from_at, (select firsts.first_at from firsts)) end as before_from_at,
        begun.policy as after_policy,
        begun.says as after_says,
        case when begun.policy is not null then least(begun.valid_until_at, {{ as_of() }}) end as after_until_at
    from begun
    full outer join ended
        on begun.kind = ended.kind
        and begun.conditions = ended.conditions
        and begun.valid_from_at = ended.valid_until_at
        and begun.place = ended.place
),

-- rules may share a name, and by its name a case knows its rule
revisions as (
    select
        kind,
        metric,
        revised_at,
        before_policy,
        case when min(before_says) = max(before_says) then min(before_says) when before_policy is not null then 'several' end as before_says,
        min(before_from_at) as before_from_at,
        after_policy,
        case when min(after_says) = max(after_says) then min(after_says) when after_policy is not null then 'several' end as after_says,
        max(after_until_at) as after_until_at
    from revised_rules
    group by kind, metric, revised_at, before_policy, after_policy
),

sides as (
    select kind, metric, revised_at, before_policy, after_policy, 'before' as side, before_policy as policy, before_from_at as from_at, revised_at as until_at
    from revisions
    where before_policy is not null

    union all

    select kind, metric, revised_at, before_policy, after_policy, 'after', after_policy, revised_at, after_until_at
    from revisions
    where after_policy is not null
),

-- what came of a case, one row each
spans as (
    select
        case_key,
        max(case when span_no = 1 then ownership_policy end) as first_policy,
        max(case when verdict = 'orphaned' then 1 else 0 end) as is_orphaned,
        max(case when verdict = 'misrouted' then 1 else 0 end) as is_misrouted,
        max(case when verdict = 'contested' then 1 else 0 end) as is_contested
    from {{ ref('fct_ownership_spans') }}
    group by case_key
),

replies as (
    select case_key, {{ log_of_seconds('response_seconds') }} as log
    from {{ ref('int_replies') }}
    where is_first
),

clocks as (
    select case_key, metric, policy, started_at, outcome
    from {{ ref('fct_sla_clocks') }}
    where policy is not null
),

-- the cases that a rule was about: those whose first owner it named; those to which it promised something
members as (
    select
        sides.kind, sides.metric, sides.revised_at, sides.before_policy, sides.after_policy, sides.side,
        cases.case_key,
        sum(case when clocks.outcome in ('met', 'breached') then 1 else 0 end) as promise_count,
        sum(case when clocks.outcome = 'met' then 1 else 0 end) as kept_count
    from sides
    inner join spans
        on sides.policy = spans.first_policy
    inner join cases
        on spans.case_key = cases.case_key
        and cases.opened_at >= sides.from_at
        and cases.opened_at < sides.until_at
    left join clocks
        on cases.case_key = clocks.case_key
        and clocks.metric = 'first_reply_time'
    where sides.kind = 'ownership'
    group by sides.kind, sides.metric, sides.revised_at, sides.before_policy, sides.after_policy, sides.side, cases.case_key

    union all

    select
        sides.kind, sides.metric, sides.revised_at, sides.before_policy, sides.after_policy, sides.side,
        cases.case_key,
        sum(case when clocks.outcome in ('met', 'breached') then 1 else 0 end),
        sum(case when clocks.outcome = 'met' then 1 else 0 end)
    from sides
    inner join clocks
        on sides.metric = clocks.metric
        and sides.policy = clocks.policy
        and clocks.started_at >= sides.from_at
        and clocks.started_at < sides.until_at
    inner join cases
        on clocks.case_key = cases.case_key
    where sides.kind = 'promise'
    group by sides.kind, sides.metric, sides.revised_at, sides.before_policy, sides.after_policy, sides.side, cases.case_key
),

counted as (
    select
        members.kind,
        members.metric,
        members.revised_at,
        members.before_policy,
        members.after_policy,
        members.side,
        count(*) as case_count,
        sum(members.promise_count) as promise_count,
        sum(members.kept_count) as kept_count,
        sum(cases.is_handed_off) as handed_off_count,
        sum(spans.is_orphaned) as orphaned_count,
        sum(spans.is_misrouted) as misrouted_count,
        sum(spans.is_contested) as contested_count,
        count(replies.case_key) as first_reply_count,
        coalesce(sum(replies.log), 0) as logs,
        coalesce(sum(replies.log * replies.log), 0) as squares
    from members
    inner join cases
        on members.case_key = cases.case_key
    inner join spans
        on members.case_key = spans.case_key
    left join replies
        on members.case_key = replies.case_key
    group by members.kind, members.metric, members.revised_at, members.before_policy, members.after_policy, members.side
)

select
    revisions.kind,
    coalesce(revisions.metric, '(none)') as metric,
    {{ local_date('revisions.revised_at', company_timezone()) }} as revised_on,
    coalesce(revisions.after_policy, revisions.before_policy) as policy
    {%- for side in ['before', 'after'] %},
    coalesce(revisions.{{ side }}_policy, '(none)') as {{ side }}_policy,
    revisions.{{ side }}_says,
    {%- if side == 'before' %}
    {{ seconds_between('revisions.before_from_at', 'revisions.revised_at') }} as before_seconds,
    {%- else %}
    {{ seconds_between('revisions.revised_at', 'revisions.after_until_at') }} as after_seconds,
    {%- endif %}
    {%- for measure in measures %}
    cast(coalesce({{ side }}_counted.{{ measure }}, 0) as integer) as {{ side }}_{{ measure }},
    {%- endfor %}
    cast({{ side }}_counted.kept_count as {{ dbt.type_float() }}) / nullif({{ side }}_counted.promise_count, 0) as {{ side }}_kept_share,
    cast({{ wilson(side ~ '_counted.kept_count', side ~ '_counted.promise_count', 'low') }} as {{ dbt.type_float() }}) as {{ side }}_kept_low,
    cast({{ wilson(side ~ '_counted.kept_count', side ~ '_counted.promise_count', 'high') }} as {{ dbt.type_float() }}) as {{ side }}_kept_high,
    {%- for bound in [none, 'low', 'high'] %}
    cast({{ typical_seconds(side ~ '_counted.first_reply_count', side ~ '_counted.logs', side ~ '_counted.squares', bound) }} as {{ dbt.type_float() }}) as {{ side }}_typical_first_reply_{{ bound or 'seconds' }}{{ ',' if not loop.last }}
    {%- endfor %}
    {%- endfor %}

from revisions
{%- for side in ['before', 'after'] %}
left join counted as {{ side }}_counted
    on {{ side }}_counted.side = '{{ side }}'
    and revisions.kind = {{ side }}_counted.kind
    and coalesce(revisions.metric, '') = coalesce({{ side }}_counted.metric, '')
    and revisions.revised_at = {{ side }}_counted.revised_at
    and coalesce(revisions.before_policy, '') = coalesce({{ side }}_counted.before_policy, '')
    and coalesce(revisions.after_policy, '') = coalesce({{ side }}_counted.after_policy, '')
{%- endfor %}
