{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}
with segments as (
    select case_key, metric, clock_no, department, seconds, calendar_seconds
    from {{ ref('int_sla_segments') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

clocks as (
    select * from {{ ref('fct_sla_clocks') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

-- who held it when the target ran out is there also where the clock never ran in their hands
parts as (
    select * from segments

    union all

    select case_key, metric, clock_no, department, 0, 0
    from clocks
    where outcome = 'breached'
),

held as (
    select
        case_key,
        metric,
        clock_no,
        coalesce(department, '(none)') as department,
        cast(sum(seconds) as bigint) as seconds,
        cast(sum(calendar_seconds) as bigint) as calendar_seconds
    from parts
    group by case_key, metric, clock_no, coalesce(department, '(none)')
)

select
    held.case_key,
    held.metric,
    held.clock_no,
    held.department,
    held.seconds,
    held.calendar_seconds,
    cast(held.seconds as {{ dbt.type_float() }}) / nullif(clocks.elapsed_seconds, 0) as clock_share,
    clocks.outcome = 'breached' and held.department = coalesce(clocks.department, '(none)') as is_holder_at_breach,
    clocks.outcome,
    clocks.elapsed_seconds,
    clocks.target_seconds,
    clocks.hours,
    clocks.breached_at,
    clocks.day,
    clocks.channel,
    clocks.brand,
    clocks.priority,
    clocks.topic

from held
inner join clocks
    on held.case_key = clocks.case_key
    and held.metric = clocks.metric
    and held.clock_no = clocks.clock_no
