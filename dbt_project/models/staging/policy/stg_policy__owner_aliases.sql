select
    lower(trim(alias)) as alias,
    nullif(trim(department), '') as department,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('owner_aliases') }}
