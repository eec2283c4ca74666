-- Golden rows: an instant with a zone, however it is written, in UTC and whole seconds. (A text without one
-- raises; tests/warehouse/test_dbt.py.)
with golden (given, expected) as (
    values
    ('2026-03-01T10:00:00Z', '2026-03-01 10:00:00'),
    ('2026-03-01 10:00:00Z', '2026-03-01 10:00:00'),
    ('2026-03-01T10:00:00.000Z', '2026-03-01 10:00:00'),
    -- parts of a second are cut and never rounded, also before 1970
    ('2026-03-01T10:00:00.999Z', '2026-03-01 10:00:00'),
    ('2026-12-31T23:59:59.999999Z', '2026-12-31 23:59:59'),
    ('1969-12-31T23:59:59.500Z', '1969-12-31 23:59:59'),
    -- offsets with and without a colon, of half and quarter hours, across midnight and the year
    ('2026-03-01T10:00:00+00:00', '2026-03-01 10:00:00'),
    ('2026-03-01T10:00:00+0000', '2026-03-01 10:00:00'),
    ('2026-03-01T11:00:00+0100', '2026-03-01 10:00:00'),
    ('2026-03-01T15:30:00+05:30', '2026-03-01 10:00:00'),
    ('2026-03-01T15:45:00+0545', '2026-03-01 10:00:00'),
    ('2026-02-28T23:30:00-10:30', '2026-03-01 10:00:00'),
    ('2026-01-01T00:30:00+01:00', '2025-12-31 23:30:00'),
    -- local times that London's clocks skip or show twice are plain instants here
    ('2026-03-29T01:30:00Z', '2026-03-29 01:30:00'),
    ('2026-10-25T01:30:00+01:00', '2026-10-25 00:30:00'),
    ('2026-10-25T01:30:00+00:00', '2026-10-25 01:30:00'),
    ('2024-02-29T00:00:00Z', '2024-02-29 00:00:00'),
    (null, null)
),

answers as (
    select
        given,
        cast(expected as timestamp) as expected,
        {{ utc_timestamp('given') }} as got
    from golden
)

select * from answers where got is distinct from expected
