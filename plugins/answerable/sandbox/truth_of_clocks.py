"""Where the help desk's own verdicts are others than the company's, and why.

A part of the truth, under its rules. What the help desk's clocks did they tell themselves
(`metrics.py`); what the company means stands here and in `truth.py`. Of several reasons the
first holds that stands in `_cause`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from . import metrics
from .metrics import Clock
from .records import Ticket

Key = tuple[str, str, int]  # case, metric, which clock of it
Promise = tuple[int, bool]  # seconds, and whether they count in opening hours

# by the help desk's names, the company's; next replies are promised by the company alone
_METRICS = {
    "reply_time": "first_reply_time",
    "resolution_time": "resolution_time",
    "requester_wait_time": "requester_wait_time",
    "agent_work_time": "agent_work_time",
    "group_ownership_time": "ownership_time",
}
# of which every case has a clock, whether anybody promised anything or not
_MEASURED = ("first_reply_time", "resolution_time")


@dataclass(frozen=True, slots=True)
class CompanysClock:
    """From when to when, as the company counts; what was promised it; its verdict and the time
    used, in the promise's hours and by the calendar, where the truth has them."""

    started: int
    fulfilled: int | None
    promise: Promise | None = None
    outcome: str | None = None
    elapsed: int | None = None
    calendar: int | None = None


@dataclass(frozen=True, slots=True)
class TrueComparison:
    """`is_same` is None where the truth has no verdict of the company's; `cause` is then that of
    a difference, if there is one."""

    is_same: bool | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Matter:
    """A ticket, what goes on in it, and the company's clocks of it by metric."""

    ticket: Ticket
    first: Ticket  # the oldest of those that go on in it
    is_merged: bool  # it goes on in another
    has_others: bool  # others go on in it
    clocks: dict[str, list[CompanysClock]]


def other_clocks(
    opened: int,
    solved: list[tuple[int, int]],
    lost: tuple[int, int] | None,
    teams: Iterable[tuple[int, str | None]],
    now: int,
) -> dict[str, list[CompanysClock]]:
    """Of the metrics on which the truth gives no verdicts: a customer waits anew after each
    reopening, work goes on, and holding begins with each team, and anew when it was over.
    `solved`: also closed or deleted; what was deleted by mistake was not over for the customer."""
    lives = _between(opened, solved, now)
    waits = _between(opened, [one for one in solved if not lost or one[0] != lost[0]], now)
    runs: list[tuple[int, str | None]] = []
    for at, team in teams:
        if not runs or runs[-1][1] != team:
            runs.append((at, team))
    held = []
    for begin, end in lives:
        for (at, team), (until, _) in zip_longest(runs, runs[1:], fillvalue=(None, None)):
            if team is None or (end is not None and at >= end):
                continue
            if until is None or until > begin:
                ends = [one for one in (until, end) if one is not None]
                held.append((max(at, begin), min(ends) if ends else None))
    return {
        "requester_wait_time": [CompanysClock(begin, end) for begin, end in waits],
        "agent_work_time": [CompanysClock(opened, lives[-1][1])],
        "ownership_time": [CompanysClock(begin, end) for begin, end in held],
    }


def _between(opened: int, solved: list[tuple[int, int]], now: int) -> list[tuple[int, int | None]]:
    lives: list[tuple[int, int | None]] = []
    for begin, end in solved:
        lives.append((opened, begin))
        opened = end
    return [*lives, (opened, None)] if opened < now else lives


def comparisons(matters: Iterable[Matter], now: int) -> dict[Key, TrueComparison]:
    """Each clock of the metrics on which the help desk promised something in a case; of the first
    reply and the resolution where it did not, the time that it measured."""
    found: dict[Key, TrueComparison] = {}
    for matter in matters:
        by_metric: dict[str, list[Clock]] = {}
        for clock in metrics.clocks(matter.ticket):
            if clock.started < now and clock.metric in _METRICS:
                by_metric.setdefault(_METRICS[clock.metric], []).append(clock)
        for metric, theirs in by_metric.items():
            if metric == "first_reply_time":
                theirs = theirs[:1]
            ours = matter.clocks.get(metric, [])
            if not any(_promises(clock, now) for clock in theirs):
                if metric in _MEASURED and ours:
                    measured = _measured(matter, metric, ours[0], theirs[0], now)
                    found |= {(f"zendesk:{matter.ticket.id}", metric, 1): one for one in measured}
                continue
            both = list(zip(ours, theirs, strict=False))
            alike = any(
                _promise(metric, our, their, now) in _promises(their, now)[-1:]
                for our, their in both
            )
            for number, (our, their) in enumerate(zip_longest(ours, theirs), start=1):
                is_same = None
                if our and our.outcome:
                    is_same = their is not None and _is_same(our, their, now)
                elif metric == "ownership_time":
                    is_same = False  # a day by the calendar is none in opening hours
                cause = None if is_same else _cause(matter, metric, our, their, alike, now)
                found[f"zendesk:{matter.ticket.id}", metric, number] = TrueComparison(
                    is_same, cause
                )
    return found


