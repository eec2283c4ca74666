select 'fct_case_timeline' as model, case_key || ' ' || row_no as key
from {{ ref('fct_case_timeline') }}
group by case_key, row_no
having count(*) > 1

union all

select 'fct_ownership_spans', case_key || ' ' || span_no
from {{ ref('fct_ownership_spans') }}
group by case_key, span_no
having count(*) > 1

union all

select 'fct_sla_clocks', case_key || ' ' || metric || ' ' || clock_no
from {{ ref('fct_sla_clocks') }}
group by case_key, metric, clock_no
having count(*) > 1

union all

select 'fct_sla_segments', case_key || ' ' || metric || ' ' || clock_no || ' ' || segment_no
from {{ ref('fct_sla_segments') }}
group by case_key, metric, clock_no, segment_no
having count(*) > 1

union all

select 'rpt_sla_at_risk', case_key || ' ' || metric || ' ' || clock_no
from {{ ref('rpt_sla_at_risk') }}
group by case_key, metric, clock_no
having count(*) > 1

union all

select 'rpt_sla_compliance_daily', cast(min(day) as {{ dbt.type_string() }}) || ' ' || metric
from {{ ref('rpt_sla_compliance_daily') }}
group by day, metric, department, team, channel, brand, priority
having count(*) > 1
