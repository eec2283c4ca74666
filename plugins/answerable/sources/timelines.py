"""Walks of lists that come newest first and cost money: X's timelines, its search, its look-ups.

What a walk has read is one stretch up to the newest record, but for at most one gap below it that
a walk left open when it stopped. So the watermark may move with every page: whoever goes on reads
the gap first, then what is newer, and asks for nothing twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from answerable.sources.body import Body, parsed, with_member
from answerable.sources.errors import (
    CAPPED,
    BudgetSpent,
    OutOfCredits,
    RequestRejected,
    SourceError,
    SpecError,
)
from answerable.sources.page import Get, Hole, Page, Start, leading_on, read_cursor
from answerable.sources.stream import Stream

LOOKUP_SIZE = 100
LOOKUP_PATH = "/2/tweets"
POINTED_AT = 2  # posts that one points at, at the most: it replies to one and quotes another
NEAR_REACH = 0.75  # of what a list shows: from here on it is asked whether more lies below
LATE_SECONDS = 3_600  # after which a search has found what it will find
PROBE = 5  # the least that a timeline can be asked for
FIRST_MILLISECOND = 1_288_834_974_657  # since 1970, of the ids of posts


@dataclass(frozen=True, slots=True)
class Part:
    """One list of a stream: an account's timeline, a query's results."""

    key: str
    path: str
    params: Mapping[str, str]
    label: str | None = None  # travels with the records as `_query`


@dataclass(frozen=True, slots=True)
class Reached:
    """All up to `newest` is read, but for what lies between `since` and `until`."""

    newest: int | None = None
    since: int | None = None
    until: int | None = None  # None: no gap

    @classmethod
    def of(cls, value: Any) -> "Reached":
        if isinstance(value, dict):
            return cls(*(_id(value.get(name)) for name in ("newest", "since", "until")))
        return cls(_id(value))

    def as_value(self) -> Any:
        if self.until is None:
            return None if self.newest is None else str(self.newest)
        told = {"newest": self.newest, "since": self.since, "until": self.until}
        return {name: None if id_ is None else str(id_) for name, id_ in told.items()}

    def missing(self) -> str:
        """What is not read yet, for people."""
        newer = "all" if self.newest is None else f"what is newer than {_told(self.newest)}"
        if self.until is None:
            return newer
        since = "" if self.since is None else f" and newer than {_told(self.since)}"
        return f"what is older than {_told(self.until)}{since}, and {newer}"


@dataclass(slots=True)
class _Seen:
    """Ids of posts that a walk has come across."""

    own: frozenset[str]
    ids: set[str] = field(default_factory=set)


def newest_first(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """The lists of a stream one after the other.

    Before a page come the posts that its posts point at and that nobody has: whoever finds the
    watermark past a page finds them, too. Raises BudgetSpent or OutOfCredits where no more can be
    paid for, saying what is missing.
    """
    parts = _parts(stream, start)
    reached = read_cursor(stream, start.cursor)
    own = start.extra.get("own_user_ids")
    seen = _Seen(frozenset(map(str, own)) if isinstance(own, list) else frozenset())
    at = 0
    try:
        for at, part in enumerate(parts):
            for page, state in _walk_part(stream, part, Reached.of(reached.get(part.key)), start,
                                          get, seen):  # fmt: skip
                if state is not None and (told := state.as_value()) is not None:
                    reached[part.key] = told
                moved = page.stream == stream.name and state is not None and reached
                yield Page(
                    page.stream,
                    page.records,
                    json.dumps(reached, sort_keys=True) if moved else None,
                    page.is_last and at == len(parts) - 1,
                    page.holes,
                )
    except (BudgetSpent, OutOfCredits) as stop:
        missing = [
            f"of {part.key} {Reached.of(reached.get(part.key)).missing()}" for part in parts[at:]
        ]
        raise type(stop)(f"{stop}. Not read yet: {'; '.join(missing)}") from None


def _parts(stream: Stream, start: Start) -> list[Part]:
    """What the connection's extra lists, as the stream walks it."""
    given = start.extra.get(stream.per)
    if "{user_id}" in stream.path:
        if not isinstance(given, list) or not given:
            raise SpecError(f"{stream.kind}: extra needs {stream.per}, a list of our accounts' ids")
        return [
            Part(id_, stream.path.format(user_id=quote(id_, safe="")), stream.params)
            for id_ in map(str, given)
        ]
    queries = {stream.per: given} if isinstance(given, str) else given
    if not isinstance(queries, Mapping) or not all(
        isinstance(query, str) and query.strip() for query in queries.values()
    ):
        raise SpecError(
            f"{stream.kind}: extra {stream.per} is a query, or an object of queries by name"
        )
    return [
        Part(name, stream.path, {**stream.params, "query": query}, label=name)
        for name, query in queries.items()
    ]


