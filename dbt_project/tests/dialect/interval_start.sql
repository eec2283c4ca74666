-- Golden rows: when the interval began in which an instant lies, in a zone.
with golden (at, minutes, timezone, expected) as (
    values
    ('2026-03-01 10:00:00', 30, 'Europe/London', '2026-03-01 10:00:00'),
    ('2026-03-01 10:29:59', 30, 'Europe/London', '2026-03-01 10:00:00'),
    ('2026-03-01 10:30:00', 30, 'Europe/London', '2026-03-01 10:30:00'),
    ('2026-03-01 10:44:59', 15, 'Europe/London', '2026-03-01 10:30:00'),
    ('2026-03-01 10:44:59', 5, 'UTC', '2026-03-01 10:40:00'),
    -- quarters of an hour from UTC: 15:45 in Kathmandu is 10:00
    ('2026-03-01 10:00:00', 30, 'Asia/Kathmandu', '2026-03-01 09:45:00'),
    ('2026-03-01 10:14:59', 30, 'Asia/Kathmandu', '2026-03-01 09:45:00'),
    ('2026-03-01 10:15:00', 30, 'Asia/Kathmandu', '2026-03-01 10:15:00'),
    -- the hour that comes twice has four half hours
    ('2026-10-25 00:31:00', 30, 'Europe/London', '2026-10-25 00:30:00'),
    ('2026-10-25 01:31:00', 30, 'Europe/London', '2026-10-25 01:30:00'),
    ('2026-10-25 00:59:59', 30, 'Europe/London', '2026-10-25 00:30:00'),
    ('2026-10-25 01:00:00', 30, 'Europe/London', '2026-10-25 01:00:00'),
    -- the hour that never comes has none
    ('2026-03-29 00:59:59', 30, 'Europe/London', '2026-03-29 00:30:00'),
    ('2026-03-29 01:00:01', 30, 'Europe/London', '2026-03-29 01:00:00'),
    -- clocks that change by half an hour: 02:00 is 01:30 again, at 15:00 UTC
    ('2026-04-04 14:59:59', 30, 'Australia/Lord_Howe', '2026-04-04 14:30:00'),
    ('2026-04-04 15:00:00', 30, 'Australia/Lord_Howe', '2026-04-04 15:00:00'),
    ('1969-12-31 23:59:59', 30, 'UTC', '1969-12-31 23:30:00'),
    (null, 30, 'UTC', null)
),

answers as (
    select
        at,
        minutes,
        timezone,
        cast(expected as timestamp) as expected,
        {{ interval_start('cast(at as timestamp)', 'minutes', 'timezone') }} as got
    from golden
)

select * from answers where got is distinct from expected
