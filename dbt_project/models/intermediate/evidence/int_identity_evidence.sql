{{ config(materialized='view') }}

-- Each identifier of a customer, and the identifier of the account that carries it: two rows with the same
-- account say that two identifiers are one person's. Exact identifiers only; none of our own accounts.
with zendesk_users as (
    select * from {{ ref('stg_zendesk__users') }}
),

our_accounts as (
    select * from {{ ref('int_our_accounts') }}
),

x_posts as (
    select * from {{ ref('int_x_posts') }}
),

records as (
    select * from {{ ref('int_interaction_records') }}
),

file_cases as (
    select * from {{ ref('stg_file__cases') }}
),

file_case_events as (
    select * from {{ ref('stg_file__case_events') }}
),

file_identifiers as (
    select * from {{ ref('int_file_identifiers') }}
),

zendesk_customers as (
    select zendesk_users.*
    from zendesk_users
    left join our_accounts
        on zendesk_users.source = our_accounts.source
        and zendesk_users.user_id = our_accounts.agent_id
    where our_accounts.agent_key is null
        and zendesk_users.created_at < {{ as_of() }}
),

zendesk_identities as (
    select
        source,
        user_id,
        {{ json_text('identity', 'type') }} as identity_type,
        lower({{ json_text('identity', 'value') }}) as identity_value,
        case when {{ json_text('identity', 'verified') }} = 'true' then 'verified_link' else 'account' end as evidence,
        {{ utc_timestamp(json_text('identity', 'created_at')) }} as created_at
    from (
        select source, user_id, {{ json_elements_of('identities') }} as identity
        from zendesk_customers
    ) as each_identity
),

evidence as (
    select
        source,
        source || ':user:' || user_id as account_identifier_key,
        source || ':user:' || user_id as identifier_key,
        'help_desk_user' as identifier_kind,
        user_id as identifier,
        'account' as evidence,
        created_at as first_seen_at,
        created_at as last_seen_at
    from zendesk_customers

    union all

    select source, source || ':user:' || user_id, 'email:' || email, 'email', email, 'account', created_at, created_at
    from zendesk_customers
    where email is not null

    union all

    -- the id that another system of ours gave the customer
    select
        source,
        source || ':user:' || user_id,
        {{ "'" ~ var('zendesk_external_id_source') ~ ":user:' || external_id" if var('zendesk_external_id_source') else "source || ':external:' || external_id" }},
        {{ "'file_customer'" if var('zendesk_external_id_source') else "'external_id'" }},
        external_id,
        'account',
        created_at,
        created_at
    from zendesk_customers
    where external_id is not null

    union all

    select
        source,
        source || ':user:' || user_id,
        case identity_type
            when 'twitter' then 'x_handle:' || identity_value
            when 'phone_number' then 'phone:' || {{ phone_text('identity_value') }}
            when 'facebook' then 'facebook_user:' || identity_value
            else 'email:' || identity_value
        end,
        case identity_type
            when 'twitter' then 'x_handle' when 'phone_number' then 'phone' when 'facebook' then 'facebook_user' else 'email'
        end,
        case identity_type when 'phone_number' then {{ phone_text('identity_value') }} else identity_value end,
        evidence,
        created_at,
        created_at
    from zendesk_identities
    where identity_type in ('email', 'google', 'twitter', 'phone_number', 'facebook')
        and identity_value is not null
        and created_at < {{ as_of() }}

    union all

    select source, source || ':user:' || author_id, source || ':user:' || author_id, 'x_user', author_id, 'account', min(posted_at), max(posted_at)
    from x_posts
    where not is_own and posted_at < {{ as_of() }}
    group by source, author_id

    union all

    select source, source || ':user:' || author_id, 'x_handle:' || author_handle, 'x_handle', author_handle, 'account', min(posted_at), max(posted_at)
    from x_posts
    where not is_own and posted_at < {{ as_of() }} and author_handle is not null
    group by source, author_id, author_handle

    union all

    select source, author_identifier_key, author_identifier_key, 'file_customer', author_identifier_key, 'account', min(occurred_at), max(occurred_at)
    from records
    where source_kind = 'file' and author_identifier_key is not null and occurred_at < {{ as_of() }}
    group by source, author_identifier_key

    union all

    select source, source || ':user:' || customer_id, source || ':user:' || customer_id, 'file_customer', customer_id, 'account', min(seen_at), max(seen_at)
    from (
        select source, customer_id, opened_at as seen_at from file_cases
        union all
        select source, customer_id, opened_at from file_case_events
    ) as named_in_files
    where customer_id is not null and seen_at < {{ as_of() }}
    group by source, customer_id

    union all

    select source, account_identifier_key, identifier_key, identifier_kind, identifier, 'account', first_seen_at, last_seen_at
    from file_identifiers
)

select
    account_identifier_key,
    identifier_key,
    identifier_kind,
    identifier,
    source,
    evidence,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at

from evidence
group by account_identifier_key, identifier_key, identifier_kind, identifier, source, evidence
