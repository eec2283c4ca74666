"""What came with a night, beside what came with the nights before: fields, amounts, instants.

Of each stream's records a sample is profiled: which fields they have, at the top and one level
down, of which JSON types. Not seen are what lists hold, deeper levels, and fields so rare that the
sample has none. Names that look like data (an id, an address) are kept as one, `(other)`.
"""

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql

from answerable.quality import learning, thresholds
from answerable.quality.learning import Subject
from answerable.quality.night import Night
from answerable.quality.thresholds import Past, Threshold
from answerable.warehouse.setup import raw_table

SAMPLE = 2_000  # records of a stream in a night
TABLE = "stream_runs"

_PROFILE = """
insert into ops.stream_profiles
    (run_no, source, stream, field, json_type, record_count, sampled_count)
with sampled as materialized (
    select payload from {table}
    where source = %(source)s and batch_id = any(%(batches)s) and position %% %(step)s = 0
        and jsonb_typeof(payload) = 'object'
),
fields as (
    select outside.key as name, null as inner_name, jsonb_typeof(outside.value) as json_type
    from sampled, jsonb_each(payload) as outside
    union all
    select outside.key, inside.key, jsonb_typeof(inside.value)
    from sampled, jsonb_each(payload) as outside,
        jsonb_each(
            case when jsonb_typeof(outside.value) = 'object' then outside.value else '{{}}' end
        ) as inside
),
named as (
    select
        case when name ~ %(name)s then name else '(other)' end
        || case
            when inner_name is null then ''
            when inner_name ~ %(name)s then '.' || inner_name
            else '.(other)'
        end as field,
        json_type
    from fields
)
select %(run_no)s, %(source)s, %(stream)s, field, json_type, count(*),
    (select count(*) from sampled)
from named
group by field, json_type
"""
_NAME = r"^[A-Za-z_][A-Za-z0-9_ -]{0,60}$"


