{{ config(materialized='view') }}

-- Every rating of every source in the same words. What a source cannot say is null.
with file_ratings as (
    select * from {{ ref('stg_file__ratings') }}
),

from_files as (
    select
        source,
        rating_id,
        rated_at,
        verdict,
        score,
        worst_score,
        best_score,
        score_raw,
        -- a survey may name the case of another source, with that source in front
        case when case_id like '%:%' then case_id else source || ':' || case_id end as case_key,
        {{ file_customer('file_ratings', ['email']) }} as customer_identifier_key,
        source || ':' || agent_id as agent_key,
        channel,
        brand,
        reason,
        comment
    from file_ratings
)

select * from from_files
