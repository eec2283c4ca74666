{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_dirty('case_key') }}",
    indexes=[{'columns': ['case_key']}],
) }}

-- depends_on: {{ ref('int_dirty_cases') }}

-- One row per promise that could be made: when its clock started and when it was fulfilled, with what the
-- rules look at as it was at the start. '' stands for none, so that rules can be joined on equality.
with cases as (
    select * from {{ ref('int_cases') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

timeline as (
    select * from {{ ref('int_case_timeline') }}
    {%- if is_incremental() %}
    where case_key in (select case_key from {{ ref('int_dirty_cases') }})
    {%- endif %}
),

endings as (
    select
        case_key,
        max(resolved_at) as resolved_at,
        max(ended_at) as ended_at
    from timeline
    group by case_key
),

starts as (
    select
        case_key,
        'first_reply_time' as metric,
        first_inbound_at as started_at,
        first_reply_at as fulfilled_at
    from cases
    where first_inbound_at is not null

    union all

    -- a conversation that no help desk carries has no status of its own: nobody says that it is resolved
    select
        cases.case_key,
        'resolution_time',
        cases.opened_at,
        endings.resolved_at
    from cases
    inner join endings
        on cases.case_key = endings.case_key
    where cases.has_status
),

-- priority when the clock started; a message can lie before the ticket that it became
priorities as (
    select
        starts.case_key,
        starts.metric,
        max(case when timeline.from_at <= starts.started_at or timeline.row_no = 1 then timeline.row_no end) as row_no
    from starts
    inner join timeline
        on starts.case_key = timeline.case_key
    group by starts.case_key, starts.metric
)

select
    starts.case_key,
    starts.metric,
    starts.started_at,
    starts.fulfilled_at,
    endings.ended_at,
    cases.source,
    cases.channel,
    coalesce(cases.visibility, '') as visibility,
    cases.purpose,
    coalesce(cases.brand, '') as brand,
    coalesce(timeline.priority, '') as priority,
    cases.topic,
    cases.customer_tier,
    cases.source_due_at,
    case when cases.source_due_at is null then 'no' else 'yes' end as has_source_due,
    cases.not_counted_reason,
    cases.source_verdict
from starts
inner join cases
    on starts.case_key = cases.case_key
inner join priorities
    on starts.case_key = priorities.case_key
    and starts.metric = priorities.metric
inner join timeline
    on priorities.case_key = timeline.case_key
    and priorities.row_no = timeline.row_no
left join endings
    on starts.case_key = endings.case_key
