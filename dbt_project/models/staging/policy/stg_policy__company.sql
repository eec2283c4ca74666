select
    nullif(trim(company_name), '') as company_name,
    nullif(trim(timezone), '') as timezone

from {{ ref('company') }}
