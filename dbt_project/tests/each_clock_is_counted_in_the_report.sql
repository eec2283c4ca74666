with clocks as (
    select
        day,
        metric,
        coalesce(department, '(none)') as department,
        coalesce(team, '(none)') as team,
        channel,
        coalesce(brand, '(none)') as brand,
        coalesce(priority, '(none)') as priority,
        outcome,
        count(*) as clock_count
    from {{ ref('fct_sla_clocks') }}
    group by
        day,
        metric,
        coalesce(department, '(none)'),
        coalesce(team, '(none)'),
        channel,
        coalesce(brand, '(none)'),
        coalesce(priority, '(none)'),
        outcome
)

select clocks.*
from clocks
left join {{ ref('rpt_sla_compliance_daily') }} as report
    on clocks.day = report.day
    and clocks.metric = report.metric
    and clocks.department = report.department
    and clocks.team = report.team
    and clocks.channel = report.channel
    and clocks.brand = report.brand
    and clocks.priority = report.priority
where clocks.clock_count <> case clocks.outcome
        when 'met' then coalesce(report.met_count, 0)
        when 'breached' then coalesce(report.breached_count, 0)
        when 'running' then coalesce(report.running_count, 0)
        when 'void' then coalesce(report.void_count, 0)
        when 'no_policy' then coalesce(report.no_policy_count, 0)
        else 0
    end
