{{ config(materialized='view') }}

-- Identifiers of customers that described exports name beside their own id: who calls, buys or rates may have
-- written from the same address. A record without an id of its own is known by the first address it has.
with ratings as (
    select * from {{ ref('stg_file__ratings') }}
),

sales as (
    select * from {{ ref('stg_file__sales') }}
),

calls as (
    select * from {{ ref('stg_file__calls') }}
),

users as (
    select * from {{ ref('stg_file__users') }}
),

our_accounts as (
    select * from {{ ref('int_our_accounts') }}
),

named as (
    select
        users.source,
        users.user_id as customer_id,
        users.email,
        users.phone,
        users.x_handle,
        users.account_number,
        users.order_number,
        users.number_system,
        users.created_at as seen_at
    from users
    left join our_accounts
        on users.source = our_accounts.source
        and users.user_id = our_accounts.agent_id
    where our_accounts.agent_key is null

    union all

    select
        source,
        customer_id,
        email,
        cast(null as {{ dbt.type_string() }}) as phone,
        cast(null as {{ dbt.type_string() }}) as x_handle,
        account_number,
        order_number,
        number_system,
        rated_at
    from ratings

    union all

    select
        source,
        customer_id,
        email,
        phone,
        x_handle,
        account_number,
        order_number,
        number_system,
        least(found_at, qualified_at, won_at, lost_at, status_at)
    from sales

    union all

    select source, customer_id, email, phone, null, account_number, order_number, number_system, told_at
    from calls
),

accounts as (
    select
        named.*,
        {{ file_customer('named') }} as account_identifier_key
    from named
    where seen_at < {{ as_of() }}
        and {{ file_customer('named') }} is not null
),

identifiers as (
    select source, account_identifier_key, account_identifier_key as identifier_key, 'file_customer' as identifier_kind, customer_id as identifier, seen_at
    from accounts
    where customer_id is not null

    union all

    select source, account_identifier_key, 'email:' || email, 'email', email, seen_at
    from accounts
    where email is not null

    union all

    select source, account_identifier_key, 'phone:' || phone, 'phone', phone, seen_at
    from accounts
    where phone is not null

    union all

    select source, account_identifier_key, 'x_handle:' || x_handle, 'x_handle', x_handle, seen_at
    from accounts
    where x_handle is not null

    union all

    -- a number is the system's that gives it out, which several exports may name
    select source, account_identifier_key, 'account:' || number_system || ':' || account_number, 'account_number', account_number, seen_at
    from accounts
    where account_number is not null

    union all

    select source, account_identifier_key, 'order:' || number_system || ':' || order_number, 'order_number', order_number, seen_at
    from accounts
    where order_number is not null
)

select
    source,
    account_identifier_key,
    identifier_key,
    identifier_kind,
    identifier,
    min(seen_at) as first_seen_at,
    max(seen_at) as last_seen_at

from identifiers
group by source, account_identifier_key, identifier_key, identifier_kind, identifier
