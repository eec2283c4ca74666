{{ config(materialized='table') }}

with departments as (
    select department, max(department_name) as department_name
    from {{ ref('stg_policy__departments') }}
    group by department
),

found as (
    select distinct department
    from {{ ref('int_case_timeline') }}
    where department is not null
)

select
    coalesce(departments.department, found.department) as department,
    coalesce(departments.department_name, found.department) as department_name,
    departments.department is not null as is_in_policy

from departments
full outer join found
    on departments.department = found.department
