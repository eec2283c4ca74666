"""What goes wrong at a source, or on the way from it: answers that come whole and are not true.

A list of them by name, and what each makes of a share of the records that the sandbox serves or
delivers in a night. Who notices is tried by `mutate_sources.py`.
"""

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from answerable.sandbox.company import DAY, GROUPS
from answerable.sandbox.exports import FILES, File
from answerable.sandbox.server import Fault
from answerable.sources import KINDS, Stream

Json = dict[str, Any]
Name = tuple[str, str]  # source and stream; of an export, the name of its file
Change = Callable[[Json], list[Json]]  # what is served in a record's place
Rewrite = Callable[[Name, list[Json]], list[Json]]

SIZES = (1.0, 0.2, 0.02, 0.002)
HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongAnswer:
    """One thing that goes wrong. Of the night's records that it can change, a share is changed."""

    name: str
    streams: tuple[Name, ...] = ()
    change: Change = lambda record: [record]
    sizes: tuple[float, ...] = SIZES
    newest_by: str | None = None  # the share is the newest by this field, else drawn
    resent: Callable[[Json], bool] | None = None  # records of any age that come again tonight
    is_late: bool = False  # the source's own state is `size` of a day old


# -- what becomes of a record -------------------------------------------------------------------


def _places(holder: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """Where the path leads, as the object or list that holds it and the key there."""
    head, _, rest = path.partition(".")
    name = head.removesuffix("[]")
    if not isinstance(holder, dict) or name not in holder:
        return
    if head == name:
        if not rest:
            yield holder, name
        else:
            yield from _places(holder[name], rest)
        return
    for number, each in enumerate(holder[name]):
        if not rest:
            yield holder[name], number
        else:
            yield from _places(each, rest)


def _each(paths: Sequence[str], value: Callable[[Any], Any]) -> Change:
    def change(record: Json) -> list[Json]:
        made = deepcopy(record)
        for path in paths:
            for holder, key in _places(made, path):
                holder[key] = value(holder[key])
        return [made]

    return change


def _missing(record: Json) -> list[Json]:
    return []


def _null(*paths: str) -> Change:
    return _each(paths, lambda value: None)


def _empty(*paths: str) -> Change:
    return _each(paths, lambda value: "")


def _absent(*paths: str) -> Change:
    def change(record: Json) -> list[Json]:
        made = deepcopy(record)
        for path in paths:
            for holder, key in list(_places(made, path)):
                del holder[key]
        return [made]

    return change


def _renamed(path: str, name: str) -> Change:
    def change(record: Json) -> list[Json]:
        made = deepcopy(record)
        for holder, key in list(_places(made, path)):
            holder[name] = holder.pop(key)
        return [made]

    return change


def _twice(*ids: str) -> Change:
    other = _each(ids, _other_id)
    return lambda record: [record, *other(record)]


def _other_id(given: Any) -> Any:
    if isinstance(given, int):
        return given + 10**9
    return str(int(given) + 1) if given.isdigit() else f"{given}b"


def _swapped(path: str, values: Mapping[Any, Any]) -> Change:
    return _each([path], lambda value: values.get(value, value))


def _each_for_the_other(*values: Any) -> dict[Any, Any]:
    """Each value stands for the next."""
    return dict(zip(values, [*values[1:], values[0]], strict=True))


def _scaled(path: str, factor: float) -> Change:
    def value(given: Any) -> Any:
        if isinstance(given, str):  # a cell
            return str(round(int(given) * factor)) if given.isdigit() else given
        return given if given is None else round(given * factor)

    return _each([path], value)


def _shifted(seconds: int, *paths: str) -> Change:
    return _each(paths, lambda value: _later(value, seconds))


def _later(instant: Any, seconds: int) -> Any:
    """The instant moved, as it is written.

    >>> _later("2026-03-03T23:30:00.000Z", 3600), _later(1772580600, 3600)
    ('2026-03-04T00:30:00.000Z', 1772584200)
    >>> _later("2026-03-03T23:30:00+01:00", 3600), _later("", 3600)
    ('2026-03-04T00:30:00+01:00', '')
    """
    if not instant:
        return instant
    if isinstance(instant, int):
        return instant + seconds
    moved = datetime.fromisoformat(instant) + timedelta(seconds=seconds)
    text = moved.isoformat(timespec="milliseconds" if "." in instant else "seconds")
    return text.replace("+00:00", "Z") if instant.endswith("Z") else text


# -- the list -----------------------------------------------------------------------------------

TICKETS, EVENTS, USERS = ("zendesk", "tickets"), ("zendesk", "ticket_events"), ("zendesk", "users")
METRICS, RATINGS = ("zendesk", "ticket_metric_events"), ("zendesk", "satisfaction_ratings")
MENTIONS, POSTS = ("x", "mentions"), ("x", "posts")
ON_X = (MENTIONS, POSTS, ("x", "search"), ("x", "refreshed_posts"))
CALLS = ("switchboard", "calls")
LISTS = ("groups", "group_memberships", "brands", "sla_policies", "schedules")

ALL = (1.0,)
_ZENDESK = (TICKETS, EVENTS, USERS, METRICS, RATINGS, ("zendesk", "organizations"))
_TICKET_TIMES = ("created_at", "updated_at", "generated_timestamp")
_EVENT_TIMES = ("timestamp", "created_at", "child_events[].created_at")
_CALL_TIMES = ("begin", "queued", "connected", "end")
_IDS = {
    TICKETS: ("id",),
    EVENTS: ("id", "child_events[].id"),
    MENTIONS: ("id", "edit_history_tweet_ids[]"),
    CALLS: ("call_no",),
}
_TIMES = {
    TICKETS: _TICKET_TIMES,
    EVENTS: _EVENT_TIMES,
    METRICS: ("time",),
    MENTIONS: ("created_at",),
    CALLS: _CALL_TIMES,
}
_OF_A_GROUP = _each_for_the_other(*(group.id for group in GROUPS))
_SOLVED = {"solved": "open", "open": "solved"}
_URGENT = {"urgent": "low", "high": "normal", "normal": "high", "low": "urgent"}
_CALL_ENDS = {"answered": "lost", "lost": "answered"}
_SCORES = {
    f"{one}{tail}": f"{other}{tail}"
    for one, other in (("good", "bad"), ("bad", "good"))
    for tail in ("", "_with_comment")
}


def _of(stream: Name) -> str:
    return ".".join(stream)


def _list() -> Iterator[WrongAnswer]:
    def wrong(name: str, stream: Name, change: Change, **how: Any) -> WrongAnswer:
        return WrongAnswer(name=f"{_of(stream)}: {name}", streams=(stream,), change=change, **how)

    # records that are not there
    for stream in (TICKETS, EVENTS, USERS, METRICS, RATINGS, MENTIONS, POSTS, CALLS):
        yield wrong("records are missing", stream, _missing)
    for stream, field in ((EVENTS, "timestamp"), (MENTIONS, "id"), (CALLS, "begin")):
        yield wrong("the newest are missing", stream, _missing, newest_by=field)
    for source, streams in {"zendesk": _ZENDESK, "x": ON_X}.items():
        yield WrongAnswer(
            name=f"{source}: answers, and has nothing new",
            streams=streams,
            change=_missing,
            sizes=ALL,
        )
    for stream in LISTS:
        yield wrong("the list is empty", ("zendesk", stream), _missing, sizes=ALL)
    for source in ("zendesk", "x"):
        yield WrongAnswer(
            name=f"{source}: shows what it was up to a day ago",
            streams=((source, ""),),
            sizes=SIZES[:3],
            is_late=True,
        )

    # records that are there twice
    for stream, ids in _IDS.items():
        yield wrong("records come again under new ids", stream, _twice(*ids))

    # fields that hold nothing
    for stream, what, paths in (
        (TICKETS, "created_at", ["created_at"]),
        (TICKETS, "requester_id", ["requester_id"]),
        (TICKETS, "status", ["status"]),
        (TICKETS, "brand_id", ["brand_id"]),
        (EVENTS, "author_id of comments", ["child_events[].author_id"]),
        (MENTIONS, "author_id", ["author_id"]),
        (MENTIONS, "created_at", ["created_at"]),
    ):
        yield wrong(f"{what} is null", stream, _null(*paths))
    for field in ("begin", "result", "clerk"):
        yield wrong(f"{field} is empty", CALLS, _empty(field))
    yield wrong("tags are empty", TICKETS, _each(["tags"], lambda value: []))
    words = [f"child_events[].{name}" for name in ("body", "html_body", "plain_body")]
    yield wrong("texts of comments are empty", EVENTS, _empty(*words))
    yield wrong("texts are empty", MENTIONS, _empty("text"))

    # another schema
    yield wrong("via is no more", TICKETS, _absent("via"))
    yield wrong("child_events is called events", EVENTS, _renamed("child_events", "events"))
    yield wrong("comments have no public", EVENTS, _absent("child_events[].public"))
    yield wrong("role is called user_role", USERS, _renamed("role", "user_role"))
    yield wrong("conversation_id is no more", MENTIONS, _absent("conversation_id"))
    yield wrong("the column line is called queue", CALLS, _renamed("line", "queue"), sizes=ALL)
    yield wrong("ids are texts with a prefix", TICKETS, _each(["id"], lambda value: f"T-{value}"))
    yield wrong(
        "ids are rounded numbers",
        MENTIONS,
        _each(["id", "edit_history_tweet_ids[]"], lambda value: float(value)),
    )

    # times
    for stream, paths in _TIMES.items():
        yield wrong("times are an hour late", stream, _shifted(HOUR, *paths))
    for stream in (EVENTS, MENTIONS, CALLS):
        yield wrong("times are a day late", stream, _shifted(DAY, *_TIMES[stream]))

    # labels
    yield wrong("status is solved for open, open for solved", TICKETS, _swapped("status", _SOLVED))
    for field, values in (
        ("status", _SOLVED),
        ("priority", _URGENT),
        ("group_id", _OF_A_GROUP),
    ):
        yield wrong(f"{field} is another's", EVENTS, _swapped(f"child_events[].{field}", values))
    public = "child_events[].public"
    yield wrong("internal notes are public", EVENTS, _swapped(public, {False: True}))
    yield wrong("score is bad for good, good for bad", RATINGS, _swapped("score", _SCORES))
    yield wrong("result is lost for answered", CALLS, _swapped("result", _CALL_ENDS))
    yield wrong("deleted are closed", TICKETS, _swapped("status", {"deleted": "closed"}))

    # numbers
    yield wrong("handling_s is in sixtieths", CALLS, _scaled("handling_s", 60))
    seen = "public_metrics.impression_count"
    yield WrongAnswer(
        name="x: impressions a thousandfold", streams=ON_X, change=_scaled(seen, 1000)
    )
    minutes = "policy_metrics[].target_in_seconds"
    yield wrong("targets are minutes for seconds", ("zendesk", LISTS[3]), _scaled(minutes, 1 / 60))

    # of all that there is, sent again
    yield wrong(
        "our people come as end-users",
        USERS,
        _each(["role"], lambda value: "end-user"),
        resent=lambda user: user["role"] != "end-user",
    )
    yield wrong("all come again without brand_id", TICKETS, _null("brand_id"), resent=bool)
    yield wrong(
        "all come again with another's requester_id",
        TICKETS,
        _each(["requester_id"], lambda value: value + 1),
        resent=bool,
    )


WRONG_ANSWERS: Mapping[str, WrongAnswer] = {each.name: each for each in _list()}


# -- which records ------------------------------------------------------------------------------

Served = Mapping[Name, Mapping[str, Json]]  # a night's records, by stream and id


def concerned(wrong: WrongAnswer, served: Served) -> list[tuple[Name, str, Json]]:
    """The records that are something else when it is done to them."""
    return [
        (stream, key, record)
        for stream in wrong.streams
        for key, record in served.get(stream, {}).items()
        if wrong.change(record) != [record]
    ]


def chosen(wrong: WrongAnswer, size: float, served: Served) -> set[tuple[Name, str]]:
    """Those that it is done to: a share, at least one where there is any. A smaller share is among
    a larger one."""
    found = concerned(wrong, served)
    if wrong.newest_by:
        found.sort(key=lambda each: _order(each[2][wrong.newest_by]), reverse=True)
    else:
        found.sort(key=lambda each: hashlib.sha256(f"{wrong.name}|{each[:2]}".encode()).digest())
    count = max(1, round(size * len(found))) if found else 0
    return {each[:2] for each in found[:count]}


def _order(value: Any) -> tuple[int, str]:
    """Numbers by size, whether they are written as texts or not; other texts as they are."""
    text = str(value)
    return (int(text), "") if text.isdigit() else (0, text)


def rewriting(wrong: WrongAnswer, those: Collection[tuple[Name, str]]) -> Rewrite:
    def rewrite(stream: Name, records: list[Json]) -> list[Json]:
        return [
            served
            for number, record in enumerate(records)
            for served in (
                wrong.change(record) if (stream, key_of(record, number)) in those else [record]
            )
        ]

    return rewrite


def key_of(record: Json, number: int) -> str:
    """Of a row, its number; else the id."""
    return str(record["id"]) if "id" in record else str(number)


# -- on the way ---------------------------------------------------------------------------------

_PATHS = [
    (re.compile(re.escape(each.path).replace(r"\{user_id\}", "[^/]+")), each)
    for streams in KINDS.values()
    for each in streams
]


def between(
    rewrite: Rewrite, resent: Mapping[Name, list[Json]] | None = None
) -> Callable[[str, int], Fault | None]:
    """Faults of the sandbox that have each page of records pass `rewrite`; what is sent again comes
    with the first page of its stream."""
    left = dict(resent or {})

    def fault(target: str, number: int) -> Fault | None:
        path = urlsplit(target).path
        stream = next((each for pattern, each in _PATHS if pattern.fullmatch(path)), None)
        if stream is None:
            return None
        more = left.pop((stream.kind, stream.name), [])
        return Fault(path="", kind="body", change=partial(_page, stream, rewrite, more))

    return fault


def _page(stream: Stream, rewrite: Rewrite, more: list[Json], body: Json) -> Json:
    records = body.get(stream.items, [])
    counts = body.get("count") == len(records)
    served = rewrite((stream.kind, stream.name), records + more)
    if records or served:
        body[stream.items] = served
    if counts:
        body["count"] = len(served)
    if stream.kind == "x" and "meta" in body:
        _count_as_x(body, served)
    return body


def _count_as_x(body: Json, served: list[Json]) -> None:
    """An answer without posts has no `data`, and none that is its newest."""
    body["meta"]["result_count"] = len(served)
    ids = [str(each["id"]) for each in served]
    for name, ends in (("newest_id", ids[:1]), ("oldest_id", ids[-1:])):
        body["meta"].pop(name, None)
        if ends:
            (body["meta"][name],) = ends
    if not served:
        body.pop("data", None)


def rows(file: File, path: Path) -> list[Json]:
    """What a delivered file holds."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if file.is_packed else data).decode(file.encoding)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=file.delimiter))


def delivered(paths: Sequence[Path], rewrite: Rewrite) -> None:
    """The same in files that were delivered; one that holds nothing any more has its headings."""
    for path in paths:
        file = next(
            each
            for each in FILES
            if (each.source, each.name) == (path.parent.name, path.name.partition("_")[0])
        )
        was = rows(file, path)
        now = rewrite((file.source, file.name), was)
        if now != was:
            columns = tuple((now or was)[0])
            cells = [[row.get(column) for column in columns] for row in now]
            replace(file, columns=columns).write(path, cells)
