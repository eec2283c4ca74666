-- Golden rows: every day from the first to the last, both in, each once; none where the last comes first.
with golden (spine, day) as (
    values
    ('over a leap day', '2024-02-28'),
    ('over a leap day', '2024-02-29'),
    ('over a leap day', '2024-03-01'),
    ('over a change of clocks', '2026-03-28'),
    ('over a change of clocks', '2026-03-29'),
    ('over a change of clocks', '2026-03-30'),
    ('one day', '2026-03-01')
),

spines as (
    select 'over a leap day' as spine, day from (
        {{ day_spine("cast('2024-02-28' as date)", "cast('2024-03-01' as date)") }}
    ) as leap
    union all
    select 'over a change of clocks', day from (
        {{ day_spine("cast('2026-03-28 13:00:00' as timestamp)", "cast('2026-03-30 13:00:00' as timestamp)") }}
    ) as clocks
    union all
    select 'one day', day from ({{ day_spine("'2026-03-01'", "'2026-03-01'") }}) as one
    union all
    select 'none', day from ({{ day_spine("'2026-03-02'", "'2026-03-01'") }}) as none
)

select
    coalesce(golden.spine, spines.spine) as spine,
    golden.day as expected,
    spines.day as got
from golden
full outer join spines
    on golden.spine = spines.spine
    and cast(golden.day as date) = spines.day
where golden.day is null
    or spines.day is null

union all

select spine, 'once', day
from spines
group by spine, day
having count(*) > 1
