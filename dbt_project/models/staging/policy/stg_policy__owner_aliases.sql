with aliases as (
    select
        {{ owner_name('alias') }} as alias,
        nullif(trim(department), '') as department,
        nullif(trim(agreed_in), '') as agreed_in,
        1 as preference
    from {{ ref('owner_aliases') }}
),

departments as (
    select * from {{ ref('departments') }}
),

-- a department is called by its own names, too
own_names as (
    select {{ owner_name('department') }} as alias, nullif(trim(department), '') as department, nullif(trim(agreed_in), '') as agreed_in, 2 as preference
    from departments
    union all
    select {{ owner_name('department_name') }}, nullif(trim(department), ''), nullif(trim(agreed_in), ''), 3
    from departments
    where trim(department_name) <> ''
),

names as (
    select * from aliases
    union all
    select * from own_names
),

ranked as (
    select
        names.*,
        row_number() over (partition by alias order by preference, department, agreed_in) as first_first
    from names
)

select
    alias,
    department,
    agreed_in

from ranked
where first_first = 1
