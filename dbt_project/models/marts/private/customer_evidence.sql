{{ config(materialized='view') }}

-- What says that an identifier is a customer's, with what became of it.
with customers as (
    select * from {{ source('identity', 'customers') }}
),

refusals as (
    select * from {{ source('identity', 'refusals') }}
),

evidence as (
    select
        account_identifier_key,
        identifier_key,
        source,
        evidence,
        cast(null as {{ dbt.type_string() }}) as told_in,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identity_evidence') }}
    where account_identifier_key <> identifier_key

    union all

    select account_identifier_key, identifier_key, source, evidence, told_in, first_seen_at, last_seen_at
    from {{ source('identity', 'said') }}
)

select
    evidence.account_identifier_key,
    evidence.identifier_key,
    evidence.source,
    evidence.evidence,
    evidence.told_in,
    coalesce(accounts.customer_key, identifiers.customer_key) as customer_key,
    identifiers.identifier_kind,
    identifiers.identifier,
    evidence.first_seen_at,
    evidence.last_seen_at,
    -- a user's row ties what nothing else may
    case
        when refusals.rule is not null then 'kept_apart'
        when evidence.evidence <> 'rule' then coalesce(identifiers.shared_because, accounts.shared_because)
    end as not_used_because

from evidence
inner join customers as identifiers
    on evidence.identifier_key = identifiers.identifier_key
left join customers as accounts
    on evidence.account_identifier_key = accounts.identifier_key
left join refusals
    on accounts.own_customer_key = refusals.account_own_key
    and identifiers.own_customer_key = refusals.identifier_own_key
