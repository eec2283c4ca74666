"""Landing: what the sources hold, written to the landing zone as it comes."""

import hashlib
import re
from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from upath import UPath

from answerable import files
from answerable.landing.batch import Batch
from answerable.landing.posts import Posts
from answerable.landing.purged import purged
from answerable.landing.reads import Ledger
from answerable.landing.zone import Manifest, Zone
from answerable.progress import stage
from answerable.settings import Settings
from answerable.sources import PRICES, Account, Connection, Stream, account_of
from answerable.sources import stream as stream_of
from answerable.sources.body import Body, NotJson, parsed
from answerable.sources.budget import Budget, Spent
from answerable.sources.errors import (
    BudgetSpent,
    NotAvailable,
    OutOfCredits,
    Shrunk,
    SourceError,
    SpecError,
)
from answerable.sources.http import Client, Limits
from answerable.sources.page import Window
from answerable.sources.paging import Start, walk
from answerable.warehouse.db import connect, writer
from answerable.warehouse.roles import LOADER
from answerable.warehouse.tokens import credentials_of

SHRUNK_BY = 10  # records; a list that loses fewer is not held to be cut short, however short it is

# what becomes of a stream that ends otherwise than it should; anything else is `failed`
STATES = {NotAvailable: "not_available", BudgetSpent: "incomplete", OutOfCredits: "out_of_credits"}
WALK = re.compile(r"w(\d+)-")

__all__ = ["Manifest", "Zone", "land", "land_file", "land_files"]


def land(
    run_id: str,
    source: str,
    stream: str,
    connection: Connection | Mapping[str, Any],
    *,
    settings: Settings | None = None,
    client: Client | None = None,
    account: Account | None = None,
    window: Window | None = None,
) -> dict[str, Any]:
    """Walk one stream from where it was left and land its pages. Gives a receipt.

    A source that cannot be read is recorded as failed (or not available) and does not raise: the
    night goes on without it and says so. A stream that this run has landed is left alone.

    With a `window` that is walked in place, beside whatever night is under way: what lies landed
    then moves no watermark.
    """
    settings = settings or Settings.from_environment()
    if not isinstance(connection, Connection):
        connection = Connection.from_dict(connection)
    described = stream_of(connection.kind, stream)
    zone = Zone.at(settings.landing)
    with (
        stage(f"{'backfill' if window else 'land'} {source}.{stream}") as progress,
        # nights take turns with whoever writes; a window waits for nobody, and nobody for it
        connect(settings, role=LOADER)
        if window
        else writer(settings, run_id, shared=True, role=LOADER) as conn,
    ):
        _alone(conn, source, stream, "backfill" if window else "land")
        if done := _landed_before(conn, run_id, source, stream):
            progress.count(rows=done["records"], state="landed before")
            return done
        folder = f"{source}/{stream}/{_night(conn, run_id)}"
        cursor = None if window else _reached(conn, zone, source, stream)
        asked = client or Client(
            connection,
            Limits.of(connection),
            may_be_withheld=described.may_be_withheld,
            account=account or account_of(connection, credentials_of(connection, settings)),
            counts_against=described.limits,
        )
        posts, gone = Posts(conn, zone, source), purged(conn, source)
        batches: dict[str, Batch] = {}
        ledger: Ledger | None = None
        get = asked.get
        if prices := PRICES.get(connection.kind):
            budget = Budget.of(connection, prices)
            ledger = Ledger(conn, source, stream, run_id, budget, asked.get)
            get = ledger.get
        answered: list[float | None] = [None]

        def noting_when(path: str, params: Mapping[str, str]) -> Body:
            body = get(path, params)
            answered[0] = body.at
            return body

        def observed() -> str | None:
            at = answered[0]
            return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"

        def batch(name: str) -> Batch:
            if name not in batches:
                night = folder.replace(f"{source}/{stream}/", f"{source}/{name}/")
                # what a walk brings along lies beside it, told apart by the walk's own stream
                night = night if name == stream else f"{night}-{stream}"
                zone.clear_parts(night)
                batches[name] = Batch(
                    zone=zone,
                    folder=night,
                    source=source,
                    source_kind=connection.kind,
                    stream=name,
                    run_id=run_id,
                    walk=_next_walk(zone, night),
                    cursor=cursor if name == stream else None,
                    now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
                    observed=observed,
                )
            return batches[name]

        def close(*, is_last: bool) -> None:
            # first what was brought along: a watermark that moved vouches for it, too
            for name, each in batches.items():
                if name != stream:
                    each.close(is_last=is_last)
            batch(stream).close(is_last=is_last)

        start = Start(
            cursor=cursor,
            window=window,
            extra=connection.extra,
            known=posts.known,
            recent=lambda days: posts.since(_as_of(conn, run_id) - timedelta(days=days)),
            **({"room": ledger.room} if ledger else {}),
        )
        status, error, pages = "landed", None, 0
        unseen: list[str] = []
        try:
            for page in walk(described, start, noting_when):
                if ledger and page.stream == stream:
                    ledger.end_turn()
                if window:
                    unseen += [f"{each.from_at} to {each.until_at}: {each.reason}"
                               for each in page.holes]  # fmt: skip
                    page = replace(page, cursor_to=None, holes=())
                records = [gone.clean(each) for each in page.records] if gone.ids else page.records
                batch(page.stream).add(records, page.cursor_to, page.holes)
                pages += 1
                rows = sum(b.records + b.open_records for b in batches.values())
                progress.count(pages=pages, rows=rows)
                if page.is_last and described.is_whole_list:
                    _refuse_a_shrunk_list(zone, source, stream, rows, settings.accept_shrink)
                if page.is_last and described.paging == "snapshot":
                    _refuse_a_shrunk_snapshot(
                        zone, source, described, page.records[-1], settings.accept_shrink
                    )
                if page.is_last or batch(page.stream).is_full:
                    close(is_last=page.is_last)
        except (SourceError, NotJson) as problem:
            if not isinstance(problem, Shrunk):
                close(is_last=False)  # what came before the failure is whole and is kept
            status = STATES.get(type(problem), "failed")
            error = str(problem)
        else:
            if unseen:
                status, error = "incomplete", f"not shown any more: {'; '.join(unseen)}"
        finally:
            if ledger:
                ledger.end_turn()
            for each in batches.values():
                each.drop()
            if client is None:
                asked.close()
        records = sum(b.records for b in batches.values())
        objects = [name for b in batches.values() for name in b.objects]
        spent = ledger.mine if ledger else None
        _record(conn, run_id, source, connection.kind, stream, status, pages, records, error, spent)
        if ledger:
            ledger.forget_old()
        brought = {name: b.records for name, b in batches.items() if name != stream}
        progress.count(pages=pages, rows=records, state=status)
        return {
            "source": source,
            "kind": connection.kind,
            "stream": stream,
            "status": status,
            "pages": pages,
            "records": records,
            "brought_along": brought,
            "objects": objects,
            "requests": asked.requests_sent,
            "error": error,
            **({"reads": spent.reads, "cost": str(spent.money)} if spent else {}),
        }


