select cases.case_key
from {{ ref('int_cases') }} as cases
left join {{ ref('fct_sla_clocks') }} as clocks
    on cases.case_key = clocks.case_key
    and clocks.metric = 'resolution_time'
where cases.has_status
    and clocks.case_key is null