def _measured(
    matter: Matter, metric: str, ours: CompanysClock, theirs: Clock, now: int
) -> Iterator[TrueComparison]:
    """Nothing was promised there: the time by the calendar, of what is fulfilled there."""
    fulfilled = theirs.fulfilled(now)
    if fulfilled is None or ours.calendar is None:
        return
    minutes = theirs.elapsed(fulfilled, in_hours=False) // 60
    is_same = abs(minutes * 60 - ours.calendar) <= 60
    cause = _cause_of_case(matter, metric, ours, theirs, now)
    cause = cause or _cause_of_time(metric, _habits(theirs, now))
    yield TrueComparison(is_same, None if is_same else cause)


def _promises(clock: Clock, now: int) -> list[Promise]:
    """The help desk's, one after the other."""
    return [
        (target["target_in_seconds"], target["business_hours"])
        for at, _, target in clock.applied
        if at < now
    ]


def _promise(metric: str, ours: CompanysClock, theirs: Clock, now: int) -> Promise | None:
    """The company's."""
    urgency = [target["priority"] for at, _, target in theirs.applied if at < now]
    return {
        "requester_wait_time": (2_040 * 60, True),
        "agent_work_time": ((510 if urgency[-1:] == ["urgent"] else 1_530) * 60, True),
        "ownership_time": (1_020 * 60, True),
    }.get(metric, ours.promise)


def _is_same(ours: CompanysClock, theirs: Clock, now: int) -> bool:
    """The same promise, the same verdict, and about as much time."""
    promises, fulfilled = _promises(theirs, now), theirs.fulfilled(now)
    if not promises or promises[-1] != ours.promise:
        return False
    applied_at, _, target = theirs.applied[len(promises) - 1]
    due = theirs.due(target)
    outcome = "running" if fulfilled is None else "met"
    if due is not None and max(due, applied_at) < now:
        outcome = "breached"
    if outcome != ours.outcome:
        return False
    if fulfilled is None or ours.elapsed is None:
        return True
    minutes = theirs.elapsed(fulfilled, in_hours=promises[-1][1]) // 60
    return abs(minutes * 60 - ours.elapsed) <= 60


def _cause(
    matter: Matter,
    metric: str,
    ours: CompanysClock | None,
    theirs: Clock | None,
    alike: bool,
    now: int,
) -> str | None:
    if of_case := _cause_of_case(matter, metric, ours, theirs, now):
        return of_case
    if ours is None or theirs is None:
        return "clock_rule" if alike else "policy_differs"
    habits = _habits(theirs, now)
    promise, promises = _promise(metric, ours, theirs, now), _promises(theirs, now)
    if promise not in (*promises[:1], *promises[-1:]):
        return "policy_differs"
    if promise != promises[-1]:
        anew = [what for what in habits if what in ("edit", "priority")]
        return "policy_edited_later" if anew[-1] == "edit" else "clock_rule"
    if of_time := _cause_of_time(metric, habits):
        return of_time
    return "schedule_differs" if "schedule" in habits else None


def _habits(clock: Clock | None, now: int) -> list[str]:
    return [what for at, what in clock.habits if at < now] if clock else []


def _cause_of_case(
    matter: Matter, metric: str, ours: CompanysClock | None, theirs: Clock | None, now: int
) -> str | None:
    if _was_gone(matter.ticket, ours, theirs, now):
        return "deleted"
    if matter.is_merged:
        return "merged"
    if matter.has_others and (metric == "first_reply_time" or matter.first is not matter.ticket):
        if ours is None or theirs is None or ours.started != theirs.started:
            return "merged"
        if ours.fulfilled != theirs.fulfilled(now) and "bot" not in _habits(theirs, now):
            return "merged"
    return None


def _cause_of_time(metric: str, habits: list[str]) -> str | None:
    if "bot" in habits:
        return "bot_reply_counted"
    # the company goes on as well with its work and towards its solution
    if "seen_late" in habits and metric == "first_reply_time":
        return "clock_rule"
    if "goes_on" in habits and metric in ("first_reply_time", "requester_wait_time"):
        return "clock_rule"
    return None


def _was_gone(ticket: Ticket, ours: CompanysClock | None, theirs: Clock | None, now: int) -> bool:
    """It is deleted now, or was while one of the two clocks lived."""
    if ticket.gone_since(now) is not None:
        return True
    if ticket.lost is None or ticket.lost[0] >= now:
        return False
    lives = [(one.started, one.fulfilled) for one in (ours,) if one]
    lives += [(one.started, one.fulfilled(now)) for one in (theirs,) if one]
    begin = min(started for started, _ in lives)
    end = max(now if fulfilled is None else fulfilled for _, fulfilled in lives)
    return ticket.lost[0] < end and ticket.lost[1] >= begin
