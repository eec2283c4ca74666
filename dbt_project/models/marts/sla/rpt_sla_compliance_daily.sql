{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty_sla_groups() }}",
) }}

-- depends_on: {{ ref('int_dirty_sla_groups') }}
with clocks as (
    select
        {{ sla_group('clocks') }},
        clocks.outcome,
        clocks.is_running,
        clocks.fulfilled_at,
        clocks.elapsed_seconds
    from {{ ref('fct_sla_clocks') }} as clocks
),

counted as (
    select * from clocks
    {%- if is_incremental() %}
    where (day, metric, department, team, channel, brand, priority) in (
        select day, metric, department, team, channel, brand, priority from {{ ref('int_dirty_sla_groups') }}
    )
    {%- endif %}
)

select
    day,
    metric,
    department,
    team,
    channel,
    brand,
    priority,
    cast(count(*) as integer) as clock_count,
    cast(sum(case when outcome = 'met' then 1 else 0 end) as integer) as met_count,
    cast(sum(case when outcome = 'breached' then 1 else 0 end) as integer) as breached_count,
    cast(sum(case when outcome = 'running' then 1 else 0 end) as integer) as running_count,
    cast(sum(case when outcome = 'void' then 1 else 0 end) as integer) as void_count,
    cast(sum(case when outcome = 'no_policy' then 1 else 0 end) as integer) as no_policy_count,
    cast(sum(case when outcome = 'breached' and is_running then 1 else 0 end) as integer) as unanswered_count,
    cast(
        cast(sum(case when outcome = 'met' then 1 else 0 end) as {{ dbt.type_float() }})
        / nullif(sum(case when outcome in ('met', 'breached') then 1 else 0 end), 0) as {{ dbt.type_float() }}
    ) as met_share,
    cast(sum(case when outcome in ('met', 'breached') and fulfilled_at is not null then 1 else 0 end) as integer) as fulfilled_count,
    {%- for name, share in {'median': '0.5', 'p90': '0.9', 'p95': '0.95'}.items() %}
    cast(percentile_disc({{ share }}) within group (
        order by case when outcome in ('met', 'breached') and fulfilled_at is not null then elapsed_seconds end
    ) as bigint) as {{ name }}_seconds{{ ',' if not loop.last }}
    {%- endfor %}


from counted
group by day, metric, department, team, channel, brand, priority
