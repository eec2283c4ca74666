{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_customers_of_repeat_contacts() }}",
    indexes=[{'columns': ['case_key']}, {'columns': ['customer_key']}],
) }}

-- depends_on: {{ ref('int_dirty_customers') }}

-- Whether the customer came back with another case within seven days after this one was resolved: true once
-- they did, false once the seven days are over, null before. One row per resolved case of a known customer.
-- It looks ahead, so a case that nothing else touched can change here (design.md §2 (f)): only fct_cases shows
-- it, which is compared whole when it is published. Made anew for all cases of a customer.
with cases as (
    select * from {{ ref('int_cases') }}
    where customer_key is not null and not_counted_reason is null
    {%- if is_incremental() %}
        and customer_key in ({{ customers_of_repeat_contacts() }})
    {%- endif %}
),

endings as (
    select case_key, resolved_at
    from {{ ref('int_case_facts') }}
    where resolved_at is not null
    {%- if is_incremental() %}
        and case_key in (select case_key from cases)
    {%- endif %}
),

contacts as (
    select
        cases.case_key,
        cases.customer_key,
        endings.resolved_at,
        lead(cases.opened_at) over (partition by cases.customer_key order by cases.opened_at, cases.case_key) as next_opened_at
    from cases
    left join endings
        on cases.case_key = endings.case_key
),

-- the next case may have been opened before this one was resolved; the one after it counts then too
first_after as (
    select
        earlier.case_key,
        earlier.resolved_at,
        min(later.opened_at) as next_opened_at
    from (
        select case_key, customer_key, resolved_at
        from contacts
        where resolved_at is not null and next_opened_at is not null
    ) as earlier
    inner join cases as later
        on earlier.customer_key = later.customer_key
        and later.opened_at > earlier.resolved_at
        and later.case_key <> earlier.case_key
    group by earlier.case_key, earlier.resolved_at
)

select
    contacts.case_key,
    contacts.customer_key,
    case
        when first_after.next_opened_at <= {{ add_seconds('contacts.resolved_at', '7 * 86400') }} then true
        when {{ add_seconds('contacts.resolved_at', '7 * 86400') }} < {{ as_of() }} then false
    end as has_repeat_contact

from contacts
left join first_after
    on contacts.case_key = first_after.case_key
where contacts.resolved_at is not null
