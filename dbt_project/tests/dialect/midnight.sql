-- Golden rows: a day's 00:00, of a date or of its text.
with golden (given, expected) as (
    values
    ('2026-03-01', '2026-03-01 00:00:00'),
    ('2024-02-29', '2024-02-29 00:00:00'),
    ('9999-12-31', '9999-12-31 00:00:00'),
    (null, null)
),

answers as (
    select
        given,
        cast(expected as timestamp) as expected,
        {{ midnight('given') }} as got,
        {{ midnight('cast(given as date)') }} as got_of_date
    from golden
)

select *
from answers
where got is distinct from expected
    or got_of_date is distinct from expected
