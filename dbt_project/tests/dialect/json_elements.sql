-- Golden rows: one row for each element of a list, none where there is no list; the same by path and of the
-- list itself, and each element as text.
{% set json = "cast(given as jsonb)" if target.type == "postgres" else "given" %}
with golden (given, expected_count, expected_first, expected_last) as (
    values
    ('{"a": {"tags": ["vip", "topic_billing"]}}', 2, 'topic_billing', 'vip'),
    ('{"a": {"tags": ["1995451234567890123", 7, true]}}', 3, '1995451234567890123', 'true'),
    ('{"a": {"tags": ["same", "same"]}}', 2, 'same', 'same'),
    ('{"a": {"tags": [null]}}', 1, null, null),
    ('{"a": {"tags": []}}', 0, null, null),
    ('{"a": {"tags": null}}', 0, null, null),
    ('{"a": {"tags": "vip"}}', 0, null, null),
    ('{"a": {"tags": {"vip": 1}}}', 0, null, null),
    ('{"a": {}}', 0, null, null),
    ('{}', 0, null, null),
    (null, 0, null, null)
),

by_path as (
    select given, {{ json_elements(json, 'a.tags') }} as element
    from golden
),

lists as (
    select given, {{ json_value(json, 'a.tags') }} as list
    from golden
),

of_list as (
    select given, {{ json_elements_of('list') }} as element
    from lists
),

texts as (
    select 'by path' as way, given, {{ json_element_text('element') }} as text from by_path
    union all
    select 'of the list', given, {{ json_element_text('element') }} from of_list
),

counted as (
    select way, given, count(*) as element_count, min(text) as first, max(text) as last
    from texts
    group by way, given
),

ways as (
    select 'by path' as way
    union all
    select 'of the list'
)

select
    golden.given,
    ways.way,
    golden.expected_count,
    counted.element_count,
    golden.expected_first,
    counted.first,
    golden.expected_last,
    counted.last
from golden
cross join ways
left join counted
    on golden.given = counted.given
    and ways.way = counted.way
where coalesce(counted.element_count, 0) <> golden.expected_count
    or counted.first is distinct from golden.expected_first
    or counted.last is distinct from golden.expected_last
