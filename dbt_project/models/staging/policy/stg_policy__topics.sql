select
    nullif(trim(source), '') as source,
    lower(trim(source_topic)) as source_topic,
    nullif(trim(topic), '') as topic,
    nullif(trim(purpose), '') as purpose,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('topics') }}
