"""Every fault of transport and paging over whole nights: what is published is as without it.

One line of FAULTS is one fault, at a stream of its own; those of one `night` strike together, so
that a few nights try them all. None hides another: streams are walked apart from each other, each
fault must have struck, and `test_none_of_these_faults_is_harmless` sees each of them fail its
stream when nothing is tried again. Expected is one of

equal    everything that readers see is as in the night without faults, row for row
stale    the night is published without the stream and says so; the next night, without faults,
         leaves what it would have left, but for public numbers of posts: they are as of a look
later    nothing is wrong with the night, and what it could not see the next one brings
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import odd_bodies as odd
import pytest
from trials import FIRST, SECOND, THIRD, Published, Trials, but_for_numbers, unlike

from answerable.sandbox.server import Fault, serve
from answerable.sources import stream as stream_of

ALL_NIGHT = 10**6
PAST = "Sun, 01 Mar 2020 00:00:00 GMT"
# where a 429 bears no Retry-After its other headers are asked, which the sandbox sends as well
NO_RESET = {
    "ratelimit-reset": "",
    "x-rate-limit-reset": "",
    "Zendesk-RateLimit-incremental-exports": "",
}
ELSEWHERE = {"Location": "http://127.0.0.1:{other}/api/v2/incremental/ticket_events.json"}
# a body takes a second at most, so that a slow one can be told without waiting for minutes
LIMITS = {"read": 1.0, "body": 1.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault at one stream in one night."""

    night: str
    expected: str
    stream: str
    name: str
    fault: Fault


def row(expected: str, name: str, stream: str, times: int = 1, **fault: Any) -> Row:
    source, _, described = stream.partition(".")
    path = re.sub(r"\{\w+\}", r"\\d+", stream_of(source, described).path) + r"(\?|$)"
    if "change" in fault:
        fault["kind"] = "body"
    return Row(
        night="",
        expected=expected,
        stream=stream,
        name=name,
        fault=Fault(path, times=times, **fault),
    )


def wait(text: str) -> dict[str, str]:
    return {"Retry-After": text}