def profile(conn: psycopg.Connection, run_no: int) -> None:
    """Keep which fields the records have that this night read first. Commits."""
    streams = conn.execute(
        "select source, source_kind, stream, array_agg(batch_id), sum(loaded_count)::bigint"
        " from ops.batches where first_read_run_no = %s and loaded_count > 0"
        " group by 1, 2, 3 order by 1, 3",
        [run_no],
    ).fetchall()
    with conn.transaction():
        conn.execute("delete from ops.stream_profiles where run_no = %s", [run_no])
        for source, kind, stream, batches, count in streams:
            conn.execute(
                sql.SQL(_PROFILE).format(table=sql.Identifier("raw", raw_table(kind, stream))),
                {
                    "source": source,
                    "stream": stream,
                    "batches": batches,
                    "step": -(-count // SAMPLE),
                    "name": _NAME,
                    "run_no": run_no,
                },
            )


def learn(conn: psycopg.Connection, night: Night, past: Past) -> list[Threshold]:
    """Bounds of how many records each stream brings, and of how old its newest one is."""
    days, previous = _nights(conn, night)
    found = [*_amounts(conn, night, past, days, previous), *_ages(conn, night, past, days)]
    return learning.held(found, past)


def _nights(conn: psycopg.Connection, night: Night) -> tuple[dict[int, date], dict[int, int]]:
    """The newest day of this night and of those published before it, by run; and how many days
    each covers. The first covers a history, which is like no night."""
    rows = conn.execute(
        "select run_no, as_of from ops.runs where kind = 'nightly' and run_no <= %s"
        " and (status = 'published' or run_no = %s) order by as_of, run_no",
        [night.run_no, night.run_no],
    ).fetchall()
    days: dict[int, date] = {}
    covered: dict[int, int] = {}
    last = None
    for run_no, as_of in rows:
        # the nearest day: 00:00 of the company is near some 00:00 of UTC by half a day
        days[run_no] = night.newest_day - timedelta(days=round((night.as_of - as_of) / _DAY))
        covered[run_no] = 0 if last is None else (days[run_no] - last).days
        last = days[run_no]
    return days, covered


_DAY = timedelta(days=1)


def _amounts(
    conn: psycopg.Connection,
    night: Night,
    past: Past,
    days: dict[int, date],
    covered: dict[int, int],
) -> list[Threshold]:
    histories: dict[tuple[str, str], dict[date, float]] = defaultdict(dict)
    tonight: dict[tuple[str, str], int] = {}
    for run_no, source, stream, count in conn.execute(
        "select run_no, source, stream, record_count from ops.stream_runs"
        " join ops.runs using (run_id) where stream_runs.status = 'landed' and run_no = any(%s)",
        [list(days)],
    ):
        if run_no == night.run_no:
            tonight[source, stream] = count
        elif covered[run_no] == 1:
            histories[source, stream][days[run_no]] = count
    found = []
    for (source, stream), count in sorted(tonight.items()):
        key = TABLE, learning.LOST, f"records of {source}.{stream}"
        left_out = past.red_days.get(key, ())
        history = _known(histories[source, stream], night, left_out)
        names = {"table": TABLE, "subject": key[2], "day": night.newest_day, "found": float(count)}
        lost, unlike = learning.amounts(history, **names)
        if covered[night.run_no] != 1:
            many = covered[night.run_no]
            why = f"this night covers {f'{many} days' if many else 'all that there was'}"
            lost, unlike = (thresholds.not_judged(one, why) for one in (lost, unlike))
        found += [learning.if_sure(lost, Subject("source", source), night, past, 0.0), unlike]
    return found


def _known(
    values: thresholds.History, night: Night, left_out: Collection[date] = ()
) -> dict[date, float]:
    """The nights of history that are learnt from; a night that was not is none, and no zero."""
    oldest = night.newest_day - timedelta(days=thresholds.HISTORY_DAYS)
    return {
        day: value
        for day, value in values.items()
        if oldest <= day < night.newest_day and day not in left_out
    }


def _ages(
    conn: psycopg.Connection, night: Night, past: Past, days: dict[int, date]
) -> list[Threshold]:
    """From the newest record of a stream to as_of. Streams that tell no instant are left out:
    whole lists, and exports, which are judged once they are read."""
    newest: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for run_no, source, kind, stream, version, cursor in conn.execute(
        "select first_read_run_no, source, source_kind, stream, newest_version, cursor_to"
        " from ops.batches where first_read_run_no is not null order by 1"
    ):
        instant = instant_of(kind, version, cursor)
        if instant is not None:
            by_run = newest[source, stream]
            by_run[run_no] = max(instant, by_run.get(run_no, instant))
    as_of = dict(
        conn.execute("select run_no, as_of from ops.runs where run_no = any(%s)", [list(days)])
    )
    found = []
    for (source, stream), by_run in sorted(newest.items()):
        ages: dict[date, float] = {}
        for run_no in sorted(days):
            known = [instant for read, instant in by_run.items() if read <= run_no]
            if known:
                end = as_of[run_no].replace(tzinfo=UTC).timestamp()
                ages[days[run_no]] = max(0.0, end - max(known))
        value = ages.pop(night.newest_day, None)
        if value is None:
            continue
        history = _known(ages, night)
        long, unusual = learning.silences_of(
            history,
            table=TABLE,
            subject=f"age in seconds of {source}.{stream}",
            day=night.newest_day,
            found=value,
        )
        found += [learning.if_sure(long, Subject("source", source), night, past, 0.0), unusual]
    return found


_FIRST_SECOND = datetime(2001, 9, 9, tzinfo=UTC).timestamp()  # before it a version is no instant
_LAST_SECOND = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_SNOWFLAKE_EPOCH = 1288834974.657  # X's ids count milliseconds since then


def instant_of(kind: str, version: object, cursor: str | None) -> float | None:
    """The instant of a batch's newest record, where its version or its cursor tells one.

    >>> instant_of("zendesk", 1772925723, None), instant_of("zendesk", 3, None)
    (1772925723.0, None)
    >>> round(instant_of("x", 1, '{"1": "2030070102908477443", "2": "12"}'))
    1772841404
    """
    if kind == "x":
        try:
            ids = json.loads(cursor or "{}").values()
        except (ValueError, AttributeError):
            return None
        seen = [int(one) for one in ids if isinstance(one, str) and one.isdigit()]
        known = [(one >> 22) / 1000 + _SNOWFLAKE_EPOCH for one in seen if one >> 22]
        return max(known, default=None)
    if version is None or not _FIRST_SECOND < float(version) < _LAST_SECOND:
        return None
    return float(version)
