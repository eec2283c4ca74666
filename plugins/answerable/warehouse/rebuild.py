"""Making raw again from the landing zone alone, without asking a source.

All of it is one transaction: killed anywhere, raw is what it was. Which night read a batch first
is kept, so replays read what their nights had read.
"""

import time
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql

from answerable.landing.zone import Zone
from answerable.progress import stage
from answerable.settings import Settings
from answerable.warehouse.db import WRITER_LOCK, connect
from answerable.warehouse.load import Counts, analyze, load_objects
from answerable.warehouse.setup import RAW_STREAMS, raw_table

SHOWN = 3
LOCK_TIMEOUT = "60s"  # for readers of raw; whoever writes is waited for


class RebuildError(RuntimeError):
    """Raw would hold less than it does, or somebody reads it; nothing was changed."""


def rebuild_raw(settings: Settings | None = None) -> dict[str, Any]:
    """Empty raw and its ledger and load each landed object again, in the order of landing.

    Waits for whoever writes the warehouse. Raises RebuildError when an object that is loaded is
    not in the landing zone any more or a transaction that has read raw does not end, LandingError
    when an object was changed.
    """
    settings = settings or Settings.from_environment()
    zone = Zone.at(settings.landing)
    started = time.monotonic()
    total = Counts()
    with connect(settings) as conn:
        conn.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
        names = zone.names()
        read_by = dict(
            conn.execute(
                "select object, first_read_run_no from ops.batches where not object like 'retry/%'"
            ).fetchall()
        )
        _refuse_to_lose(set(read_by) - set(names), len(read_by))
        # retried records are judged where they lie; the first that may read them is the next run
        retried = conn.execute(
            "select count(*) from ops.batches where object like 'retry/%'"
        ).fetchone()
        _empty(conn)
        for (source, stream), its in groupby(names, key=lambda name: tuple(name.split("/")[:2])):
            with stage(f"rebuild {source}.{stream}") as progress:
                counts = Counts()
                for _, more in load_objects(conn, zone, its, commits=False):
                    counts.add(more)
                    progress.count(rows=counts.records, loaded=counts.loaded)
                total.add(counts)
        with conn.cursor() as cursor:
            cursor.executemany(
                "update ops.batches set first_read_run_no = %s where object = %s",
                [(number, name) for name, number in read_by.items() if number is not None],
            )
        conn.execute(
            "insert into ops.raw_rebuilds (object_count, record_count, loaded_count,"
            " superseded_count, quarantined_count) values (%s, %s, %s, %s, %s)",
            [total.objects, total.records, total.loaded, total.superseded, total.quarantined],
        )
        conn.commit()
        analyze(conn, (raw_table(kind, name) for kind, its in RAW_STREAMS.items() for name in its))
    return {
        **total.as_dict(),
        "retries_folded_in": retried[0] if retried else 0,
        "seconds": round(time.monotonic() - started, 3),
    }


def _refuse_to_lose(gone: set[str], known: int) -> None:
    if not gone:
        return
    shown = ", ".join(sorted(gone)[:SHOWN])
    raise RebuildError(
        f"raw cannot be made again from the landing zone: {len(gone)} of the {known} objects that "
        f"are loaded are not there any more ({shown}{', ...' if len(gone) > SHOWN else ''}). "
        "Restore them with their manifests; nothing was changed"
    )


def _empty(conn: psycopg.Connection) -> None:
    tables = [
        sql.Identifier("raw", raw_table(kind, stream))
        for kind, streams in RAW_STREAMS.items()
        for stream in streams
    ]
    tables += [
        sql.Identifier("raw", "quarantine"),
        sql.Identifier("ops", "holes"),
        sql.Identifier("ops", "batches"),
    ]
    conn.execute(sql.SQL("set local lock_timeout = {}").format(LOCK_TIMEOUT))
    try:
        # ids go on, none is given twice
        conn.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(tables)))
    except psycopg.errors.LockNotAvailable as error:
        raise RebuildError(
            f"raw was not emptied: a transaction has read it and did not end within {LOCK_TIMEOUT};"
            " end it (pg_stat_activity shows it) and call again; nothing was changed"
        ) from error
    conn.execute("delete from ops.watermarks")