def _walk_part(
    stream: Stream, part: Part, at: Reached, start: Start, get: Get, seen: _Seen
) -> Iterator[tuple[Page, Reached | None]]:
    """One list: the gap that was left open, then what is newer. Gives each page with what is read
    once it is stored; None where a page does not tell how far it goes."""
    where = f"{stream.kind}.{stream.name}"
    legs = [(at.newest, None)] if at.until is None else [(at.since, at.until), (at.newest, None)]
    window = start.window
    if window is not None:
        ends = (datetime.fromtimestamp(each, UTC) for each in (window.since, window.until))
        since_id, until_id = map(first_id_at, ends)
        legs = [(since_id - 1, until_id)]
    for since, below in legs:
        bounds: dict[str, str] = {}
        if since is not None:
            bounds["since_id"] = str(since)
        if below is not None:
            bounds["until_id"] = str(below)
        newest, oldest = (at.newest, below) if below is not None else (None, None)
        tokens: set[str] = set()
        token: str | None = None
        count, is_cut = 0, False

        def stuck(body: Body, tokens: set[str] = tokens) -> str | None:
            refuse_errors(stream, body)
            meta = _meta(body)
            if "data" not in body.parts and not meta:
                raise SourceError(f"{where}: neither data nor meta in the body")
            told = meta.get("next_token")
            if told is not None and not isinstance(told, str):
                raise SourceError(f"{where}: next_token is not a text")
            if told in tokens:
                return f"{where}: next_token is one that was sent before"
            return None

        while True:
            size = start.room(part.path, stream.least_page, POINTED_AT if stream.looks_up else 0)
            params = {**part.params, **bounds}
            params[stream.page_size_param] = str(min(stream.page_size, size))
            if token is not None:
                params[stream.token_param] = token
            body: Body | None = None
            try:
                body = leading_on(get, part.path, params, stuck)
            except RequestRejected as error:
                # a bound that lies outside of what the API shows makes the request itself invalid
                if error.status != 400 or token is not None or not stream.reach_seconds:
                    raise
                if "since_id" in bounds:
                    del bounds["since_id"]
                    is_cut = True
                    continue
                if below is None:
                    raise
                is_cut = True
            records = [] if body is None else _labelled(part, with_authors(body))
            meta = {} if body is None else _meta(body)
            ids = [id_ for record in records if (id_ := _id((parsed(record) or {}).get("id")))]
            newest = newest or _id(meta.get("newest_id")) or max(ids, default=None)
            lowest = _id(meta.get("oldest_id")) or min(ids, default=None)
            oldest = min((id_ for id_ in (lowest, oldest) if id_ is not None), default=None)
            count += len(records)
            wanted = _gather(records, seen)
            if stream.looks_up and wanted:
                missing = sorted(wanted - start.known(wanted))
                try:
                    for page in look_up(stream, stream.looks_up, missing, get):
                        yield page, None
                except SourceError:
                    # paid for, so kept; but whoever goes on reads it again, for what it points at
                    yield Page(stream.name, records), None
                    raise
            token = meta.get("next_token")
            state: Reached | None
            if token is None:
                state = _at_end(stream, at, newest, body) if below is None else Reached(at.newest)
            else:
                tokens.add(token)
                state = Reached(newest, since, oldest) if newest and oldest else None
            hole, failed = None, None
            if token is None and since is not None:
                if is_cut:
                    hole = _outside(stream, part, since, below, oldest, body)
                elif (
                    window is None  # what lies below it nobody wants to know
                    and stream.reach
                    and (below is not None or count >= NEAR_REACH * stream.reach)
                ):
                    try:
                        hole = _below(stream, part, since, oldest, start, get)
                    except SourceError as error:
                        # the page is paid for and is kept; whoever goes on asks again
                        state, failed = Reached(newest, since, oldest), error
            is_end = token is None and (below is None or window is not None)
            yield (
                Page(stream.name, records, None, is_end and not failed, (hole,) if hole else ()),
                state,
            )
            if failed is not None:
                raise failed
            if token is None:
                at = state or at
                break


def _at_end(stream: Stream, at: Reached, newest: int | None, body: Body | None) -> Reached:
    """All is read. Where the API forgets what is old, also that nothing more was there to read: a
    list in which little happens would else be behind for good one day."""
    newest = newest or at.newest
    if stream.reach_seconds and body is not None and body.at is not None:
        looked = datetime.fromtimestamp(body.at - LATE_SECONDS, UTC)
        newest = max(newest or 0, first_id_at(looked))
    return Reached(newest)


def _outside(
    stream: Stream, part: Part, since: int, below: int | None, oldest: int | None, body: Body | None
) -> Hole:
    """What was written after `since` and before the days that the API shows."""
    until = None if oldest is None else instant_of(oldest)
    if body is not None and body.at is not None:
        shown = datetime.fromtimestamp(int(body.at) - stream.reach_seconds, UTC)
        until = shown if below is None or shown < instant_of(below) else instant_of(below)
    days = stream.reach_seconds // 86_400
    return _hole(part, since, oldest, until, f"the API reaches back {days} days")


