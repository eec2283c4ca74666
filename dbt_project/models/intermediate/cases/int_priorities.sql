{{ config(materialized='table') }}

-- Every priority that a case ever had, and '' for none: with a case's own values all that an ownership or an SLA rule
-- asks, known before there is a timeline.
select distinct priority
from {{ ref('stg_zendesk__ticket_changes') }}
where priority is not null

union

select priority
from {{ ref('stg_file__cases') }}
where priority is not null

union

select priority
from {{ ref('stg_file__case_events') }}
where priority is not null

union

select old_value
from {{ ref('stg_file__field_changes') }}
where field = 'priority'
    and old_value is not null

union

select new_value
from {{ ref('stg_file__field_changes') }}
where field = 'priority'
    and new_value is not null

union

select ''
