-- Golden rows: a field as text; absent, null and no object are all null.
{% set json = "cast(given as jsonb)" if target.type == "postgres" else "given" %}
with golden (given, expected, expected_nested) as (
    values
    ('{"a": "text"}', 'text', null),
    ('{"a": ""}', '', null),
    -- 2^53 + 1, which a float cannot hold
    ('{"a": 9007199254740993}', '9007199254740993', null),
    ('{"a": -1.50}', '-1.50', null),
    ('{"a": true}', 'true', null),
    ('{"a": null}', null, null),
    ('{"A": "another key"}', null, null),
    ('{}', null, null),
    ('{"a": {"b": {"c": "deep"}}}', '{"b": {"c": "deep"}}', 'deep'),
    ('{"a": {"b": {"c": null}}}', '{"b": {"c": null}}', null),
    ('{"a": {"b": "no object"}}', '{"b": "no object"}', null),
    ('{"a": "it''s \"quoted\", \u00e4 \\ and\nover"}', 'it''s "quoted", ä \ and' || chr(10) || 'over', null),
    ('[]', null, null),
    ('null', null, null),
    (null, null, null)
),

answers as (
    select
        given,
        expected,
        expected_nested,
        {{ json_text(json, 'a') }} as got,
        {{ json_text(json, 'a.b.c') }} as got_nested
    from golden
)

select *
from answers
where got is distinct from expected
    or got_nested is distinct from expected_nested
