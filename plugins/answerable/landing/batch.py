"""Batches: several pages become one object, so that files and transactions do not get tiny."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from answerable.landing.zone import Hashing, Manifest, Zone, as_line, packing
from answerable.sources.page import Hole

RECORDS = 5_000
BYTES = 16 * 1024 * 1024


@dataclass
class Batch:
    """The object that is being written for one stream of a walk. Guards the open file.

    Page after page goes in; `close` makes it exist. A batch without records whose cursor did not
    move leaves nothing behind.
    """

    zone: Zone
    folder: str
    source: str
    source_kind: str
    stream: str
    run_id: str
    walk: int
    cursor: str | None
    now: Callable[[], str]
    observed: Callable[[], str | None] = lambda: None  # the source's clock at its last answer
    records: int = 0  # of all objects of this walk
    objects: list[str] = field(default_factory=list)
    _open: ExitStack | None = None
    _count: int = 0
    _bytes: int = 0

    def add(self, records: list[str], cursor_to: str | None, holes: Iterable[Hole] = ()) -> None:
        if self._open is None:
            self._name = f"{self.folder}/w{self.walk:02d}-{len(self.objects) + 1:05d}.ndjson.gz"
            self._open = ExitStack()
            self._handle: Hashing = self._open.enter_context(self.zone.writing(self._name))
            self._packed = self._open.enter_context(packing(self._handle))
            self._count = self._bytes = 0
            self._cursor_to = None
            self._observed_at = self.observed()
            self._holes: list[Hole] = []
        for record in records:
            line = as_line(record)
            self._packed.write(line)
            self._bytes += len(line)
        self._count += len(records)
        self._cursor_to = cursor_to or self._cursor_to
        self._holes += holes

    @property
    def open_records(self) -> int:
        return self._count if self._open is not None else 0

    @property
    def is_full(self) -> bool:
        return self._open is not None and (self._count >= RECORDS or self._bytes >= BYTES)

    def close(self, *, is_last: bool) -> None:
        """The object, then its manifest."""
        if self._open is None:
            return
        if self._count == 0 and self._cursor_to in (None, self.cursor):
            self.drop()
            return
        self._open.close()
        self._open = None
        self.zone.publish(
            Manifest(
                object=self._name,
                format="ndjson.gz",
                source=self.source,
                source_kind=self.source_kind,
                stream=self.stream,
                run_id=self.run_id,
                walk=self.walk,
                record_count=self._count,
                sha256=self._handle.hash.hexdigest(),
                landed_at=self.now(),
                cursor_from=self.cursor,
                cursor_to=self._cursor_to,
                is_last=is_last,
                observed_at=self._observed_at,
                holes=[asdict(hole) for hole in self._holes] or None,
            )
        )
        self.records += self._count
        self.objects.append(self._name)
        self.cursor = self._cursor_to or self.cursor

    def drop(self) -> None:
        """Leave nothing of what is open."""
        if self._open is None:
            return
        stack, self._open = self._open, None
        try:
            with stack:
                raise _Dropped
        except _Dropped:
            pass


class _Dropped(Exception):
    pass
