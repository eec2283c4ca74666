select
    nullif(trim(team), '') as team,
    nullif(trim(team_name), '') as team_name,
    nullif(trim(department), '') as department,
    {{ valid_from_at("cast(nullif(trim(valid_from), '') as date)") }} as valid_from_at,
    {{ valid_until_at("cast(nullif(trim(valid_until), '') as date)") }} as valid_until_at,
    nullif(trim(agreed_in), '') as agreed_in

from {{ ref('teams') }}
