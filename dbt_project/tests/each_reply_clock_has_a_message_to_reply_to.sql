select clocks.case_key
from {{ ref('fct_sla_clocks') }} as clocks
left join {{ ref('fct_cases') }} as cases
    on clocks.case_key = cases.case_key
where clocks.metric = 'first_reply_time'
    and coalesce(cases.inbound_count, 0) = 0
