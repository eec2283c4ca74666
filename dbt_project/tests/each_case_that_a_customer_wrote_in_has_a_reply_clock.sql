select cases.case_key
from {{ ref('fct_cases') }} as cases
left join {{ ref('fct_sla_clocks') }} as clocks
    on cases.case_key = clocks.case_key
    and clocks.metric = 'first_reply_time'
where cases.inbound_count > 0
    and clocks.case_key is null
