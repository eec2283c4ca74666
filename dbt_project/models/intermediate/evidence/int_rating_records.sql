{{ config(materialized='view') }}

-- Every rating of every source in the same words. What a source cannot say is null.
with file_ratings as (
    select * from {{ ref('stg_file__ratings') }}
),

zendesk_ratings as (
    select * from {{ ref('stg_zendesk__satisfaction_ratings') }}
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
),

-- a thumb up or down; channel and brand are the ticket's
from_zendesk as (
    select
        source,
        rating_id,
        rated_at,
        verdict,
        cast(case when verdict = 'good' then 1 else 0 end as numeric(18, 4)) as score,
        cast(0 as numeric(18, 4)) as worst_score,
        cast(1 as numeric(18, 4)) as best_score,
        score_raw,
        source || ':' || ticket_id as case_key,
        source || ':user:' || requester_id as customer_identifier_key,
        source || ':' || assignee_id as agent_key,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as brand,
        reason,
        comment
    from zendesk_ratings
)

select * from from_files
union all
select * from from_zendesk
