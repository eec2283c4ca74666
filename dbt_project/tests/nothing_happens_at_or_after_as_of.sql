select 'fct_interactions' as model, interaction_key as key
from {{ ref('fct_interactions') }}
where occurred_at >= {{ as_of() }}

union all

select 'fct_case_timeline', case_key
from {{ ref('fct_case_timeline') }}
where from_at >= {{ as_of() }}

union all

select 'fct_sla_clocks', case_key
from {{ ref('fct_sla_clocks') }}
where started_at >= {{ as_of() }}
    or fulfilled_at >= {{ as_of() }}
    or decided_at > {{ as_of() }}

union all

select 'fct_calls', call_key
from {{ ref('fct_calls') }}
where started_at >= {{ as_of() }}
