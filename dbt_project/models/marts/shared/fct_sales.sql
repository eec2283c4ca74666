{{ config(materialized='table') }}

{#- each is what the newest record that has it says -#}
{% set said = ['customer_identifier_key', 'case_key', 'agent_key', 'team', 'channel', 'channel_raw', 'brand', 'product', 'lost_reason'] -%}

with sales as (
    select
        sales.*,
        {{ file_customer('sales') }} as customer_identifier_key,
        -- a sale may name the case of another source, with that source in front
        case when case_id like '%:%' then case_id else source || ':' || case_id end as case_key,
        source || ':' || agent_id as agent_key
    from {{ ref('stg_file__sales') }} as sales
),

cases as (
    select * from {{ ref('int_cases') }}
),

case_merges as (
    select * from {{ ref('int_case_merges') }}
),

customers as (
    select * from {{ source('identity', 'customers') }}
),

steps as (
    select source, sale_id, record_key, 1 as step_no, 'found' as step, found_at as step_at from sales
    union all
    select source, sale_id, record_key, 2, 'qualified', qualified_at from sales
    union all
    select source, sale_id, record_key, 3, 'won', won_at from sales
    union all
    select source, sale_id, record_key, 4, 'lost', lost_at from sales
    union all
    select
        source,
        sale_id,
        record_key,
        case status when 'found' then 1 when 'qualified' then 2 when 'won' then 3 else 4 end,
        status,
        status_at
    from sales
),

steps_taken as (
    select
        steps.*,
        row_number() over (partition by source, sale_id order by step_at desc, step_no desc) as newest_first
    from steps
    where step_at < {{ as_of() }}
),

per_sale as (
    select
        source,
        sale_id,
        min(step_at) as first_step_at,
        max(case when newest_first = 1 then step end) as status,
        max(case when newest_first = 1 then step_at end) as status_at,
        min(case when step = 'found' then step_at end) as found_at,
        min(case when step = 'qualified' then step_at end) as qualified_at,
        -- what was lost and won after all was won the last time
        max(case when step = 'won' then step_at end) as won_at,
        max(case when step = 'lost' then step_at end) as lost_at
    from steps_taken
    group by source, sale_id
),

records_seen as (
    select source, record_key, max(step_at) as seen_at
    from steps_taken
    group by source, record_key
),

records_in_order as (
    select
        sales.*,
        row_number() over (partition by sales.source, sales.sale_id order by records_seen.seen_at, sales.record_key) as record_no
    from sales
    inner join records_seen
        on sales.source = records_seen.source
        and sales.record_key = records_seen.record_key
),

newest_that_says as (
    select
        source,
        sale_id,
        max(case when amount is not null then record_no end) as amount_no
        {%- for name in said %},
        max(case when {{ name }} is not null then record_no end) as {{ name }}_no
        {%- endfor %}
    from records_in_order
    group by source, sale_id
),

described as (
    select
        records.source,
        records.sale_id,
        max(case when records.record_no = newest.amount_no then records.amount end) as amount,
        max(case when records.record_no = newest.amount_no then records.currency end) as currency
        {%- for name in said %},
        max(case when records.record_no = newest.{{ name }}_no then records.{{ name }} end) as {{ name }}
        {%- endfor %}
    from records_in_order as records
    inner join newest_that_says as newest
        on records.source = newest.source
        and records.sale_id = newest.sale_id
    group by records.source, records.sale_id
)

select
    per_sale.source || ':' || per_sale.sale_id as sale_key,
    per_sale.source,
    per_sale.sale_id,
    coalesce(customers.customer_key, cases.customer_key) as customer_key,
    cases.case_key,
    described.agent_key,
    described.team,
    coalesce(described.channel, cases.channel) as channel,
    described.channel_raw,
    coalesce(described.brand, cases.brand) as brand,
    described.product,
    per_sale.status,
    per_sale.status in ('found', 'qualified') as is_open,
    per_sale.first_step_at,
    {{ local_date('per_sale.first_step_at', company_timezone()) }} as first_step_on,
    per_sale.found_at,
    per_sale.qualified_at,
    per_sale.won_at,
    per_sale.lost_at,
    case
        when per_sale.status in ('won', 'lost') then {{ local_date('per_sale.status_at', company_timezone()) }}
    end as decided_on,
    cast(described.amount as numeric(18, 4)) as amount,
    described.currency,
    case when per_sale.status = 'lost' then {{ mask_text('described.lost_reason') }} end as lost_reason

from per_sale
inner join described
    on per_sale.source = described.source
    and per_sale.sale_id = described.sale_id
left join case_merges
    on described.case_key = case_merges.case_key
left join cases
    on coalesce(case_merges.surviving_case_key, described.case_key) = cases.case_key
left join customers
    on described.customer_identifier_key = customers.identifier_key
