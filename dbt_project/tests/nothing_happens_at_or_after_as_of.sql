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
where greatest(started_at, queue_entered_at, answered_at, ended_at) >= {{ as_of() }}

union all

select 'fct_ratings', rating_key
from {{ ref('fct_ratings') }}
where rated_at >= {{ as_of() }}

union all

select 'fct_sales', sale_key
from {{ ref('fct_sales') }}
where greatest(first_step_at, found_at, qualified_at, won_at, lost_at) >= {{ as_of() }}
