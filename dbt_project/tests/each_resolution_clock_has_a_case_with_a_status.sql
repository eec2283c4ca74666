select clocks.case_key
from {{ ref('fct_sla_clocks') }} as clocks
left join {{ ref('int_cases') }} as cases
    on clocks.case_key = cases.case_key
    and cases.has_status
where clocks.metric = 'resolution_time'
    and cases.case_key is null
