select clocks.case_key
from {{ ref('fct_sla_clocks') }} as clocks
left join {{ ref('int_cases') }} as cases
    on clocks.case_key = cases.case_key
    and cases.has_status
where clocks.metric in ('resolution_time', 'requester_wait_time', 'agent_work_time', 'periodic_update_time', 'pausable_update_time')
    and cases.case_key is null
