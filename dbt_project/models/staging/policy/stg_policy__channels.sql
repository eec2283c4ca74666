select
    nullif(trim(channel), '') as channel,
    nullif(trim(channel_name), '') as channel_name,
    lower(trim(is_social)) in ('true', 't', 'yes', '1') as is_social

from {{ ref('channels') }}
