with counted as (
    select
        case_key,
        sum(case when direction = 'inbound' then 1 else 0 end) as inbound_count,
        sum(case when direction = 'outbound' then 1 else 0 end) as outbound_count,
        sum(case when is_reply then 1 else 0 end) as reply_count
    from {{ ref('fct_interactions') }}
    where case_key is not null
    group by case_key
)

select cases.case_key
from {{ ref('fct_cases') }} as cases
left join counted
    on cases.case_key = counted.case_key
where cases.inbound_count <> coalesce(counted.inbound_count, 0)
    or cases.outbound_count <> coalesce(counted.outbound_count, 0)
    or cases.reply_count <> coalesce(counted.reply_count, 0)
