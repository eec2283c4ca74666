-- Golden rows: seconds since 1970, as a number or as the text that JSON gives.
with golden (given, expected) as (
    values
    ('0', '1970-01-01 00:00:00'),
    ('-1', '1969-12-31 23:59:59'),
    ('1772359200', '2026-03-01 10:00:00'),
    ('4102444800', '2100-01-01 00:00:00'),
    (null, null)
),

answers as (
    select
        given,
        cast(expected as timestamp) as expected,
        {{ utc_from_epoch('given') }} as got,
        {{ utc_from_epoch('cast(given as bigint)') }} as got_of_number
    from golden
)

select *
from answers
where got is distinct from expected
    or got_of_number is distinct from expected
