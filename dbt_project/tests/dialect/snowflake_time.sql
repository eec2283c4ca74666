-- Golden rows: ids of X and the second in which they were made.
with golden (given, expected) as (
    values
    -- from X's documentation: this post's created_at is 2019-12-31T19:26:16.000Z
    ('1212092628029698048', '2019-12-31 19:26:16'),
    -- made by hand: ((milliseconds since 1970 - 1288834974657) << 22), the first and the last id of a second
    ('2028047592453046272', '2026-03-01 10:00:00'),
    ('2028047596647350271', '2026-03-01 10:00:00'),
    ('2028047596647350272', '2026-03-01 10:00:01'),
    -- the low bits do not count, and a float would round them up
    ('2028047592453046273', '2026-03-01 10:00:00'),
    ('0', '2010-11-04 01:42:54'),
    (null, null)
),

answers as (
    select
        given,
        cast(expected as timestamp) as expected,
        {{ snowflake_time('given') }} as got
    from golden
)

select * from answers where got is distinct from expected