def land_file(
    run_id: str,
    mapping: str | Path | files.Description,
    export: str | Path,
    *,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Copy a described export into the landing zone, with its description. Gives a receipt.

    The same content under the same description is landed once, whatever the file's name. A
    description or a file that cannot be used raises: it is the user's, and can be put right.
    """
    settings = settings or Settings.from_environment()
    described = mapping if isinstance(mapping, files.Description) else files.describe(mapping)
    export = UPath(export)
    source, stream = described.source, described.kind
    zone = Zone.at(settings.landing)
    with (
        stage(f"land {source}.{stream}") as progress,
        writer(settings, run_id, shared=True, role=LOADER) as conn,
    ):
        _alone(conn, source, stream, "land")
        content = _hash_of(export)
        name = _landed_name(export, content, described)
        landed = [each for each in zone.names(source, stream) if each.endswith(name)]
        is_new = not landed
        if is_new:
            folder = f"{source}/{stream}/{_night(conn, run_id)}"
            # numbered: of two exports in one night the later one's records are the newer ones
            before = sum(each.startswith(f"{folder}/") for each in zone.names(source, stream))
            where = f"{folder}/file-{before + 1:05d}{name}"
            count = files.count(described, export)
        else:
            where = landed[0]
            count = zone.manifest(where).record_count
        if is_new:
            with export.open("rb") as handle:
                copied = zone.copy_in(where, handle)
            if copied != content:
                zone.path(where).unlink()
                raise SpecError(
                    f"{export.name}: changed while it was read; land it when it is whole"
                )
            zone.publish(
                Manifest(
                    object=where,
                    format="csv",
                    source=source,
                    source_kind="file",
                    stream=stream,
                    run_id=run_id,
                    walk=1,
                    record_count=count,
                    sha256=copied,
                    landed_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    is_last=True,
                    file=export.name,
                    description=described.as_mapping(),
                    description_sha256=described.sha256,
                )
            )
        new = count if is_new else 0
        _record(conn, run_id, source, "file", stream, "landed", int(is_new), new, None)
        progress.count(rows=count, state="landed" if is_new else "landed before")
        return {
            "source": source,
            "kind": "file",
            "stream": stream,
            "status": "landed",
            "pages": 1,
            "records": count,
            "objects": [where],
            "is_new": is_new,
            "error": None,
        }


# --- what the warehouse and the zone know ------------------------------------------------------


def _alone(conn: psycopg.Connection, source: str, stream: str, what: str) -> None:
    """Wait until no other process lands this stream (a task given up may still be alive)."""
    conn.execute(
        "select pg_advisory_lock(hashtextextended(%s, 0))", [f"answerable {what} {source}.{stream}"]
    )
    conn.commit()


def _landed_before(
    conn: psycopg.Connection, run_id: str, source: str, stream: str
) -> dict[str, Any] | None:
    row = conn.execute(
        "select source_kind, status, page_count, record_count, error from ops.stream_runs"
        " where run_id = %s and source = %s and stream = %s"
        " and status not in ('failed', 'out_of_credits')",
        [run_id, source, stream],
    ).fetchone()
    conn.commit()
    if row is None:
        return None
    kind, status, pages, records, error = row
    return {
        "source": source,
        "kind": kind,
        "stream": stream,
        "status": status,
        "pages": pages,
        "records": records,
        "brought_along": {},
        "objects": [],
        "requests": 0,
        "error": error,
    }


def _night(conn: psycopg.Connection, run_id: str) -> str:
    row = conn.execute("select run_no from ops.runs where run_id = %s", [run_id]).fetchone()
    conn.commit()
    assert row is not None  # `writer` has seen it
    return f"{_as_of(conn, run_id):%Y%m%dT%H%M}-{row[0]:06d}"


def _next_walk(zone: Zone, folder: str) -> int:
    """One more than any walk that left something in the folder, finished or not."""
    path = zone.path(folder)
    if not path.exists():
        return 1
    walks = [int(m.group(1)) for each in path.iterdir() if (m := WALK.match(each.name))]
    return max(walks, default=0) + 1


def _reached(conn: psycopg.Connection, zone: Zone, source: str, stream: str) -> str | None:
    """Where the walk goes on: the newest cursor among what is landed and not loaded yet, else the
    watermark. What is landed is as safe as what is loaded, so nothing is asked for twice."""
    loaded = _loaded(conn, source)
    waiting = [name for name in zone.names(source, stream) if name not in loaded]
    for name in reversed(waiting):
        if (cursor := zone.manifest(name).cursor_to) is not None:
            return cursor
    row = conn.execute(
        "select cursor from ops.watermarks where source = %s and stream = %s", [source, stream]
    ).fetchone()
    conn.commit()
    return row[0] if row else None


def _refuse_a_shrunk_list(
    zone: Zone, source: str, stream: str, count: int, accepted: Container[str]
) -> None:
    """A list that lost more than half of its records is rather cut short than true."""
    name = f"{source}.{stream}"
    last = _last_whole_walk(zone, source, stream)
    if last is None or name in accepted:
        return
    before, night = last
    if count * 2 < before and before - count > SHRUNK_BY:
        raise _shrunk(
            name, f"the list has {count} records, the last whole one ({night}) had {before}"
        )


def _refuse_a_shrunk_snapshot(
    zone: Zone, source: str, described: Stream, record: str, accepted: Container[str]
) -> None:
    """As for a list; but these are short, and what is gone from one is taken for ended. So that
    less than half is left is enough."""
    name = f"{source}.{described.name}"
    landed = zone.names(source, described.name)
    if not landed or name in accepted:
        return
    lines = list(zone.lines(zone.manifest(landed[-1])))
    before = _lengths(described, lines[-1].decode("utf-8", "replace")) if lines else {}
    found = _lengths(described, record)
    for what, count in before.items():
        if found and found[what] * 2 < count:
            night = landed[-1].split("/")[2]
            raise _shrunk(
                name, f"{found[what]} {what}, where the last time ({night}) there were {count}"
            )


def _shrunk(name: str, counts: str) -> Shrunk:
    return Shrunk(
        f"{name}: {counts}; it is not taken, and the stream stays as it was. If that many are gone "
        f'indeed: ANSWERABLE_ACCEPT_SHRINK="{name}" make nightly'
    )


def _lengths(described: Stream, record: str) -> dict[str, int]:
    """How many elements a snapshot has, and how many lie beside them; nothing where it is odd."""
    listed = (parsed(record) or {}).get(described.items)
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return {}
    lengths = {described.items: len(listed)}
    for member in described.beside:
        inner = [each.get(member) for each in listed]
        lengths[member.strip("_")] = sum(len(each) for each in inner if isinstance(each, list))
    return lengths


def _last_whole_walk(zone: Zone, source: str, stream: str) -> tuple[int, str] | None:
    """How many records the newest finished walk of a stream brought, and in which night."""

    def walk_of(name: str) -> tuple[str, str]:
        folder, _, file = name.rpartition("/")
        return folder, file.partition("-")[0]

    for (folder, _), names in groupby(reversed(zone.names(source, stream)), key=walk_of):
        manifests = [zone.manifest(name) for name in names]
        if any(manifest.is_last for manifest in manifests):
            return sum(m.record_count for m in manifests), folder.rpartition("/")[2]
    return None


def _loaded(conn: psycopg.Connection, source: str) -> set[str]:
    rows = conn.execute("select object from ops.batches where source = %s", [source]).fetchall()
    conn.commit()
    return {name for (name,) in rows}


def _as_of(conn: psycopg.Connection, run_id: str) -> datetime:
    row = conn.execute("select as_of from ops.runs where run_id = %s", [run_id]).fetchone()
    conn.commit()
    assert row is not None  # `writer` has seen it
    return row[0].replace(tzinfo=UTC)


def _record(
    conn: psycopg.Connection,
    run_id: str,
    source: str,
    kind: str,
    stream: str,
    status: str,
    pages: int,
    records: int,
    error: str | None,
    spent: Spent | None = None,
) -> None:
    """What became of the stream in this run. A second call adds to the first's counts."""
    cost = [spent.reads, spent.money] if spent else [None, None]
    conn.execute(
        "insert into ops.stream_runs as t"
        " (run_id, source, source_kind, stream, status, page_count, record_count, error,"
        " read_count, cost)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " on conflict (run_id, source, stream) do update set status = excluded.status,"
        " page_count = t.page_count + excluded.page_count,"
        " record_count = t.record_count + excluded.record_count,"
        " read_count = t.read_count + excluded.read_count, cost = t.cost + excluded.cost,"
        " error = excluded.error, finished_at = now()",
        [run_id, source, kind, stream, status, pages, records, error, *cost],
    )
    conn.commit()


def land_files(
    run_id: str,
    mapping: str | Path,
    exports: str,
    stream: str,
    *,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Land what is new in a file, a folder, a bucket's prefix or a pattern of names, as far as it
    is of the kind `stream`. Gives a receipt.

    A file that was named and cannot be used raises. One that lies in a folder does not stop the
    others: the stream is recorded as failed, and says which.
    """
    settings = settings or Settings.from_environment()
    parts = files.parts(mapping)
    source = parts[0].description.source
    receipt: dict[str, Any] = {"source": source, "kind": "file", "stream": stream, "pages": 0}
    receipt |= {"status": "landed", "records": 0, "ignored": 0, "objects": [], "error": None}
    errors: list[str] = []
    is_named = UPath(exports).is_file()
    is_chosen = len(parts) == 1 and not UPath(exports).is_dir()  # whatever its name is
    names = Zone.at(settings.landing).names(source, stream)
    known = {"-" + "-".join(name.split("-")[-2:]) for name in names}
    for export in files.found(exports):
        of = [part.description for part in parts if is_chosen or part.is_of(export.name)]
        try:
            if len(of) > 1:
                raise SpecError(f"{export.name}: several patterns of {Path(mapping).name} match it")
            if not of and is_named:
                raise SpecError(f"{export.name}: no pattern of {Path(mapping).name} matches it")
            if not of:
                receipt["ignored"] += 1
            if not of or of[0].kind != stream:
                continue
            if not is_named and _landed_name(export, _hash_of(export), of[0]) in known:
                continue  # without asking anybody again: a folder may hold years
            landed = land_file(run_id, of[0], export, settings=settings)
        except SpecError as error:
            if is_named:
                raise
            errors.append(str(error))
            continue
        if landed["is_new"]:
            receipt["pages"] += 1
            receipt["records"] += landed["records"]
            receipt["objects"] += landed["objects"]
    if errors:
        receipt |= {"status": "failed", "error": "; ".join(errors)}
    # a folder without news was read, too
    with writer(settings, run_id, shared=True, role=LOADER) as conn:
        status, error = receipt["status"], receipt["error"]
        _record(conn, run_id, source, "file", stream, status, 0, 0, error)
    return receipt


def _landed_name(export: UPath, content: str, described: files.Description) -> str:
    """How the name of a landed export ends: what it holds, and what that was taken for."""
    tail = "csv.gz" if export.name.endswith(".gz") else "csv"
    return f"-{content[:16]}-{described.sha256[:8]}.{tail}"


def _hash_of(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
