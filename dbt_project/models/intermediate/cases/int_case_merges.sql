{{ config(materialized='table', indexes=[{'columns': ['case_key']}]) }}

{% set hops = 5 %}

-- Which cases were merged into another by as_of, and in which they go on: at the end of the chain.
with ticket_merges as (
    select * from {{ ref('stg_zendesk__ticket_merges') }}
    where told_at < {{ as_of() }}
),

tickets as (
    select source || ':' || ticket_id as case_key
    from {{ ref('stg_zendesk__tickets') }}
    where created_at < {{ as_of() }}
),

-- both tickets may tell of it
told as (
    select
        source || ':' || case when is_closed_one then ticket_id else named_ticket_id end as case_key,
        source || ':' || case when is_closed_one then named_ticket_id else ticket_id end as into_case_key,
        told_at,
        event_sequence
    from ticket_merges
),

known as (
    select
        told.case_key,
        survivors.case_key as into_case_key,
        min(told.told_at) over (partition by told.case_key) as merged_at,
        row_number() over (
            partition by told.case_key
            order by case when survivors.case_key is null then 1 else 0 end, told.told_at, told.event_sequence, told.into_case_key
        ) as first_told
    from told
    inner join tickets
        on told.case_key = tickets.case_key
    left join tickets as survivors
        on told.into_case_key = survivors.case_key
        and told.into_case_key <> told.case_key
),

-- each round follows chains twice as far
chains_0 as (
    select case_key, into_case_key, merged_at, into_case_key as surviving_case_key
    from known
    where first_told = 1
),
{%- for hop in range(hops) %}

chains_{{ hop + 1 }} as (
    select
        chains.case_key,
        chains.into_case_key,
        chains.merged_at,
        coalesce(further.surviving_case_key, chains.surviving_case_key) as surviving_case_key
    from chains_{{ hop }} as chains
    left join chains_{{ hop }} as further
        on chains.surviving_case_key = further.case_key
){{ "," }}
{%- endfor %}

ends as (
    select
        chains.*,
        -- a chain that bites its own tail ends nowhere
        case when further.surviving_case_key is null then chains.surviving_case_key end as last_case_key
    from chains_{{ hops }} as chains
    left join chains_{{ hops }} as further
        on chains.surviving_case_key = further.case_key
)

select
    case_key,
    into_case_key,
    last_case_key as surviving_case_key,
    merged_at

from ends
