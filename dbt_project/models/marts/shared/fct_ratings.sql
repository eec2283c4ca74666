{{ config(materialized='table') }}

with case_merges as (
    select * from {{ ref('int_case_merges') }}
),

ratings as (
    select
        records.*,
        coalesce(case_merges.surviving_case_key, records.case_key) as rated_case_key
    from {{ ref('int_rating_records') }} as records
    left join case_merges
        on records.case_key = case_merges.case_key
    where records.rated_at < {{ as_of() }}
),

cases as (
    select * from {{ ref('int_cases') }}
),

timeline as (
    select * from {{ ref('int_case_timeline') }}
),

customers as (
    select * from {{ source('identity', 'customers') }}
)

select
    ratings.source || ':' || ratings.rating_id as rating_key,
    ratings.source,
    ratings.rating_id,
    cases.case_key,
    coalesce(customers.customer_key, cases.customer_key) as customer_key,
    ratings.rated_at,
    {{ local_date('ratings.rated_at', company_timezone()) }} as rated_on,
    ratings.verdict,
    ratings.score,
    ratings.worst_score,
    ratings.best_score,
    cast(
        (ratings.score - ratings.worst_score) / nullif(ratings.best_score - ratings.worst_score, 0)
        as {{ dbt.type_float() }}
    ) as score_share,
    ratings.score_raw,
    coalesce(ratings.channel, cases.channel) as channel,
    coalesce(ratings.brand, cases.brand) as brand,
    timeline.department,
    timeline.team,
    coalesce(ratings.agent_key, timeline.agent_key) as agent_key,
    {{ mask_text('ratings.reason') }} as reason,
    {{ mask_text('ratings.comment') }} as comment_masked

from ratings
left join cases
    on ratings.rated_case_key = cases.case_key
-- who held the case when the customer judged it
left join timeline
    on cases.case_key = timeline.case_key
    and ratings.rated_at >= timeline.from_at
    and (ratings.rated_at < timeline.to_at or timeline.to_at is null)
left join customers
    on ratings.customer_identifier_key = customers.identifier_key
