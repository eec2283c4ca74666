"""A stream of a source, described: what it is, how it is walked, how its records are told apart."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypedDict

import msgspec

from answerable.sources.errors import SpecError

Paging = Literal[
    "cursor_export",
    "time_export",
    "cursor_list",
    "cursor_since",
    "newest_since",
    "snapshot",
    "newest_first",
    "refresh",
    "lookup",
]
# how pages follow one another, and what says that there are no more
PAGES: Mapping[Paging, str] = {
    "cursor_export": "after_cursor of the page before, until end_of_stream is true",
    "time_export": "from end_time of the page before, which comes again, until end_of_stream is "
    "true or, without it, a page is not full",
    "cursor_list": "meta.after_cursor of the page before, until meta.has_more is false",
    "cursor_since": "meta.after_cursor of the page before, until meta.has_more is false",
    "newest_since": "meta.after_cursor of the page before, newest first, until a page is older "
    "than what is asked for or meta.has_more is false",
    "snapshot": "page number of the page before's next_page, until there is none",
    "newest_first": "meta.next_token of the page before, newest first, until there is none",
    "refresh": "by id, so many a request",
    "lookup": "by id, so many a request",
}
BY_TIME = ("time_export", "cursor_since", "newest_since")
# how a record says which of its versions it is
Version = Literal["number", "instant", "length"]
LARGEST_POST_ID = 2**63 - 1  # a post's id holds the instant it was written at
EARLIEST = 1900
LATEST_EPOCH = 253_402_300_799  # the last second of the year 9999
# what PostgreSQL and we read alike; a day without a time or a time without a zone is no instant
_instant = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-5]):?[0-5]\d)",
    re.ASCII,
).fullmatch
_whole = re.compile(r"-?[0-9]{1,30}")

LONGEST_KEY = 500  # far above any real id, far below what an index of PostgreSQL can hold


NO_INSTANT = "not an ISO instant"


class Poison(ValueError):
    """A record that cannot be stored as it should; the text is the reason, without its contents."""

    def __init__(self, reason: str, column: str | None = None, value: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value


class Unread(ValueError):
    """The record is not of the form that most have: read all of it to say what it is."""


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
    counts_against: tuple[str, ...] = ()  # limits that streams share, the narrowest first
    window: str  # which records a walk brings
    overlap_seconds: int = 0  # how far a walk starts before its watermark
    since_field: str = ""  # of what start_time asks for, or by what a list is in order
    # of a snapshot: member that each element gets -> the path that has it, and its member there
    beside: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    deletion: str  # how a deleted record shows
    reach: int = 0  # how many records back the API shows, whatever is asked for; 0: all
    reach_seconds: int = 0  # how far back the API shows; asking for older is an error; 0: all
    per: str = ""  # member of the connection's extra that says what is walked, one by one
    is_optional: bool = False  # not walked where the extra has no such member
    least_page: int = 1  # records, the fewest that can be asked for
    token_param: str = ""  # takes the next page's token
    looks_up: str = ""  # the stream that brings the posts that its own point at
    after: tuple[str, ...] = ()  # streams that are better walked before: they bring what it needs
    may_be_withheld: bool = False  # 403/404 means that the plan has no such stream
    walked_with: tuple[str, ...] = ()  # not walked itself: the walks that bring it along
    # What later steps calculate with: path -> type (of CHECKS), "!" where it may not be missing.
    # "a.b" is b in a, "a[].b" is b in each element of the list a
    fields: Mapping[str, str] = field(default_factory=dict)
    # `fields` taken apart once: name (None: a path), path, may not be missing, its check
    _checks: tuple[tuple[str | None, str, bool, Callable[[Any, str], object]], ...] = field(
        init=False, repr=False, compare=False
    )
    _read: Callable[[bytes], dict[str, Any]] = field(init=False, repr=False, compare=False)

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
        if self.paging in ("newest_first", "refresh") and not self.per:
            raise SpecError(f"{where}: name the extra that says what is walked (per)")
        if self.overlap_seconds and self.paging not in BY_TIME:
            raise SpecError(f"{where}: only a walk by time can start earlier than its watermark")
        if (self.paging in ("cursor_since", "newest_since")) != bool(self.since_field):
            raise SpecError(f"{where}: a list from a time on names that time's field (since_field)")
        for path, type in self.fields.items():
            if type.removesuffix("!") not in CHECKS:
                raise SpecError(f"{where}: {path}: no type {type!r}; known: {sorted(CHECKS)}")
        checks = (
            (
                None if "." in path or "[" in path else path,
                path,
                type.endswith("!"),
                CHECKS[type.removesuffix("!")],
            )
            for path, type in self.fields.items()
        )
        object.__setattr__(self, "_checks", tuple(checks))
        paths = [self.key.removesuffix("[0]"), self.version_field, *self.fields]
        object.__setattr__(self, "_read", msgspec.json.Decoder(_form(self.name, paths)).decode)

    @property
    def rules(self) -> dict[str, str]:
        """Each of the rules that it is walked by, in words."""
        rate = f"{self.requests_per_minute} requests a minute" if self.requests_per_minute else ""
        return {
            "endpoint": self.path,
            "key": self.key,
            "version": f"{self.version_field}, a {self.version}",
            "cursor": self.cursor,
            "pages": f"{PAGES[self.paging]}; {self.page_size} a page",
            "rate": f"{rate}, counted against {', '.join(self.limits)}" if rate else "",
            "window": self.window,
            "deletion": self.deletion,
        }

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits that its requests count against; by itself its own."""
        return self.counts_against or (self.name,)

    @property
    def is_whole_list(self) -> bool:
        """Whether a walk brings all that there is, not what is new."""
        return self.paging == "cursor_list"

    def read(self, record: bytes) -> dict[str, Any]:
        """The members of a JSON record that `key_of`, `version_of` and `check` look at.

        The others are passed over, a tenth of the work. Raises Unread where it is no JSON or where
        something in it is of another kind than the paths say.
        """
        try:
            return self._read(record)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unread(type(error).__name__) from None

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

    def check(self, record: Mapping[str, Any]) -> None:
        """Raises Poison when a field does not hold what later steps calculate with."""
        for name, path, is_required, judge in self._checks:
            for value in _values(record, path) if name is None else (record.get(name),):
                if value is not None:
                    judge(value, path)
                elif is_required:
                    raise Poison(f"{path!r} is missing")

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


