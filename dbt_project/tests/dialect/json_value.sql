-- Golden rows: a field as JSON, which the other macros read on; of a field that is not there nothing.
{% set json = "cast(given as jsonb)" if target.type == "postgres" else "given" %}
with golden (given, expected) as (
    values
    ('{"a": {"b": "text"}}', 'text'),
    ('{"a": {"b": {"c": 1}}}', '{"c": 1}'),
    ('{"a": {"b": null}}', null),
    ('{"a": {}}', null),
    ('{"a": null}', null),
    ('{"a": "no object"}', null),
    ('{}', null),
    (null, null)
),

answers as (
    select
        given,
        expected,
        {{ json_text(json_value(json, 'a'), 'b') }} as got,
        {{ json_value(json, 'a.b') }} is null as is_absent
    from golden
)

select * from answers
where got is distinct from expected
    -- what is there, null included, is a value
    or is_absent <> (given is null or given not like '%"b"%')
