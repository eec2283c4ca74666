-- Golden rows: a key counts whatever its value; a value or a nested key of that name does not.
{% set json = "cast(given as jsonb)" if target.type == "postgres" else "given" %}
with golden (given, expected) as (
    values
    ('{"group_id": 360}', true),
    ('{"group_id": null}', true),
    ('{"group_id": ""}', true),
    ('{"Group_id": 360}', false),
    ('{"field_name": "group_id"}', false),
    ('{"previous": {"group_id": 360}}', false),
    ('{}', false),
    (null, null)
),

answers as (
    select given, expected, {{ json_has_key(json, 'group_id') }} as got
    from golden
)

select * from answers where got is distinct from expected
