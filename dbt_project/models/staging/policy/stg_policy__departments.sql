select
    nullif(trim(department), '') as department,
    nullif(trim(department_name), '') as department_name,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('departments') }}
