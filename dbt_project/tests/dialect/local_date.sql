-- Golden rows: which day it is, at an instant, in a zone.
with golden (at, timezone, expected) as (
    values
    ('2026-05-31 22:59:59', 'Europe/London', '2026-05-31'),
    ('2026-05-31 23:00:00', 'Europe/London', '2026-06-01'),
    ('2026-01-31 23:59:59', 'Europe/London', '2026-01-31'),
    ('2026-03-29 22:59:59', 'Europe/London', '2026-03-29'),
    ('2026-03-29 23:00:00', 'Europe/London', '2026-03-30'),
    ('2026-10-24 23:00:00', 'Europe/London', '2026-10-25'),
    ('2026-10-25 23:59:59', 'Europe/London', '2026-10-25'),
    ('2026-03-01 18:29:59', 'Asia/Kolkata', '2026-03-01'),
    ('2026-03-01 18:30:00', 'Asia/Kolkata', '2026-03-02'),
    ('2026-02-28 10:00:00', 'Pacific/Kiritimati', '2026-03-01'),
    ('2026-03-01 07:59:59', 'America/Los_Angeles', '2026-02-28'),
    ('2026-03-01 00:00:00', 'UTC', '2026-03-01'),
    (null, 'UTC', null)
),

answers as (
    select
        at,
        timezone,
        cast(expected as date) as expected,
        {{ local_date('cast(at as timestamp)', 'timezone') }} as got
    from golden
)

select * from answers where got is distinct from expected
