-- Wilson's interval, and the geometric mean with its own, against values worked out elsewhere.
with shares as (
    select 8 as good, 10 as of, 0.4902 as low, 0.9433 as high
    union all
    select 0, 20, 0.0, 0.1611
    union all
    select 40, 40, 0.9124, 1.0
    union all
    select 0, 0, null, null
),

-- 1, 10 and 100 seconds after the first: logarithms of 1, 10, 100, whose mean is that of 10
lengths as (
    select
        3 as n,
        {{ log_of_seconds('0') }} + {{ log_of_seconds('9') }} + {{ log_of_seconds('99') }} as logs,
        {{ log_of_seconds('9') }} * {{ log_of_seconds('9') }} + {{ log_of_seconds('99') }} * {{ log_of_seconds('99') }} as squares
),

typical as (
    select
        {{ typical_seconds('n', 'logs', 'squares') }} as middle,
        {{ typical_seconds('n', 'logs', 'squares', 'low') }} as low,
        {{ typical_seconds('n', 'logs', 'squares', 'high') }} as high
    from lengths
)

select cast(good as {{ dbt.type_string() }}) || ' of ' || cast(of as {{ dbt.type_string() }}) as what
from shares
where abs(coalesce({{ wilson('good', 'of', 'low') }}, -1) - coalesce(low, -1)) > 0.0001
    or abs(coalesce({{ wilson('good', 'of', 'high') }}, -1) - coalesce(high, -1)) > 0.0001

union all

select 'typical'
from typical
where abs(middle - 9) > 0.0001
    or abs(low - (10 / exp(1.96 * 2.302585 / sqrt(3)) - 1)) > 0.0001
    or abs(high - (10 * exp(1.96 * 2.302585 / sqrt(3)) - 1)) > 0.001
