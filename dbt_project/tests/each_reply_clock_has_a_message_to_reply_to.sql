select clocks.case_key
from {{ ref('fct_sla_clocks') }} as clocks
left join {{ ref('fct_cases') }} as cases
    on clocks.case_key = cases.case_key
where clocks.metric in ('first_reply_time', 'next_reply_time')
    and coalesce(cases.inbound_count, 0) = 0
    -- the message to which a merged case's void clock belonged is in another case now
    and cases.merged_into_case_key is null
