-- Its parts make its whole, and its whole is the number of clocks.
select metric, sum(clock_count) as counted, cast(null as bigint) as clocks
from {{ ref('rpt_sla_compliance_daily') }}
where clock_count <> met_count + breached_count + running_count + void_count + no_policy_count
    or unanswered_count > breached_count
    or (met_share is null) <> (met_count + breached_count = 0)
    or met_share < 0
    or met_share > 1
group by metric

union all

select clocks.metric, report.counted, clocks.counted
from (
    select metric, count(*) as counted from {{ ref('fct_sla_clocks') }} group by metric
) as clocks
full outer join (
    select metric, sum(clock_count) as counted from {{ ref('rpt_sla_compliance_daily') }} group by metric
) as report
    on clocks.metric = report.metric
where clocks.counted is distinct from report.counted
