-- Golden rows: each day of a week, and two that are easily got wrong.
with golden (given, expected) as (
    values
    ('2026-03-02', 'mon'),
    ('2026-03-03', 'tue'),
    ('2026-03-04', 'wed'),
    ('2026-03-05', 'thu'),
    ('2026-03-06', 'fri'),
    ('2026-03-07', 'sat'),
    ('2026-03-08', 'sun'),
    ('2024-02-29', 'thu'),
    ('1900-01-01', 'mon'),
    (null, null)
),

answers as (
    select
        given,
        expected,
        {{ weekday('cast(given as date)') }} as got
    from golden
)

select * from answers where got is distinct from expected
