{{ config(materialized='table') }}

-- Every priority that a case ever had, and '' for none: with a case's own values all that an ownership or an SLA rule
-- asks, known before there is a timeline.
with told as (
    select priority from {{ ref('stg_zendesk__ticket_changes') }}

    union all

    select priority from {{ ref('stg_file__cases') }}

    union all

    select priority from {{ ref('stg_file__case_events') }}

    union all

    select old_value as priority
    from {{ ref('stg_file__field_changes') }}
    where field = 'priority'

    union all

    select new_value as priority
    from {{ ref('stg_file__field_changes') }}
    where field = 'priority'

    union all

    select '' as priority
)

select distinct priority
from told
where priority is not null