def _form(name: str, paths: Iterable[str]) -> Any:
    """The type of an object that has what lies at `paths` and of which the rest does not matter."""
    below: dict[str, tuple[bool, list[str]]] = {}
    for path in paths:
        member, _, rest = path.partition(".")
        plain = member.removesuffix("[]")
        is_list, rests = below.get(plain, (False, []))
        below[plain] = (is_list or member != plain, [*rests, rest] if rest else rests)
    members: dict[str, Any] = {}
    for plain, (is_list, rests) in below.items():
        inner = _form(f"{name}_{plain}", rests) if rests else Any
        if is_list:
            inner = list[inner]
        members[plain] = inner | None if is_list or rests else Any
    return TypedDict(name, members, total=False)  # type: ignore[operator]  # made as it runs


def instant(text: Any, what: str) -> datetime:
    """An ISO instant that names its zone, as UTC. Raises Poison."""
    if not isinstance(text, str) or not _instant(text):
        is_local = isinstance(text, str) and _instant(text + "Z")
        raise Poison(f"{what!r} is {'an instant without a zone' if is_local else NO_INSTANT}")
    try:
        moment = datetime.fromisoformat(text)
        if text[-1] != "Z":
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Poison(f"{what!r} is {NO_INSTANT}") from None
    if moment.year < EARLIEST:
        raise Poison(f"{what!r} lies before {EARLIEST}")
    return moment


def epoch(text: str, what: str) -> int | Decimal:
    """Seconds since 1970 of an ISO instant that names its zone. Raises Poison."""
    since: timedelta = instant(text, what) - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86400 + since.seconds
    return seconds + Decimal(since.microseconds) / 1_000_000 if since.microseconds else seconds


def _id(value: Any, what: str) -> int:
    """A whole number, or the text of one."""
    if isinstance(value, str):
        if _whole.fullmatch(value):
            return int(value)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return value
    raise Poison(f"{what!r} is not an id (a whole number)")


def _post_id(value: Any, what: str) -> None:
    if not 0 <= _id(value, what) <= LARGEST_POST_ID:
        raise Poison(f"{what!r} is not an id of 64 bits")


def _epoch(value: Any, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Poison(f"{what!r} is not a whole number of seconds")
    if not 0 <= value <= LATEST_EPOCH:
        raise Poison(f"{what!r} lies before 1970 or after 9999")


def _list(value: Any, what: str) -> None:
    if not isinstance(value, list):
        raise Poison(f"{what!r} is not a list")


CHECKS: Mapping[str, Callable[[Any, str], object]] = {
    "any": lambda value, what: None,
    "id": _id,
    "post_id": _post_id,
    "instant": instant,
    "epoch": _epoch,
    "list": _list,
}


def _values(value: Any, path: str) -> Iterator[Any]:
    """What lies at `path`; nothing where a step of it is absent or of another kind."""
    name, dot, rest = path.partition(".")
    found = value.get(name.removesuffix("[]")) if isinstance(value, Mapping) else None
    elements = [found]
    if name.endswith("[]"):
        elements = found if isinstance(found, list) else []
    for each in elements:
        if dot:
            yield from _values(each, rest)
        else:
            yield each
