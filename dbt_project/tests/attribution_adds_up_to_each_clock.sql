-- Whose time a clock's was: the parts are the whole, to the second, and one of them had it when the target ran out.
with attributed as (
    select
        case_key,
        metric,
        clock_no,
        sum(seconds) as seconds,
        sum(calendar_seconds) as calendar_seconds,
        sum(case when is_holder_at_breach then 1 else 0 end) as breach_holder_count
    from {{ ref('rpt_breach_attribution') }}
    group by case_key, metric, clock_no
)

select clocks.case_key, clocks.metric, clocks.clock_no
from {{ ref('fct_sla_clocks') }} as clocks
left join attributed
    on clocks.case_key = attributed.case_key
    and clocks.metric = attributed.metric
    and clocks.clock_no = attributed.clock_no
where attributed.case_key is null
    or attributed.seconds <> clocks.elapsed_seconds
    or attributed.calendar_seconds <> clocks.calendar_elapsed_seconds
    or attributed.breach_holder_count <> case when clocks.outcome = 'breached' then 1 else 0 end
