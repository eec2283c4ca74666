select
    lower(trim(rule)) as rule,
    lower(trim(kind)) as kind,
    case when lower(trim(kind)) = 'phone' then {{ phone_text('identifier') }} else nullif(trim(identifier), '') end as identifier,
    nullif(lower(trim(other_kind)), '') as other_kind,
    case when lower(trim(other_kind)) = 'phone' then {{ phone_text('other_identifier') }} else nullif(trim(other_identifier), '') end as other_identifier,
    cast(nullif(trim(most_accounts), '') as integer) as most_accounts,
    -- the row as people read it where it is what caused something
    trim(rule) || ' ' || trim(kind)
        || coalesce(' ' || nullif(trim(identifier), ''), '')
        || coalesce(' and ' || nullif(trim(other_kind), '') || ' ' || nullif(trim(other_identifier), ''), '')
        || coalesce(' (' || nullif(trim(agreed_in), '') || ')', '') as rule_text,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at

from {{ ref('identity_rules') }}
