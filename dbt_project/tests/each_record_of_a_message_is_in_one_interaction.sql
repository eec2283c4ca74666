-- Source records up to as_of and the records that interactions stand for: as many.
with records as (
    select count(*) as record_count
    from {{ ref('int_interaction_records') }}
    where occurred_at < {{ as_of() }}
),

interactions as (
    select coalesce(sum(source_record_count), 0) as record_count
    from {{ ref('fct_interactions') }}
)

select records.record_count as records, interactions.record_count as in_interactions
from records
cross join interactions
where records.record_count <> interactions.record_count
