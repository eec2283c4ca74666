select
    nullif(trim(source), '') as source,
    lower(trim(agent)) as agent,
    nullif(trim(agent_name), '') as agent_name,
    nullif(trim(team), '') as team,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('agents_teams') }}
