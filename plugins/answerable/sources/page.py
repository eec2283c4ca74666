"""What all walks share: the pages they yield, where they start, how they read their watermark."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from answerable.sources.body import Body
from answerable.sources.errors import NoProgress, SourceError
from answerable.sources.stream import Stream

Get = Callable[[str, Mapping[str, str]], Body]

ASK_AGAIN = 3  # times that a page which leads nowhere is asked for before that is an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A stretch of a source's past that cannot be pulled any more: the source went on without us.

    What lies at its ends is ours; instants are ISO, UTC. Of ids the first is the last one before.
    """

    part: str  # of the stream: an account, a query; "" where it has none
    from_at: str
    until_at: str
    after_id: str | None
    before_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Records as their source wrote them, of the walk's stream or of one it brings along."""

    stream: str
    records: list[str]
    cursor_to: str | None = None
    is_last: bool = False
    holes: tuple[Hole, ...] = ()  # that the watermark passes with this page


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the past that is pulled again: seconds since 1970, half-open."""

    since: int
    until: int


def _no_limit(path: str, least: int, beside: int) -> int:
    return 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a walk begins: the watermark, and what the connection says about the account."""

    cursor: str | None = None
    window: Window | None = None  # in place of a cursor: only what lies in it is wanted
    extra: Mapping[str, Any] = field(default_factory=dict)
    # which of these post ids are stored or landed already
    known: Callable[[Iterable[str]], set[str]] = lambda ids: set()
    # ids of stored posts that were written in the last so many days, newest first
    recent: Callable[[int], list[str]] = lambda days: []
    # how many records the budget lets us ask a path for, each with so many beside it; raises
    # BudgetSpent where those are fewer than the least that can be asked for
    room: Callable[[str, int, int], int] = _no_limit


def read_cursor(stream: Stream, cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    try:
        value = json.loads(cursor)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SourceError(
            f"{stream.kind}.{stream.name}: the stored watermark is not one of ours (a JSON object)"
        )
    return value


def leading_on(
    get: Get, path: str, params: Mapping[str, str], stuck: Callable[[Body], str | None]
) -> Body:
    """The page, asked for again when it leads nowhere: servers do send the page before twice.

    `stuck` says why a page leads nowhere, None where it does not. Raises NoProgress.
    """
    for _ in range(ASK_AGAIN):
        body = get(path, params)
        why = stuck(body)
        if why is None:
            return body
    raise NoProgress(f"{why} (asked {ASK_AGAIN} times)")
