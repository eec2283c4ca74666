select
    nullif(trim(company_name), '') as company_name,
    nullif(trim(timezone), '') as timezone,
    upper(nullif(trim(default_region), '')) as default_region

from {{ ref('company') }}
