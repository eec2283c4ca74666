"""What could not be loaded: shown by reason, and tried again once its cause is gone.

A retry judges the untouched bytes with today's rules. What fits now becomes a batch of its own,
which the next night is the first to read, so nights of before stay what they were; its row in
quarantine stays and names that batch.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from answerable.landing.zone import Manifest, Zone
from answerable.settings import Settings
from answerable.sources import stream as stream_of
from answerable.sources.body import parsed
from answerable.sources.stream import Poison
from answerable.warehouse.db import WRITER_LOCK, connect
from answerable.warehouse.load import Incoming, Judged, incoming, judge, load_records

SHOWN = 3
_number = re.compile(r"\d{1,25}")  # a key that is nobody's name, address or number to call


@dataclass(slots=True)
class Refused:
    """Records of one stream that were refused for one reason."""

    source: str
    stream: str
    reason: str
    count: int = 0
    since: datetime | None = None
    examples: list[str] = field(default_factory=list)


def refused(conn: psycopg.Connection) -> list[Refused]:
    """What is in quarantine now, the most first. Says where a record is, never what it says."""
    found: dict[tuple[str, str, str], Refused] = {}
    query = """
        select
            source, stream, reason, count(*), min(quarantined_at),
            (array_agg(quarantine_id order by quarantine_id desc))[:%s]
        from raw.quarantine
        where retried_batch_id is null
        group by 1, 2, 3
        order by 4 desc, 1, 2, 3
    """
    for source, stream, reason, count, since, ids in conn.execute(query, [SHOWN]).fetchall():
        examples = conn.execute(
            "select source_kind, q.stream, object, position, file, line, column_name, untouched"
            " from raw.quarantine as q join ops.batches using (batch_id)"
            " where quarantine_id = any(%s) order by quarantine_id desc",
            [ids],
        ).fetchall()
        found[source, stream, reason] = Refused(
            source, stream, reason, count, since, [_place(*row) for row in examples]
        )
    return list(found.values())


def _place(
    kind: str,
    stream: str,
    object: str,
    position: int,
    file: str | None,
    line: int | None,
    column: str | None,
    untouched: bytes,
) -> str:
    if file is not None:
        return f"{file} line {line}" + (f" column {column}" if column else "")
    try:
        key = stream_of(kind, stream).key_of(parsed(bytes(untouched).decode("utf-8")) or {})
        if _number.fullmatch(key):
            return f"key {key}"
    except (Poison, UnicodeDecodeError):
        pass
    return f"{object} record {position}"


def retry(settings: Settings | None = None) -> dict[str, Any]:
    """Judge all that is in quarantine again; load what fits now. Waits for other writers."""
    settings = settings or Settings.from_environment()
    zone = Zone.at(settings.landing)
    tried = accepted = 0
    with connect(settings) as conn:
        conn.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
        batches = conn.execute(
            "select batch_id, object from ops.batches where exists (select from raw.quarantine"
            " where quarantine.batch_id = batches.batch_id and retried_batch_id is null)"
            " order by batch_id"
        ).fetchall()
        conn.commit()
        for batch_id, name in batches:
            with conn.transaction():
                more, fit = _retry_batch(conn, zone, batch_id, name)
            tried += more
            accepted += fit
    return {"tried": tried, "loaded": accepted, "still_refused": tried - accepted}


def _retry_batch(conn: psycopg.Connection, zone: Zone, batch_id: int, name: str) -> tuple[int, int]:
    waiting = {
        position: (quarantine_id, bytes(untouched))
        for quarantine_id, position, untouched in conn.execute(
            "select quarantine_id, position, untouched from raw.quarantine"
            " where batch_id = %s and retried_batch_id is null order by position",
            [batch_id],
        )
    }
    source, kind, stream = conn.execute(
        "select source, source_kind, stream from ops.batches where batch_id = %s", [batch_id]
    ).fetchone() or ("", "", "")
    odd: Counter[str] = Counter()
    fit = [each for each in _judged(zone, kind, stream, name, waiting, odd) if each.reason is None]
    if not fit:
        return len(waiting), 0
    number = conn.execute(
        "select count(*) from ops.batches where object like 'retry/%%/' || %s", [name]
    ).fetchone()
    manifest = Manifest(
        object=f"retry/{(number[0] if number else 0) + 1}/{name}",
        format="ndjson.gz",
        source=source,
        source_kind=kind,
        stream=stream,
        run_id="",
        walk=0,  # no walk brought it
        record_count=len(fit),
        sha256="",
        landed_at="",
    )
    counts = load_records(conn, manifest, Judged(lambda _: iter(fit)))
    conn.execute(
        "update raw.quarantine set retried_batch_id ="
        " (select batch_id from ops.batches where object = %s) where quarantine_id = any(%s)",
        [manifest.object, [waiting[each.position][0] for each in fit]],
    )
    return len(waiting), counts.records - counts.quarantined


def _judged(
    zone: Zone,
    kind: str,
    stream: str,
    name: str,
    waiting: dict[int, tuple[int, bytes]],
    odd: Counter[str],
) -> Iterator[Incoming]:
    if kind != "file":
        described = stream_of(kind, stream)
        for position, (_, untouched) in waiting.items():
            yield judge(described, position, untouched, odd)
        return
    # a row of an export means something under its header only: read where it was landed
    original = re.sub(r"^(retry/\d+/)+", "", name)
    for each in incoming(zone, zone.manifest(original), odd):
        if each.position in waiting:
            yield each
