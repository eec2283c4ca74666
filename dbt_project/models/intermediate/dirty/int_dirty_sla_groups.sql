{{ config(materialized='incremental', incremental_strategy='append') }}

-- depends_on: {{ ref('fct_sla_clocks') }}
-- depends_on: {{ ref('int_dirty_cases') }}

-- Rows of rpt_sla_compliance_daily in which a clock of a dirty case counts, or counted in what is published; and,
-- until a publication, those in which a night that was not published counted one.
{% if not is_incremental() -%}
select {{ sla_group('clocks') }}
from {{ ref('fct_sla_clocks') }} as clocks
where 1 = 0
{%- else -%}
with dirty_cases as (
    select * from {{ ref('int_dirty_cases') }}
),

found as (
    select {{ sla_group('clocks') }}
    from {{ ref('fct_sla_clocks') }} as clocks
    inner join dirty_cases
        on clocks.case_key = dirty_cases.case_key

    union

    select {{ sla_group('published_clocks') }}
    from {{ published('fct_sla_clocks') }} as published_clocks
    inner join dirty_cases
        on published_clocks.case_key = dirty_cases.case_key
)

select * from found

except

select * from {{ this }}
{%- endif %}
