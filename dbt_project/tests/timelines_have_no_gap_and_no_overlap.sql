-- Rows are numbered without a hole, each begins where the one before ends, and only the last has no end.
with timeline as (
    select
        *,
        row_number() over (partition by case_key order by row_no) as position,
        lead(from_at) over (partition by case_key order by row_no) as next_from_at
    from {{ ref('fct_case_timeline') }}
)

select case_key, row_no, from_at, to_at, next_from_at
from timeline
where row_no <> position
    or to_at is distinct from next_from_at
    or to_at < from_at
