"""What the warehouse knows of each stream: where it stands, how much it holds, how late it is."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import psycopg


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream of one source, as of the last night that pulled it."""

    source: str
    stream: str
    status: str  # of its newest run: landed, incomplete, failed, out_of_credits, not_available
    cursor: str | None
    rows: int  # stored, all versions
    quarantined: int
    lag: timedelta | None  # since it last came through; None: never
    error: str | None
    cost: Decimal | None  # of its newest run, where the source charges
    holes: tuple[str, ...] = ()  # what nobody can pull any more, in words


def states(conn: psycopg.Connection) -> list[StreamState]:
    """All streams that were ever pulled or loaded, by source and stream."""
    rows = conn.execute(
        """
        with known as (
            select source, stream from ops.stream_runs
            union
            select source, stream from ops.batches
        ),

        newest as (
            select distinct on (source, stream)
                source, stream, stream_runs.status, stream_runs.error, stream_runs.cost
            from ops.stream_runs
            inner join ops.runs on stream_runs.run_id = runs.run_id
            where runs.kind = 'nightly'
            order by source, stream, run_no desc
        ),

        good as (
            select source, stream, max(stream_runs.finished_at) as at
            from ops.stream_runs
            inner join ops.runs on stream_runs.run_id = runs.run_id
            where stream_runs.status = 'landed' and runs.kind = 'nightly'
            group by source, stream
        ),

        loaded as (
            select source, stream, sum(loaded_count) as row_count
            from ops.batches
            group by source, stream
        ),

        refused as (
            select source, stream, count(*) as row_count
            from raw.quarantine
            where retried_batch_id is null
            group by source, stream
        )

        select
            source,
            stream,
            coalesce(newest.status, 'brought along'),
            watermarks.cursor,
            coalesce(loaded.row_count, 0)::bigint,
            coalesce(refused.row_count, 0)::bigint,
            now() - good.at,
            newest.error,
            newest.cost
        from known
        left join newest using (source, stream)
        left join good using (source, stream)
        left join loaded using (source, stream)
        left join refused using (source, stream)
        left join ops.watermarks using (source, stream)
        order by source, stream
        """
    ).fetchall()
    holes: dict[tuple[str, str], list[str]] = {}
    for source, stream, part, from_at, until_at, reason in conn.execute(
        "select source, stream, part, from_at, until_at, reason from ops.holes order by from_at"
    ).fetchall():
        told = f"a hole from {from_at} until {until_at} in {part}: {reason}"
        holes.setdefault((source, stream), []).append(told)
    return [StreamState(*row, holes=tuple(holes.get(row[:2], ()))) for row in rows]
