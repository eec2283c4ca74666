{{ config(materialized='table') }}

with cases as (
    select case_key, channel
    from {{ ref('int_cases') }}
    where not_counted_reason is null
),

agents as (
    select * from {{ ref('dim_agents') }}
),

answers as (
    select
        replies.agent_key,
        cases.channel,
        cast(count(*) as integer) as reply_count,
        cast(count(distinct replies.case_key) as integer) as case_count,
        cast(count(replies.response_seconds) as integer) as response_count,
        cast(percentile_disc(0.5) within group (order by replies.response_seconds) as bigint) as median_response_seconds,
        cast(percentile_disc(0.9) within group (order by replies.response_seconds) as bigint) as p90_response_seconds,
        cast(sum(case when replies.is_first then 1 else 0 end) as integer) as first_reply_count
    from {{ ref('int_replies') }} as replies
    inner join cases
        on replies.case_key = cases.case_key
    where replies.agent_key is not null
    group by replies.agent_key, cases.channel
),

solved as (
    select
        solutions.agent_key,
        cases.channel,
        cast(count(*) as integer) as solved_count,
        cast(sum(case when solutions.is_reopened then 1 else 0 end) as integer) as reopened_count
    from {{ ref('int_solutions') }} as solutions
    inner join cases
        on solutions.case_key = cases.case_key
    where solutions.agent_key is not null
    group by solutions.agent_key, cases.channel
),

rated as (
    select
        ratings.agent_key,
        coalesce(cases.channel, ratings.channel) as channel,
        cast(sum(case when ratings.verdict = 'good' then 1 else 0 end) as integer) as good_count,
        cast(sum(case when ratings.verdict = 'bad' then 1 else 0 end) as integer) as bad_count
    from {{ ref('fct_ratings') }} as ratings
    left join cases
        on ratings.case_key = cases.case_key
    where ratings.agent_key is not null
        and (ratings.case_key is null or cases.case_key is not null)
    group by ratings.agent_key, coalesce(cases.channel, ratings.channel)
),

pairs as (
    select agent_key, channel from answers
    union
    select agent_key, channel from solved
    union
    select agent_key, channel from rated
)

select
    pairs.agent_key,
    coalesce(pairs.channel, '(none)') as channel,
    agents.agent_name,
    agents.team,
    agents.department,
    coalesce(agents.is_in_team, false) as is_in_team,
    coalesce(answers.reply_count, 0) as reply_count,
    coalesce(answers.case_count, 0) as case_count,
    coalesce(answers.first_reply_count, 0) as first_reply_count,
    coalesce(answers.response_count, 0) as response_count,
    answers.median_response_seconds,
    answers.p90_response_seconds,
    coalesce(solved.solved_count, 0) as solved_count,
    coalesce(solved.reopened_count, 0) as reopened_count,
    cast(solved.reopened_count as {{ dbt.type_float() }}) / solved.solved_count as reopened_share,
    coalesce(rated.good_count, 0) as good_count,
    coalesce(rated.bad_count, 0) as bad_count,
    cast(rated.good_count as {{ dbt.type_float() }}) / nullif(rated.good_count + rated.bad_count, 0) as good_share

from pairs
left join agents
    on pairs.agent_key = agents.agent_key
left join answers
    on pairs.agent_key = answers.agent_key
    and pairs.channel = answers.channel
left join solved
    on pairs.agent_key = solved.agent_key
    and pairs.channel = solved.channel
left join rated
    on pairs.agent_key = rated.agent_key
    and pairs.channel = rated.channel
