"""Walks: how the pages of a stream follow one another.

Each walk is handed `get(path, params)` and yields pages; it knows no network and no clock. What
holds for all of them: the end is what the API says, never a short or an empty page; of a link in
a body only the cursor is taken, never its host; a page that points back at itself is an error.
A page's `cursor_to` is what the watermark may become once the page's records are stored, None
where it must not move yet.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from answerable.sources.body import Body, parsed, with_member
from answerable.sources.errors import NoProgress, RequestRejected, SourceError, SpecError
from answerable.sources.page import Get, Page, Start, Window, leading_on, read_cursor
from answerable.sources.stream import Poison, Stream, epoch
from answerable.sources.timelines import newest_first, refresh

CURSOR_SLACK_SECONDS = 3600  # how far before the last row we start over when a cursor is refused


def walk(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """The pages of `stream` from `start` on."""
    return WALKS[stream.paging](stream, start, get)


# how a stream is walked -> why no window of the past can be asked of it
NO_WINDOW: Mapping[str, str] = {
    "cursor_list": "its list is read whole, every night",
    "snapshot": "its source keeps no history; what it holds now is what every night reads",
    "refresh": "it looks stored posts up as they are now",
    "lookup": "it comes with the streams whose posts point at its own",
}


def no_window(stream: Stream) -> str | None:
    """Why a window of the past cannot be pulled again; None where it can."""
    if stream.paging in WINDOWED:
        return None
    return NO_WINDOW.get(stream.paging, "its walk takes no window")


def _write_cursor(**value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _start_time(stream: Stream, start: Start) -> int:
    value = start.extra.get("start_time", 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(f"{stream.kind}: extra start_time must be a whole number of seconds")
    return value


def _asked_from(stream: Stream, start: Start, reached: int | None) -> int:
    """A window's beginning; else what was reached less the overlap; else what the connection
    says."""
    since = max(0, reached - stream.overlap_seconds) if reached else _start_time(stream, start)
    return start.window.since if start.window else since


def _is_past(window: Window | None, instant: int | None) -> bool:
    return window is not None and instant is not None and instant >= window.until


def _newest_version(stream: Stream, records: list[str]) -> int | None:
    """The version of the last record; None where it has none. Exports come in ascending order."""
    for record in reversed(records):
        try:
            return int(stream.version_of(parsed(record) or {}))
        except Poison:
            continue
    return None


def cursor_export(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """Zendesk's cursor export: start_time once, then the cursor for ever.

    start_time is never sent beside a cursor (peers lost rows that way). A cursor that is refused
    falls back to the instant of the last row seen, less slack; what comes twice is told by hash.
    """
    where = f"{stream.kind}.{stream.name}"
    at = read_cursor(stream, start.cursor)
    seen_until: int | None = at.get("seen_until")
    size = {stream.page_size_param: str(stream.page_size)}
    window = start.window
    first = {"start_time": str(window.since if window else _start_time(stream, start))}
    if at.get("cursor"):
        first = {"cursor": at["cursor"]}
    cursor = first.get("cursor")

    def stuck(body: Body) -> str | None:
        is_last, after = body.value("end_of_stream"), body.value("after_cursor")
        if not isinstance(is_last, bool):
            raise SourceError(f"{where}: no end_of_stream in the body")
        if is_last or (after and after != cursor):
            return None
        found = "the one that was sent" if after else "missing"
        return f"{where}: end_of_stream is false, yet after_cursor is {found}"

    try:
        body = leading_on(get, stream.path, {**stream.params, **size, **first}, stuck)
    except RequestRejected as error:
        if cursor is None or error.status not in (400, 404, 410, 422):
            raise
        since = max(0, (seen_until or 0) - CURSOR_SLACK_SECONDS)
        cursor = None
        params = {**stream.params, **size, "start_time": str(since)}
        body = leading_on(get, stream.path, params, stuck)
    while True:
        records = _with_sideloads(stream, body)
        is_last = body.value("end_of_stream")
        cursor = body.value("after_cursor") or cursor
        seen_until = _newest_version(stream, records) or seen_until
        # rows come by when they were generated, which is not before the version that they bear
        is_last = is_last or _is_past(window, seen_until)
        yield Page(
            stream.name,
            records,
            _write_cursor(cursor=cursor, seen_until=seen_until) if cursor else None,
            is_last,
        )
        if is_last:
            return
        params = {**stream.params, **size, "cursor": cursor}
        body = leading_on(get, stream.path, params, stuck)


def time_export(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """Zendesk's time-based export: the next page starts at this one's last second, again.

    The page limit cuts inside a second in no useful order, so that second is read again and what
    came before is dropped. A second that fills a whole page makes the export stand still.
    """
    where = f"{stream.kind}.{stream.name}"
    at = read_cursor(stream, start.cursor)
    reached: int | None = at.get("end_time")
    asked = _asked_from(stream, start, reached)
    before: set[str] = set()

    def is_end(body: Body) -> bool:
        said = body.value("end_of_stream")
        if said is None:  # older accounts: a page that is not full is the last, as documented
            count = body.value("count")
            return isinstance(count, int) and count < stream.page_size
        return bool(said)

    def stuck(body: Body) -> str | None:
        end_time = body.value("end_time")
        if end_time is not None and (isinstance(end_time, bool) or not isinstance(end_time, int)):
            raise SourceError(f"{where}: end_time is not a whole number of seconds")
        if is_end(body) or (end_time is not None and end_time > asked):
            return None
        return (
            f"{where}: a full page ends in the second it started in (start_time {asked}); going on "
            "by time would skip what else that second holds. Ask the vendor for a cursor export "
            "of it, or raise the page size"
        )

    while True:
        params = {stream.page_size_param: str(stream.page_size), "start_time": str(asked)}
        body = leading_on(get, stream.path, {**stream.params, **params}, stuck)
        records = _with_sideloads(stream, body)
        end_time, is_last = body.value("end_time"), is_end(body)
        if end_time is not None:
            reached = max(end_time, reached or 0)
            is_last = is_last or _is_past(start.window, end_time)
        yield Page(
            stream.name,
            [record for record in records if record not in before],
            None if reached is None else _write_cursor(end_time=reached),
            is_last,
        )
        if is_last:
            return
        before = set(records)
        asked = end_time


def cursor_since(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """A list by cursor of what is not older than start_time.

    The list's order is nobody's promise, so the watermark moves after the last page: to the newest
    instant seen, before which the next walk starts by the overlap. What changes for longer than
    that after it was made is not seen to change.
    """
    reached = read_cursor(stream, start.cursor).get("seen_until")
    # of a window up to its end and on to the list's, whose order is nobody's promise
    asked = _asked_from(stream, start, reached)
    for page in cursor_list(stream, start, get, {"start_time": str(asked)}):
        for record in page.records:
            try:
                made = int(epoch((parsed(record) or {}).get(stream.since_field), "start"))
            except Poison:
                continue  # it goes to quarantine when it is loaded
            reached = max(made, reached or 0)
        cursor_to = _write_cursor(seen_until=reached) if page.is_last and reached else None
        yield Page(page.stream, page.records, cursor_to, page.is_last)


def newest_since(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """A list by cursor that takes no start_time and comes newest first, as others found it.

    It ends where a page is older than the watermark, less the overlap. Nobody promises the order:
    where it does not hold, the list is walked to its end. The watermark moves after that.
    """
    reached = read_cursor(stream, start.cursor).get("seen_until")
    asked = _asked_from(stream, start, reached)
    last: int | None = None
    in_order = True
    for page in cursor_list(stream, start, get):
        new = []
        for record in page.records:
            try:
                made = int(epoch((parsed(record) or {}).get(stream.since_field), "start"))
            except Poison:
                new.append(record)  # it goes to quarantine when it is loaded
                continue
            in_order = in_order and (last is None or made <= last)
            last = made
            reached = max(made, reached or 0)
            if made >= asked and not _is_past(start.window, made):
                new.append(record)
        is_last = page.is_last or (in_order and last is not None and last < asked)
        cursor_to = _write_cursor(seen_until=reached) if is_last and reached else None
        yield Page(page.stream, new, cursor_to, is_last)
        if is_last:
            return


def cursor_list(
    stream: Stream, start: Start, get: Get, more: Mapping[str, str] | None = None
) -> Iterator[Page]:
    """A list by cursor: meta.has_more tells whether there is more, links.next where."""
    where = f"{stream.kind}.{stream.name}"
    params = {**stream.params, **(more or {}), stream.page_size_param: str(stream.page_size)}
    cursor: str | None = None
    seen: set[str] = set()

    def next_of(body: Body) -> str | None:
        """The next cursor, None at the end."""
        meta = body.value("meta")
        if not isinstance(meta, dict) or not isinstance(meta.get("has_more"), bool):
            raise SourceError(f"{where}: no meta.has_more in the body")
        if not meta["has_more"]:
            return None
        after = meta.get("after_cursor")
        if after and not isinstance(after, str):
            raise SourceError(f"{where}: meta.after_cursor is not a text")
        return after or _cursor_in(body.value("links"), "page[after]") or ""

    def stuck(body: Body) -> str | None:
        after = next_of(body)
        if after is None or (after and after not in seen):
            return None
        found = "one that was sent before" if after else "missing"
        return f"{where}: has_more is true, yet the next cursor is {found}"

    while True:
        asked = {**params, "page[after]": cursor} if cursor else params
        body = leading_on(get, stream.path, asked, stuck)
        cursor = next_of(body)
        yield Page(stream.name, _with_sideloads(stream, body), None, cursor is None)
        if cursor is None:
            return
        seen.add(cursor)


def snapshot(stream: Stream, start: Start, get: Get) -> Iterator[Page]:
    """A list as it is now, all of it one record: what is gone from it is seen to be gone.

    For lists that are short, change rarely and have no history at their source. Each element can
    carry what the source has at a path of its own.
    """
    where = f"{stream.kind}.{stream.name}"
    found: list[str] = []
    asked: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        body = get(stream.path, {**stream.params, **asked})
        if stream.items not in body.parts:
            raise SourceError(f"{where}: no {stream.items} in the body")
        found += body.texts(stream.items)
        number = _cursor_in({"next": body.value("next_page")}, "page")
        if number is None:
            break
        if number in seen:
            raise NoProgress(f"{where}: page {number} is said to follow itself")
        seen.add(number)
        asked = {"page": number}
    for member, (path, items) in stream.beside.items():
        for place, text in enumerate(found):
            id_ = (parsed(text) or {}).get("id")
            if isinstance(id_, bool) or not isinstance(id_, int | str):
                continue  # the list goes to quarantine when it is loaded
            more = get(path.format(id=quote(str(id_), safe="")), {}).texts(items)
            found[place] = with_member(text, member, f"[{','.join(more)}]")
    record = f'{{"id":"all","_version":0,{json.dumps(stream.items)}:[{",".join(found)}]}}'
    yield Page(stream.name, [record], None, is_last=True)


def _cursor_in(links: Any, param: str) -> str | None:
    """The cursor of links.next. Its host, path and all the rest are nobody's business."""
    link = links.get("next") if isinstance(links, dict) else None
    if not isinstance(link, str):
        return None
    return next(iter(parse_qs(urlsplit(link).query).get(param, [])), None)


def _with_sideloads(stream: Stream, body: Body) -> list[str]:
    """The records; a user carries its identities, when the body has them beside the users."""
    records = body.texts(stream.items)
    if "identities" not in body.parts:
        return records
    of: dict[str, list[str]] = {}
    for text, identity in body.objects("identities"):
        of.setdefault(str(identity.get("user_id")), []).append(text)
    carried = []
    for record in records:
        mine = of.get(str((parsed(record) or {}).get("id")), [])
        carried.append(with_member(record, "_identities", f"[{','.join(mine)}]"))
    return carried


WALKS: Mapping[str, Callable[[Stream, Start, Get], Iterator[Page]]] = {
    "cursor_export": cursor_export,
    "time_export": time_export,
    "cursor_list": cursor_list,
    "cursor_since": cursor_since,
    "newest_since": newest_since,
    "snapshot": snapshot,
    "newest_first": newest_first,
    "refresh": refresh,
}
WINDOWED = frozenset(
    {"cursor_export", "time_export", "cursor_since", "newest_since", "newest_first"}
)
