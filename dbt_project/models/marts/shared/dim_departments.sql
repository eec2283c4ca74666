{{ config(materialized='table') }}

-- depends_on: {{ ref('int_dirty_cases') }}

with departments as (
    select department, max(department_name) as department_name
    from {{ ref('stg_policy__departments') }}
    group by department
),

{% if is_full() -%}
found as (
    select distinct department
    from {{ ref('int_case_timeline') }}
    where department is not null
)
{%- else -%}
-- one that only the data names: it did before, or a case that may have changed does
named as (
    select department
    from {{ published('dim_departments') }}

    union

    select department
    from {{ ref('int_case_timeline') }}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
),

unheard_of as (
    select named.department
    from named
    left join departments
        on named.department = departments.department
    where departments.department is null
    group by named.department  -- few or none, and known to be before the timeline is read
),

found as (
    select department
    from unheard_of
    where exists (
        select 1
        from {{ ref('int_case_timeline') }} as timeline
        where timeline.department = unheard_of.department
    )
)
{%- endif %}

select
    coalesce(departments.department, found.department) as department,
    coalesce(departments.department_name, found.department) as department_name,
    departments.department is not null as is_in_policy

from departments
full outer join found
    on departments.department = found.department
