{{ config(materialized='incremental', incremental_strategy='append') }}

-- Every priority that a case ever had, and '' for none: with a case's own values all that an ownership or an SLA rule
-- asks, known before there is a timeline. An increment adds those of what was read since; of one that nobody has any
-- more nobody asks.
{% set read_since = 'read_run_no > ' ~ published_up_to() if is_incremental() else '1 = 1' -%}

with told as (
    select priority
    from {{ ref('stg_zendesk__ticket_changes') }}
    where {{ read_since }}

    union all

    select priority
    from {{ ref('stg_file__cases') }}
    where {{ read_since }}

    union all

    select priority
    from {{ ref('stg_file__case_events') }}
    where {{ read_since }}

    union all

    select old_value as priority
    from {{ ref('stg_file__field_changes') }}
    where field = 'priority'
        and {{ read_since }}

    union all

    select new_value as priority
    from {{ ref('stg_file__field_changes') }}
    where field = 'priority'
        and {{ read_since }}

    union all

    select '' as priority
)

select distinct priority
from told
where priority is not null
{%- if is_incremental() %}
    and priority not in (select known.priority from {{ this }} as known)
{%- endif %}
