"""Loading: landed objects into raw, each in one transaction of its own, each exactly once.

A record ends in one of three places, and the counts of each batch say so: stored as a version,
left out because its newest stored version is the same, or in quarantine with the reason and its
untouched bytes. Which objects are loaded is known by their row in ops.batches, written in the
transaction that copied their records; so loading twice changes nothing, and a night killed
anywhere goes on where it was.

What costs: the server parses each record as jsonb, and that sets the pace. So records go to it as
the bytes that were landed, of most records only the members that decide are parsed here, and that
is done for the next ones while the server has its hands full.
"""

import hashlib
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple, NoReturn

import psycopg
from psycopg import sql

from answerable import files
from answerable.landing.zone import Manifest, Zone
from answerable.progress import stage
from answerable.settings import Settings
from answerable.sources import stream as stream_of
from answerable.sources.stream import Poison, Stream, Unread
from answerable.warehouse.db import writer
from answerable.warehouse.roles import LOADER
from answerable.warehouse.setup import raw_table

LARGEST_RECORD = 16 * 1024 * 1024
DEEPEST = 200  # levels; what people write has ten
CHUNK_RECORDS = 1_000
SENT_AT_ONCE = 50  # records
CHUNK_BYTES = 16 * 1024 * 1024
LONGEST_SHOWN = 1000  # characters of a refused value that are kept beside its untouched bytes

_token = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
# escapes, each taken whole: a backslash, a character in two halves, one half, a NUL
_escape = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\u0000"
)
LONGEST_NUMBER = 4300  # digits that Python reads
_long_number = re.compile(rb"[0-9]{%d}" % (LONGEST_NUMBER + 1))
CLEANED = "characters that PostgreSQL cannot hold, replaced"


class LoadError(RuntimeError):
    """The night cannot go on with what was landed."""


class Incoming(NamedTuple):  # there are millions, and a data class takes three times as long
    """One record on its way: to raw, or with a reason to quarantine."""

    position: int
    key: str = ""
    version: int | Decimal = 0
    hash: str = ""
    payload: bytes = b""
    reason: str | None = None
    file: str | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None
    untouched: bytes | None = None


