{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_hours_of_other_slices() }}",
    indexes=[{'columns': ['schedule', 'bucket_no']}],
    meta={'joined_by': ['schedule', 'bucket_no']},
) }}

-- The inverse of int_business_slices: the open slices again, once for each four open hours that they touch,
-- so that "the slice in which open second N lies" is a join on equality. Grain: schedule, bucket_no, slice_from.
with slices as (
    select
        *,
        cast(floor(open_seconds_before / 14400) as bigint) as first_bucket,
        cast(floor((open_seconds_before + open_seconds) / 14400) as bigint) as last_bucket
    from {{ ref('int_business_slices') }}
    where is_open
),

-- a slice lies within one day: it touches at most seven stretches of four hours
steps as (
    select 0 as step union all select 1 union all select 2 union all select 3
    union all select 4 union all select 5 union all select 6 union all select 7
)

select
    slices.schedule,
    slices.first_bucket + steps.step as bucket_no,
    slices.slice_from,
    slices.open_seconds_before,
    slices.open_seconds

from slices
inner join steps
    on slices.first_bucket + steps.step <= slices.last_bucket
{%- if is_incremental() %}
where not exists (select 1 from {{ this }})
{%- endif %}
