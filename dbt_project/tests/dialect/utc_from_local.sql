-- Golden rows: what a clock on the wall of a zone shows. Where clocks skip it, the offset before the change
-- holds; where they show it twice, it is the second.
with golden (local_at, timezone, expected) as (
    values
    ('2026-01-15 09:00:00', 'Europe/London', '2026-01-15 09:00:00'),
    ('2026-06-15 09:00:00', 'Europe/London', '2026-06-15 08:00:00'),
    -- forward at 01:00
    ('2026-03-29 00:59:59', 'Europe/London', '2026-03-29 00:59:59'),
    ('2026-03-29 01:00:00', 'Europe/London', '2026-03-29 01:00:00'),
    ('2026-03-29 01:30:00', 'Europe/London', '2026-03-29 01:30:00'),
    ('2026-03-29 02:00:00', 'Europe/London', '2026-03-29 01:00:00'),
    -- back at 02:00
    ('2026-10-25 00:59:59', 'Europe/London', '2026-10-24 23:59:59'),
    ('2026-10-25 01:00:00', 'Europe/London', '2026-10-25 01:00:00'),
    ('2026-10-25 01:30:00', 'Europe/London', '2026-10-25 01:30:00'),
    ('2026-10-25 02:00:00', 'Europe/London', '2026-10-25 02:00:00'),
    -- the zone database calls Dublin's winter its daylight saving: it is the second all the same
    ('2026-10-25 01:30:00', 'Europe/Dublin', '2026-10-25 01:30:00'),
    ('2026-03-08 02:30:00', 'America/New_York', '2026-03-08 07:30:00'),
    ('2026-11-01 01:30:00', 'America/New_York', '2026-11-01 06:30:00'),
    -- a day that begins in the gap begins when the gap does
    ('2026-04-24 00:00:00', 'Africa/Cairo', '2026-04-23 22:00:00'),
    -- zones of half and quarter hours; Lord Howe's clocks move by half an hour
    ('2026-03-01 15:30:00', 'Asia/Kolkata', '2026-03-01 10:00:00'),
    ('2026-03-01 15:45:00', 'Asia/Kathmandu', '2026-03-01 10:00:00'),
    ('2026-10-04 02:15:00', 'Australia/Lord_Howe', '2026-10-03 15:45:00'),
    ('2026-04-05 01:45:00', 'Australia/Lord_Howe', '2026-04-04 15:15:00'),
    ('2026-03-01 10:00:00', 'UTC', '2026-03-01 10:00:00'),
    ('1900-01-01 00:00:00', 'UTC', '1900-01-01 00:00:00'),
    ('9999-12-31 00:00:00', 'Europe/London', '9999-12-31 00:00:00'),
    (null, 'UTC', null)
),

answers as (
    select
        local_at,
        timezone,
        cast(expected as timestamp) as expected,
        {{ utc_from_local('cast(local_at as timestamp)', 'timezone') }} as got
    from golden
)

select * from answers where got is distinct from expected