@dataclass(slots=True)
class Counts:
    objects: int = 0
    records: int = 0
    loaded: int = 0
    superseded: int = 0
    quarantined: int = 0
    odd: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        for name in ("objects", "records", "loaded", "superseded", "quarantined"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.odd.update(other.odd)

    def as_dict(self) -> dict[str, Any]:
        told = {
            name: getattr(self, name)
            for name in ("objects", "records", "loaded", "superseded", "quarantined")
        }
        return {**told, **({"odd": dict(self.odd)} if self.odd else {})}


def load(run_id: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Load every landed object that is not loaded yet, then note that this run reads them first.

    Raises LoadError when no stream at all could be read in this run: such a night would publish
    yesterday as today.
    """
    settings = settings or Settings.from_environment()
    zone = Zone.at(settings.landing)
    started = time.monotonic()
    total = Counts()
    by_stream: dict[str, dict[str, Any]] = {}
    with writer(settings, run_id, role=LOADER) as conn:
        _refuse_a_night_without_sources(conn, run_id)
        _in_full_after_a_rebuild(conn, run_id)
        loaded = {name for (name,) in conn.execute("select object from ops.batches")}
        conn.commit()
        waiting = [name for name in zone.names() if name not in loaded]
        changed: set[str] = set()
        for (source, stream), names in groupby(waiting, key=_source_and_stream):
            with stage(f"load {source}.{stream}") as progress:
                counts = Counts()
                for manifest, more in load_objects(conn, zone, names):
                    counts.add(more)
                    changed.add(raw_table(manifest.source_kind, manifest.stream))
                    progress.count(
                        rows=counts.records,
                        loaded=counts.loaded,
                        superseded=counts.superseded,
                        quarantined=counts.quarantined,
                    )
            by_stream[f"{source}.{stream}"] = counts.as_dict()
            total.add(counts)
        conn.execute("reset role")  # statistics are for a table's owner to make
        analyze(conn, changed)
        conn.execute(
            "update ops.batches set first_read_run_no ="
            " (select run_no from ops.runs where run_id = %s) where first_read_run_no is null",
            [run_id],
        )
        conn.commit()
    return {
        "run_id": run_id,
        **total.as_dict(),
        "streams": by_stream,
        "seconds": round(time.monotonic() - started, 3),
    }


def analyze(conn: psycopg.Connection, tables: Iterable[str]) -> None:
    """Without statistics the first joins on a new table take a minute, not a second. Commits."""
    for table in sorted(tables):
        conn.execute(sql.SQL("analyze raw.{}").format(sql.Identifier(table)))
        conn.commit()


def load_objects(
    conn: psycopg.Connection, zone: Zone, names: Iterable[str], *, commits: bool = True
) -> Iterator[tuple[Manifest, Counts]]:
    """Load objects of one stream, each in a transaction of its own, all or nothing.

    Without `commits` all of it stays within the caller's transaction.
    """
    begun = (_begun(zone, name) for name in names)
    following = next(begun, None)
    problem: Exception | None = None
    while following is not None:
        manifest, records = following
        try:
            following = next(begun, None)
        except Exception as its:  # no fault of the object before it, which is loaded first
            following, problem = None, its
        after = following[1].work if following else None
        try:
            counts = load_records(conn, manifest, records, after)
        except BaseException:
            if commits:
                conn.rollback()
            raise
        if commits:
            conn.commit()
        yield manifest, counts
    if problem is not None:
        raise problem


def _begun(zone: Zone, name: str) -> tuple[Manifest, "Judged"]:
    manifest = zone.manifest(name)
    return manifest, Judged(lambda odd: incoming(zone, manifest, odd))


def load_records(
    conn: psycopg.Connection,
    manifest: Manifest,
    records: "Judged",
    after: Callable[[int], None] | None = None,
) -> Counts:
    """Load `records` as the batch that `manifest` describes, within the caller's transaction.

    `after` is what else can be done while the server is busy, once all of `records` are judged.
    """
    batch = _Batch(
        conn,
        raw_table(manifest.source_kind, manifest.stream),
        manifest.source,
        manifest.stream,
        _begin_batch(conn, manifest),
    )
    counts = Counts(objects=1, records=manifest.record_count, odd=records.odd)
    stored_up_to = _newest_stored(conn, manifest)
    newest = None

    def meanwhile(count: int) -> None:
        left = records.work(count)
        if left and after is not None:
            after(left)

    for chunk in records:
        fit = [each for each in chunk if each.reason is None]
        refused = [each for each in chunk if each.reason is not None]
        new = batch.that_differ(fit, stored_up_to)
        counts.superseded += len(fit) - len(new)
        try:
            with conn.transaction():
                counts.loaded += batch.store(new, meanwhile)
        except (
            psycopg.DataError,
            psycopg.errors.StatementTooComplex,
            psycopg.errors.ProgramLimitExceeded,
        ):
            # a record that we hold for sound and the server does not: let it say which
            new, more = batch.judged_by_server(new)
            refused += more
            counts.loaded += batch.store(new)
        counts.quarantined += batch.quarantine(refused)
        if new:
            newest = max([each.version for each in new] + ([] if newest is None else [newest]))
            stored_up_to = newest if stored_up_to is None else max(stored_up_to, newest)
    try:
        conn.execute(
            "update ops.batches set record_count = %s, loaded_count = %s, superseded_count = %s,"
            " quarantined_count = %s, newest_version = %s where batch_id = %s",
            [
                manifest.record_count,
                counts.loaded,
                counts.superseded,
                counts.quarantined,
                newest,
                batch.batch_id,
            ],
        )
    except psycopg.errors.CheckViolation:
        raise LoadError(
            f"{manifest.object}: {manifest.record_count} records were landed, but {counts.loaded} "
            f"loaded + {counts.superseded} superseded + {counts.quarantined} quarantined are not "
            "as many; nothing of it is loaded. This is a fault of ours: please report it"
        ) from None
    told = ("part", "from_at", "until_at", "after_id", "before_id", "reason")
    for number, hole in enumerate(manifest.holes or (), 1):
        conn.execute(
            "insert into ops.holes (batch_id, hole_no, source, stream, part, from_at, until_at,"
            " after_id, before_id, reason) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [batch.batch_id, number, manifest.source, manifest.stream, *map(hole.get, told)],
        )
    if manifest.cursor_to is not None:
        conn.execute(
            "insert into ops.watermarks (source, stream, cursor, batch_id) values (%s, %s, %s, %s)"
            " on conflict (source, stream) do update set cursor = excluded.cursor,"
            " batch_id = excluded.batch_id, moved_at = now()",
            [manifest.source, manifest.stream, manifest.cursor_to, batch.batch_id],
        )
    return counts


class Judged:
    """The records of one object, some at a time: as many as fit in memory, however large it is.

    `work` judges ahead. What goes wrong there is raised when its turn comes: by then it is the
    failure of this object and not of the one that was being loaded.
    """

    def __init__(self, records: Callable[[Counter[str]], Iterator[Incoming]]) -> None:
        self.odd: Counter[str] = Counter()
        self._records = records(self.odd)
        self._next: list[Incoming] = []
        self._size = 0
        self._is_more = True
        self._problem: Exception | None = None

    def __iter__(self) -> Iterator[list[Incoming]]:
        while True:
            self.work(CHUNK_RECORDS)
            if self._problem is not None:
                raise self._problem
            if not self._next:
                return
            chunk, self._next, self._size = self._next, [], 0
            yield chunk

    def work(self, count: int) -> int:
        """Judge so many more, at most a chunk; gives how many of `count` are left to do where
        there is nothing left to judge."""
        some = self._next
        count = min(count, CHUNK_RECORDS - len(some))
        try:
            while count > 0 and self._is_more and self._size < CHUNK_BYTES:
                each = next(self._records, None)
                if each is None:
                    self._is_more = False
                    break
                some.append(each)
                self._size += len(each.payload) or len(each.untouched or b"")
                count -= 1
        except Exception as problem:
            self._is_more, self._problem = False, problem
        return 0 if self._is_more else count


@dataclass(frozen=True, slots=True)
class _Batch:
    """Where the records of one object go, within the transaction of `conn`."""

    conn: psycopg.Connection
    table: str
    source: str
    stream: str
    batch_id: int

    def that_differ(
        self, records: list[Incoming], stored_up_to: int | Decimal | float | None
    ) -> list[Incoming]:
        """Those that are not what the newest stored one of their key and version is already.

        Nothing is stored of a version above `stored_up_to`, so only the others are looked up.
        """
        newest: dict[tuple[str, int | Decimal], str] = {}
        pairs = {
            (each.key, each.version)
            for each in records
            if stored_up_to is not None and each.version <= stored_up_to
        }
        if pairs:
            # lateral keeps the lookup on the index, however large raw has grown
            found = self.conn.execute(
                sql.SQL(
                    "select asked.record_key, asked.version, stored.record_hash"
                    " from unnest(%s::text[], %s::text[]::numeric[]) as asked (record_key, version)"
                    " cross join lateral ("
                    "   select kept.record_hash from raw.{} as kept"
                    "   where kept.record_key = asked.record_key and kept.source = %s"
                    "   and kept.version = asked.version"
                    "   order by kept.batch_id desc, kept.position desc limit 1"
                    " ) as stored"
                ).format(sql.Identifier(self.table)),
                [[key for key, _ in pairs], [str(version) for _, version in pairs], self.source],
            )
            newest = {(key, version): digest for key, version, digest in found}
        new: list[Incoming] = []
        for each in records:
            pair = (each.key, each.version)
            if newest.get(pair) == each.hash:
                continue
            newest[pair] = each.hash
            new.append(each)
        return new

    def store(
        self, records: list[Incoming], meanwhile: Callable[[int], None] = lambda count: None
    ) -> int:
        """Copy into raw; gives how many the server took. `meanwhile` is called with a number of
        records each time that as many are on their way to it."""
        if not records:
            return 0
        copying = sql.SQL(
            "copy raw.{} (batch_id, source, record_key, version, position, record_hash, payload)"
            " from stdin"
        ).format(sql.Identifier(self.table))
        start = b"%d\t%b" % (self.batch_id, _escaped(self.source.encode()))
        with self.conn.cursor() as cursor:
            with cursor.copy(copying) as copy:
                for first in range(0, len(records), SENT_AT_ONCE):
                    some = records[first : first + SENT_AT_ONCE]
                    # the server's text format, some rows at once: row by row takes twice as long
                    copy.write(
                        b"".join(
                            [
                                b"%b\t%b\t%b\t%d\t%b\t%b\n"
                                % (
                                    start,
                                    _escaped(r.key.encode()),
                                    str(r.version).encode(),
                                    r.position,
                                    r.hash.encode(),
                                    _escaped(r.payload),
                                )
                                for r in some
                            ]
                        )
                    )
                    meanwhile(len(some))
            return cursor.rowcount

    def judged_by_server(self, records: list[Incoming]) -> tuple[list[Incoming], list[Incoming]]:
        """Those that the server holds for jsonb, and those that it does not with its reason."""
        said = self.conn.execute(
            "select (pg_input_error_info(payload, 'jsonb')).message"
            " from unnest(%s::text[]) with ordinality as asked (payload, place) order by place",
            [[each.payload.decode() for each in records]],
        ).fetchall()
        fit: list[Incoming] = []
        refused: list[Incoming] = []
        for each, (message,) in zip(records, said, strict=True):
            if message is None:
                fit.append(each)
            else:
                refused.append(
                    Incoming(
                        each.position,
                        reason=f"refused by PostgreSQL: {message}",
                        untouched=each.payload,
                    )
                )
        return fit, refused

    def quarantine(self, records: list[Incoming]) -> int:
        if not records:
            return 0
        copying = (
            "copy raw.quarantine (batch_id, source, stream, position, reason, file, line,"
            " column_name, value, untouched) from stdin"
        )
        with self.conn.cursor() as cursor:
            with cursor.copy(copying) as copy:
                for r in records:
                    copy.write_row(
                        (
                            self.batch_id,
                            self.source,
                            self.stream,
                            r.position,
                            r.reason,
                            r.file,
                            r.line,
                            r.column,
                            r.value,
                            r.untouched,
                        )
                    )
            return cursor.rowcount


def _escaped(text: bytes) -> bytes:
    """As a field of COPY's text format. What is stored holds no NUL, which it could not carry."""
    if b"\\" in text:
        text = text.replace(b"\\", b"\\\\")
    if b"\t" in text or b"\n" in text or b"\r" in text:
        text = text.replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return text


def incoming(zone: Zone, manifest: Manifest, odd: Counter[str]) -> Iterator[Incoming]:
    """The records of an object, each judged. `odd` counts what was strange but readable."""
    if manifest.format == "csv":
        yield from _of_file(zone, manifest, odd)
        return
    described = stream_of(manifest.source_kind, manifest.stream)
    for position, line in enumerate(zone.lines(manifest), 1):
        yield judge(described, position, line, odd)


def judge(described: Stream, position: int, line: bytes, odd: Counter[str]) -> Incoming:
    """One record as its source wrote it: fit for raw, or the reason why not.

    A text with a NUL or half a character is kept, without it: the message counts for more than
    the character, and the untouched bytes stay in the landing zone.
    """
    try:
        if len(line) > LARGEST_RECORD:
            raise Poison(f"larger than {LARGEST_RECORD} bytes")
        payload = _clean(line, odd) if b"\\" in line else line
        judged = _judged_quickly(described, payload) or _judged_wholly(described, payload)
        return Incoming(position, *judged, _hash(line), payload)
    except Poison as poison:
        return Incoming(position, reason=str(poison), untouched=line)


def _judged_quickly(described: Stream, payload: bytes) -> tuple[str, int | Decimal] | None:
    """Key and version of a record that has nothing odd about it; None where it may have, which
    the slower way finds out, and says what."""
    if payload.count(b"{") + payload.count(b"[") > DEEPEST:
        return None
    if len(payload) > LONGEST_NUMBER and _long_number.search(payload):
        return None
    try:
        if not payload.isascii():
            payload.decode()
        record = described.read(payload)
        judged = described.key_of(record), described.version_of(record)
        described.check(record)
        return judged
    except (Unread, UnicodeDecodeError, Poison):
        return None


def _judged_wholly(described: Stream, payload: bytes) -> tuple[str, int | Decimal]:
    """Key and version of a record. Raises Poison."""
    record = _parse(_text(payload))
    judged = described.key_of(record), described.version_of(record)
    described.check(record)
    return judged


def _of_file(zone: Zone, manifest: Manifest, odd: Counter[str]) -> Iterator[Incoming]:
    description = files.from_mapping(manifest.description, f"the description of {manifest.file}")
    file = manifest.file or manifest.object
    notes = files.Notes(odd)
    with zone.original(manifest) as handle:
        for row in files.rows(description, handle, file, notes):
            problem = row.problem
            if problem is None and row.payload is not None:
                untouched = json.dumps(row.payload, ensure_ascii=False, allow_nan=False).encode()
                digest = _hash(untouched)
                payload = _clean(untouched, odd)
                try:
                    if len(payload) > LARGEST_RECORD:
                        raise Poison(f"larger than {LARGEST_RECORD} bytes")
                    if row.key is not None and "\x00" in row.key:
                        raise Poison("a NUL character in the key")
                    # the place is no part of the record: an export delivered again, with rows
                    # before it gone, brings nothing new
                    place = json.dumps({"file": file, "line": row.number})[1:].encode()
                    yield Incoming(
                        row.number,
                        key=row.key or f"{row.number}-{digest}",
                        version=0,
                        hash=digest,
                        payload=b"%b, %b" % (payload[:-1], place),
                    )
                    continue
                except Poison as poison:
                    problem = files.Problem(str(poison))
            assert problem is not None
            yield Incoming(
                row.number,
                reason=problem.reason,
                file=file,
                line=row.line,
                column=_showable(problem.column),
                value=_showable(problem.value),
                untouched=row.text.encode(
                    description.encoding.removesuffix("-sig"), "surrogateescape"
                ),
            )


# --- what PostgreSQL cannot hold ---------------------------------------------------------------


def _refuse_constant(name: str) -> NoReturn:
    raise Poison(f"{name}, which is no JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise Poison("not UTF-8") from None


def _parse(text: str) -> dict[str, Any]:
    """The record parsed, when jsonb can hold it. Raises Poison."""
    try:
        record = _decode(text)
    except RecursionError:
        raise Poison(f"nested more than {DEEPEST} deep") from None
    except json.JSONDecodeError:
        raise Poison("not JSON") from None
    except Poison:
        raise
    except ValueError:
        raise Poison("a number with more digits than can be read") from None
    if not isinstance(record, dict):
        raise Poison("not an object")
    if text.count("{") + text.count("[") > DEEPEST and _depth(text) > DEEPEST:
        raise Poison(f"nested more than {DEEPEST} deep")
    return record


def _clean(text: bytes, odd: Counter[str]) -> bytes:
    """The JSON text with U+FFFD for each escaped NUL and each half of a character."""
    if b"\\u" not in text:
        return text
    cleaned = _escape.sub(_replaced, text)
    if cleaned != text:
        odd[CLEANED] += 1
    return cleaned


def _replaced(match: re.Match[bytes]) -> bytes:
    escape = match.group()
    return b"\\ufffd" if len(escape) == 6 else escape


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _token.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _showable(text: str | None) -> str | None:
    if text is None:
        return None
    cut = text[:LONGEST_SHOWN].replace("\x00", "\ufffd")
    return cut.encode("utf-8", "replace").decode("utf-8")


# --- the ledger --------------------------------------------------------------------------------


def _begin_batch(conn: psycopg.Connection, manifest: Manifest) -> int:
    row = conn.execute(
        "insert into ops.batches (source, source_kind, stream, object, sha256, landed_by_run,"
        " cursor_from, cursor_to, walk, is_last, observed_at,"
        " record_count, loaded_count, superseded_count, quarantined_count)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0) returning batch_id",
        [
            manifest.source,
            manifest.source_kind,
            manifest.stream,
            manifest.object,
            manifest.sha256,
            manifest.run_id,
            manifest.cursor_from,
            manifest.cursor_to,
            manifest.walk,
            manifest.is_last,
            manifest.observed_at,
        ],
    ).fetchone()
    assert row is not None
    return row[0]


def _newest_stored(conn: psycopg.Connection, manifest: Manifest) -> int | Decimal | float | None:
    """The highest version that raw holds of the stream: None where nothing is stored, and more
    than any where batches of before did not note it."""
    row = conn.execute(
        "select max(newest_version), bool_or(newest_version is null) from ops.batches"
        " where source = %s and source_kind = %s and stream = %s and loaded_count > 0",
        [manifest.source, manifest.source_kind, manifest.stream],
    ).fetchone()
    newest, is_unknown = row or (None, None)
    return math.inf if is_unknown else newest


def _source_and_stream(name: str) -> tuple[str, str]:
    source, stream, _ = name.split("/", 2)
    return source, stream


def _refuse_a_night_without_sources(conn: psycopg.Connection, run_id: str) -> None:
    rows = conn.execute(
        "select source, stream, status, error from ops.stream_runs where run_id = %s"
        " order by source, stream",
        [run_id],
    ).fetchall()
    conn.commit()
    if rows and all(status in ("failed", "out_of_credits") for _, _, status, _ in rows):
        source, stream, _, error = rows[0]
        raise LoadError(
            f"none of the {len(rows)} streams could be read, so there is nothing to make a night "
            f"of; the first, {source}.{stream}: {error}"
        )


def _in_full_after_a_rebuild(conn: psycopg.Connection, run_id: str) -> None:
    """What was built before raw was made again is nothing to add to."""
    conn.execute(
        "update ops.runs set is_full = true where run_id = %s and exists ("
        " select from ops.raw_rebuilds where rebuilt_at > coalesce("
        " (select max(published_at) from ops.publications where schema_prefix = ''), '-infinity'))",
        [run_id],
    )
    conn.commit()
