-- Golden rows: a plain value of a list as text, without quotes.
{% set json = "cast(given as jsonb)" if target.type == "postgres" else "given" %}
with golden (given, expected) as (
    values
    ('["topic_billing"]', 'topic_billing'),
    ('[""]', ''),
    ('["say \"hi\""]', 'say "hi"'),
    ('[9007199254740993]', '9007199254740993'),
    ('[false]', 'false'),
    ('[null]', null)
),

elements as (
    select given, expected, {{ json_elements_of(json) }} as element
    from golden
)

select given, expected, {{ json_element_text('element') }} as got
from elements
where {{ json_element_text('element') }} is distinct from expected
