-- Golden rows: a list holds a text where it is an element, as a text and whole.
{% set json = "cast(given as jsonb)" if target.type == "postgres" else "given" %}
with golden (given, expected) as (
    values
    ('["bot"]', true),
    ('["vip", "bot"]', true),
    ('["bots", "robot", "BOT"]', false),
    ('[["bot"]]', false),
    ('[]', false),
    (null, null)
),

answers as (
    select given, expected, {{ json_list_has(json, 'bot') }} as got
    from golden
)

select * from answers where got is distinct from expected