def _below(
    stream: Stream, part: Part, since: int, oldest: int | None, start: Start, get: Get
) -> Hole | None:
    """Whether the list ends above what we had: then what lies between is out of its reach."""
    if oldest is None:
        return None
    start.room(part.path, PROBE, 0)
    params = {**part.params, "until_id": str(oldest), stream.page_size_param: str(PROBE)}
    body = get(part.path, params)
    refuse_errors(stream, body)
    if body.texts("data"):
        return None
    until = instant_of(oldest)
    return _hole(part, since, oldest, until, f"the API reaches back {stream.reach:,} posts")


def _hole(part: Part, since: int, before: int | None, until: datetime | None, reason: str) -> Hole:
    since_at = instant_of(since)
    return Hole(
        part=part.key,
        from_at=f"{since_at:%Y-%m-%dT%H:%M:%SZ}",
        until_at=f"{max(until or since_at, since_at):%Y-%m-%dT%H:%M:%SZ}",
        after_id=str(since),
        before_id=None if before is None else str(before),
        reason=reason,
    )


def refresh(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """The stored posts of the last days, looked up again for what has become of their numbers."""
    days = start.extra.get(stream.per)
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise SpecError(f"{stream.kind}: extra {stream.per} is a whole number of days")
    ids = start.recent(days)
    done = 0
    try:
        while done < len(ids):
            size = min(LOOKUP_SIZE, start.room(LOOKUP_PATH, 1, 0))
            yield from look_up(stream, stream.name, ids[done : done + size], get)
            done += size
    except (BudgetSpent, OutOfCredits) as stop:
        raise type(stop)(
            f"{stop}. Not looked up again: {len(ids) - done} of {len(ids)} posts, from "
            f"{_told(int(ids[done]))} back"
        ) from None
    yield Page(stream.name, [], None, is_last=True)


def look_up(stream: Stream, name: str, ids: list[str], get: Get) -> Iterator[Page]:
    """Posts by id, as records of the stream `name`. Those deleted or protected are not in the
    answer, which is no error."""
    for at in range(0, len(ids), LOOKUP_SIZE):
        params = {**stream.params, "ids": ",".join(ids[at : at + LOOKUP_SIZE])}
        body = get(LOOKUP_PATH, params)
        refuse_errors(stream, body)
        yield Page(name, with_authors(body))


def _meta(body: Body) -> dict[str, Any]:
    meta = body.value("meta")
    return meta if isinstance(meta, dict) else {}


def _gather(records: list[str], seen: _Seen) -> set[str]:
    """The ids that these posts point at and that the walk has not come across.

    A post that answers one of ours points at what the walk of our own posts brings: not wanted.
    """
    wanted: set[str] = set()
    for record in records:
        post = parsed(record) or {}
        try:
            ids = {str(post["id"]), *map(str, post.get("edit_history_tweet_ids") or [])}
            answers_us = str(post.get("in_reply_to_user_id")) in seen.own
            points_at = [
                str(each["id"])
                for each in post.get("referenced_tweets") or []
                if not (answers_us and each.get("type") == "replied_to")
            ]
        except (TypeError, KeyError, AttributeError):
            continue  # it goes to quarantine when it is loaded
        seen.ids |= ids
        wanted.update(points_at)
    wanted -= seen.ids
    seen.ids |= wanted  # asked for now, and not again
    return wanted


def with_authors(body: Body) -> list[str]:
    """The posts of a body, each carrying its author."""
    records = body.texts("data")
    authors: dict[str, str] = {}
    for text, user in body.inner("includes").objects("users"):
        authors[str(user.get("id"))] = text
    carried = []
    for record in records:
        author = authors.get(str((parsed(record) or {}).get("author_id")))
        carried.append(with_member(record, "_author", author) if author else record)
    return carried


def _labelled(part: Part, records: list[str]) -> list[str]:
    if part.label is None:
        return records
    label = json.dumps(part.label)
    return [with_member(record, "_query", label) for record in records]


def refuse_errors(stream: Stream, body: Body) -> None:
    """200 with `errors`: a post that is gone is no matter, an account that may not go on is."""
    errors = body.value("errors")
    for error in errors if isinstance(errors, list) else []:
        kind = str(error.get("type", "")).rsplit("/", 1)[-1] if isinstance(error, dict) else ""
        told = f"{stream.kind}.{stream.name}: the API answered 200 with {kind!r}"
        if kind in CAPPED:
            raise OutOfCredits(told)
        if kind in ("rate-limit-exceeded", "client-forbidden"):
            raise SourceError(told)


def instant_of(post_id: int) -> datetime:
    """When a post was written, which its id counts in its high bits; UTC, whole seconds.

    >>> instant_of(2028047596643155968)
    datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.timezone.utc)
    """
    return datetime.fromtimestamp(((post_id >> 22) + FIRST_MILLISECOND) // 1000, UTC)


def first_id_at(instant: datetime) -> int:
    """The smallest id that a post of this instant can have."""
    return max(0, int(instant.timestamp() * 1000) - FIRST_MILLISECOND) << 22


def _id(value: Any) -> int | None:
    """A post's id; None for what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 2**63 else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return None


def _told(id_: int) -> str:
    return f"post {id_} of {instant_of(id_):%Y-%m-%d %H:%M:%S}"
