-- Golden rows: seconds that passed, not boundaries that were crossed.
with golden (start_at, end_at, expected) as (
    values
    ('2026-03-01 10:00:00', '2026-03-01 10:00:00', 0),
    ('2026-03-01 10:59:59', '2026-03-01 11:00:01', 2),
    ('2026-02-28 23:59:59', '2026-03-01 00:00:00', 1),
    ('2024-02-28 00:00:00', '2024-03-01 00:00:00', 172800),
    -- the days on which London's clocks change have 24 hours in UTC, as all have
    ('2026-03-29 00:00:00', '2026-03-30 00:00:00', 86400),
    ('2026-10-25 00:00:00', '2026-10-26 00:00:00', 86400),
    ('2026-03-01 10:00:01', '2026-03-01 10:00:00', -1),
    ('1900-01-01 00:00:00', '9999-12-31 00:00:00', 255611203200),
    (null, '2026-03-01 10:00:00', null),
    ('2026-03-01 10:00:00', null, null)
),

answers as (
    select
        start_at,
        end_at,
        expected,
        {{ seconds_between('cast(start_at as timestamp)', 'cast(end_at as timestamp)') }} as got
    from golden
)

select * from answers where got is distinct from expected