# by night: the state that it begins with, its day, and what goes wrong in it
NIGHTS = {
    "transport": ("nothing", FIRST, [
        row("equal", "429, seconds", "zendesk.tickets", 4, status=429, headers=wait("0")),
        row("equal", "429, date", "zendesk.ticket_events", 4, status=429, headers=wait(PAST)),
        row("equal", "429, no Retry-After", "zendesk.users", 4, status=429, headers=NO_RESET),
        row("equal", "429, seven times of eight", "zendesk.satisfaction_ratings", 7, status=429,
            headers=wait("0.01s")),
        row("equal", "500 burst", "zendesk.organizations", 5, status=500),
        row("equal", "200 with a page for people", "zendesk.groups", 3, kind="html"),
        row("equal", "200 without a body", "zendesk.group_memberships", 3, kind="empty"),
        row("equal", "gzip cut short", "zendesk.brands", 3, kind="gzip"),
        row("equal", "JSON cut short, right length", "zendesk.sla_policies", 3, kind="short"),
        row("equal", "connection reset", "zendesk.schedules", 3, kind="reset"),
        row("equal", "body breaks off", "zendesk.ticket_metric_events", 3, kind="cut", nth=3),
        row("equal", "slow loris", "x.posts", kind="drip", seconds=0.02),
        row("equal", "no answer in time", "x.mentions", kind="slow", seconds=1.5),
    ]),
    "stale": (FIRST, SECOND, [
        row("stale", "token expires in mid-walk", "zendesk.group_memberships", ALL_NIGHT,
            status=401, nth=2),
        row("stale", "301 to another host", "zendesk.ticket_events", ALL_NIGHT, status=301,
            headers=ELSEWHERE),
        row("stale", "Retry-After of a day", "zendesk.users", ALL_NIGHT, status=429,
            headers=wait("86400")),
        row("stale", "500 all night", "zendesk.organizations", ALL_NIGHT, status=500),
        row("stale", "200, no object", "zendesk.groups", ALL_NIGHT, change=odd.not_an_object),
        row("stale", "400 in mid-walk", "zendesk.ticket_metric_events", ALL_NIGHT, status=400,
            nth=3),
        row("stale", "200 with client-forbidden", "x.mentions", ALL_NIGHT,
            change=odd.with_errors("client-forbidden")),
        row("stale", "slow loris all night", "x.posts", ALL_NIGHT, kind="drip", seconds=0.02),
    ]),
    "paging": ("nothing", FIRST, [
        row("equal", "page before once more", "zendesk.users", kind="duplicate", nth=2),
        row("equal", "out of order", "zendesk.ticket_events", 3, change=odd.reversed_),
        row("equal", "next equals current", "zendesk.group_memberships", kind="duplicate", nth=2),
        row("equal", "empty page, not the end", "zendesk.tickets", change=odd.empty_at_the_start),
        row("equal", "page that shrinks", "zendesk.tickets", change=odd.halved, nth=3),
        row("equal", "has_more without a cursor", "zendesk.ticket_metric_events", 2,
            change=odd.more_without_a_cursor, nth=2),
        row("equal", "count lies: too many", "zendesk.organizations", ALL_NIGHT,
            change=odd.lying(10**9)),
        row("equal", "count lies: none", "x.mentions", ALL_NIGHT, change=odd.lying(0)),
        row("equal", "duplicate page", "zendesk.ticket_events", 4, change=odd.Repeating, nth=4),
        row("equal", "timeline page twice", "x.posts", kind="duplicate", nth=2),
    ]),
    "resume": (FIRST, SECOND, [
        row("equal", "cursor refused with 422", "zendesk.tickets", status=422),
        row("equal", "cursor refused with 400", "zendesk.users", status=400),
    ]),
    "stuck": (FIRST, SECOND, [
        row("stale", "next equals current for ever", "zendesk.tickets", ALL_NIGHT,
            kind="duplicate", nth=2),
        row("stale", "has_more without a cursor for ever", "zendesk.group_memberships", ALL_NIGHT,
            change=odd.more_without_a_cursor),
        row("stale", "a second fills a page", "zendesk.ticket_events", ALL_NIGHT,
            change=odd.stuck_in_one_second),
        row("later", "items inserted at the head", "x.mentions", ALL_NIGHT,
            change=odd.WithoutTheNewest),
    ]),
}  # fmt: skip
FAULTS = [replace(each, night=night) for night, (_, _, rows) in NIGHTS.items() for each in rows]
IN_SUITE = "transport"  # the others are slow


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a night with faults."""

    struck: dict[str, int]
    stale: dict[str, list[str]]
    quarantined: list[tuple[str, str]]
    published: Published
    next_published: Published | None  # after the night that followed, without faults
    next_stale: dict[str, list[str]] | None
    asked_of_the_other: list[tuple[str, int]]


@pytest.fixture(scope="module")
def seen(trials: Trials):
    """Runs a night of the table once, and another after it where one of its faults wants that."""
    kept: dict[str, Seen] = {}

    def run(night: str) -> Seen:
        if night not in kept:
            kept[night] = _run(trials, night)
        return kept[night]

    return run


def _run(trials: Trials, night: str) -> Seen:
    state, day, rows = NIGHTS[night]
    if state != "nothing":
        trials.undisturbed(state)
    trials.back_to(state)
    next_published = next_stale = None
    with serve(size=trials.size) as other:
        faults = [armed(each.fault, other.port) for each in rows]
        with trials.sources(day, faults) as handle:
            trials.good_night(day, handle, limits=LIMITS)
        stale, published = trials.stale(), trials.published()
        quarantined = trials.quarantined()
        if {each.expected for each in rows} & {"stale", "later"}:
            with trials.sources(THIRD) as handle:
                trials.good_night(THIRD, handle)
            next_published, next_stale = trials.published(), trials.stale()
        asked = list(other.requests)
    struck = {each.name: fault.struck for each, fault in zip(rows, faults, strict=True)}
    return Seen(struck, stale, quarantined, published, next_published, next_stale, asked)


def armed(fault: Fault, other_port: int) -> Fault:
    """The fault as one night has it: what it remembers is its own."""
    headers = {name: value.format(other=other_port) for name, value in fault.headers.items()}
    change = fault.change() if isinstance(fault.change, type) else fault.change
    return replace(fault, headers=headers, change=change, seen=0)


def lines() -> list[Any]:
    return [
        pytest.param(
            each,
            id=f"{each.night}: {each.name}, {each.expected}",
            marks=() if each.night == IN_SUITE else pytest.mark.slow,
        )
        for each in FAULTS
    ]


@pytest.mark.parametrize("line", lines())
def test_after_each_fault_what_is_published_is_what_it_would_be(trials, seen, line):
    wanted = trials.undisturbed(NIGHTS[line.night][1])
    night = seen(line.night)
    needed = 1 if line.fault.times == ALL_NIGHT else line.fault.times
    assert night.struck[line.name] >= needed, "the fault never struck"
    assert night.quarantined == [] and night.asked_of_the_other == []
    source, _, stream = line.stream.partition(".")
    if line.expected == "equal":
        assert stream not in night.stale.get(source, [])
        if night.next_published is None:
            assert unlike(night.published, wanted) == {}
        return
    assert (stream in night.stale.get(source, [])) == (line.expected == "stale")
    assert unlike(night.published, wanted) != {}, "the fault changed nothing"
    assert night.next_stale == {}
    next_wanted = but_for_numbers(trials.undisturbed(THIRD))
    assert unlike(but_for_numbers(night.next_published), next_wanted) == {}


def test_none_of_these_faults_is_harmless(trials):
    """Tried once and no more, each fails its stream."""
    _, _, rows = NIGHTS["transport"]
    trials.undisturbed(FIRST)
    trials.back_to(FIRST)
    with trials.sources(SECOND, [armed(each.fault, 0) for each in rows]) as handle:
        trials.night(SECOND, handle, limits=LIMITS | {"attempts": 1})
    found = trials.streams()
    assert {each.stream: found[each.stream] for each in rows} == {
        each.stream: "failed" for each in rows
    }
