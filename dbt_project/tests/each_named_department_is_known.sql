select named.department, named.named_in
from (
    select department, 'fct_ownership_spans' as named_in from {{ ref('fct_ownership_spans') }}
    union
    select department, 'fct_sla_clocks' from {{ ref('fct_sla_clocks') }}
    union
    select department, 'fct_cases' from {{ ref('fct_cases') }}
) as named
left join {{ ref('dim_departments') }} as departments
    on named.department = departments.department
where named.department is not null
    and departments.department is null
