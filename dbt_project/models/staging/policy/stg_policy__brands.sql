select
    nullif(trim(brand), '') as brand,
    nullif(trim(brand_name), '') as brand_name,
    nullif(trim(source), '') as source,
    nullif(trim(source_brand_id), '') as source_brand_id,
    upper(nullif(trim(default_region), '')) as default_region

from {{ ref('brands') }}
