"""A stream of a source, described: what it is, how it is walked, how its records are told apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from answerable.sources.errors import SpecError

Paging = Literal["cursor_export", "time_export", "cursor_list", "newest_first", "lookup"]
# how a record says which of its versions it is
Version = Literal["number", "instant", "length"]

LONGEST_KEY = 500  # far above any real id, far below what an index of PostgreSQL can hold


class Poison(ValueError):
    """A record that cannot be stored as it should; the text is the reason, without its contents."""

    def __init__(self, reason: str, column: str | None = None, value: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of records. Every rule is stated, none is guessed from another."""

    kind: str
    name: str
    path: str
    items: str  # the member of a body that holds the records
    key: str  # the member of a record that identifies it; "ids[0]" is the first of a list
    version_field: str
    version: Version
    paging: Paging
    cursor: str  # what the watermark means, in words
    params: Mapping[str, str] = field(default_factory=dict)
    page_size: int
    page_size_param: str
    requests_per_minute: int | None  # the vendor's limit; we go by its answers (429), not by ours
    window: str  # which records a walk brings
    overlap_seconds: int = 0  # how far a walk starts before its watermark
    deletion: str  # how a deleted record shows
    may_be_withheld: bool = False  # 403/404 means that the plan has no such stream
    walked_with: tuple[str, ...] = ()  # not walked itself: the walks that bring it along

    def __post_init__(self) -> None:
        where = f"{self.kind}.{self.name}"
        if not self.path.startswith("/") or self.path.startswith("//"):
            raise SpecError(f"{where}: path {self.path!r} must start with one '/'")
        if not self.key:
            raise SpecError(f"{where}: name the member that identifies a record")
        if self.page_size < 1:
            raise SpecError(f"{where}: page_size {self.page_size} is no page")
        if (self.paging == "lookup") != bool(self.walked_with):
            raise SpecError(f"{where}: what is looked up (paging 'lookup') names its walks")
        if self.overlap_seconds and self.paging != "time_export":
            raise SpecError(f"{where}: only a walk by time can start earlier than its watermark")

    @property
    def is_whole_list(self) -> bool:
        """Whether a walk brings all that there is, not what is new."""
        return self.paging == "cursor_list"

    def key_of(self, record: Mapping[str, Any]) -> str:
        """The record's key as text. Raises Poison."""
        name, is_first, _ = self.key.partition("[0]")
        value = record.get(name)
        if is_first:
            value = value[0] if isinstance(value, list) and value else None
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise Poison(f"key {self.key!r} is missing or neither text nor a whole number")
        key = str(value)
        if len(key) > LONGEST_KEY:
            raise Poison(f"key {self.key!r} is longer than {LONGEST_KEY} characters")
        return key

    def version_of(self, record: Mapping[str, Any]) -> int | Decimal:
        """Orders the versions of one record: higher is newer. Raises Poison."""
        value = record.get(self.version_field)
        if self.version == "length":
            if isinstance(value, list) and value:
                return len(value)
        elif self.version == "number":
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
                return value
        elif isinstance(value, str):
            return epoch(value, self.version_field)
        raise Poison(f"version field {self.version_field!r} is missing or not a {self.version}")


def epoch(text: str, what: str) -> int | Decimal:
    """Seconds since 1970 of an ISO instant that names its zone. Raises Poison."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Poison(f"{what!r} is not an ISO instant") from None
    if instant.tzinfo is None:
        raise Poison(f"{what!r} is an instant without a zone")
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86400 + since.seconds
    return seconds + Decimal(since.microseconds) / 1_000_000 if since.microseconds else seconds
