-- Golden rows: the instant so many seconds later, also of an expression.
with golden (start_at, seconds, expected) as (
    values
    ('2026-03-01 10:00:00', 0, '2026-03-01 10:00:00'),
    ('2026-02-28 23:59:59', 1, '2026-03-01 00:00:00'),
    ('2026-03-01 00:00:00', -1, '2026-02-28 23:59:59'),
    ('2026-03-28 12:00:00', 86400, '2026-03-29 12:00:00'),
    ('2026-03-01 00:00:00', 3155760000, '2126-03-02 00:00:00'),
    (null, 1, null),
    ('2026-03-01 00:00:00', null, null)
),

answers as (
    select
        start_at,
        seconds,
        cast(expected as timestamp) as expected,
        {{ add_seconds('cast(start_at as timestamp)', 'seconds') }} as got,
        {{ add_seconds('cast(start_at as timestamp)', 'seconds + 60 * 60 - 3600') }} as got_of_expression
    from golden
)

select *
from answers
where got is distinct from expected
    or got_of_expression is distinct from expected
