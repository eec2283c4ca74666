"""What the help desk notes of its own clocks: metric events of a ticket, by Zendesk's names.

It has its own mind about them: its promises (`promises.py`), its schedules, and some habits that
make its verdicts other than the company's. Each clock notes them as it acts (`habits`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from . import promises
from .company import BOT_ID, BRANDS, DAY, iso
from .promises import NOOKLY_ENDS, SLA_CHANGES, SOCIAL_HOURS, SUPPORT_HOURS, VOICE_HOURS
from .records import Audit, Ticket

Json = dict[str, Any]
_NOOKLY_BRAND = next(brand.id for brand in BRANDS if brand.key == "nookly")
_ZONES = {"London": "Europe/London", "Edinburgh": "Europe/London", "Berlin": "Europe/Berlin"}
EVER = 2**40


@dataclass(slots=True)
class Clock:
    """One instance of a metric, whole: what is shown of it is cut later."""

    metric: str
    instance: int
    schedule_id: int
    turns: list[tuple[int, str]]  # activate, pause, fulfill, in order
    # (when, policy, target), each in place of the one before
    applied: list[tuple[int, Json, Json]] = field(default_factory=list)
    habits: list[tuple[int, str]] = field(default_factory=list)  # since when it does what

    @property
    def started(self) -> int:
        return self.turns[0][0]

    def fulfilled(self, present: int = EVER) -> int | None:
        turns = [turn for turn in self.turns if turn[0] < present]
        return turns[-1][0] if turns and turns[-1][1] == "fulfill" else None

    def runs(self, until: int) -> Iterator[tuple[int, int]]:
        """The stretches before `until` in which it counts."""
        ends = [at for at, _ in self.turns[1:]] + [EVER]
        for (at, type_), end in zip(self.turns, ends, strict=True):
            if type_ == "activate" and at < until:
                yield at, min(end, until)

    def elapsed(self, until: int, *, in_hours: bool) -> int:
        if not in_hours:
            return sum(end - begin for begin, end in self.runs(until))
        return sum(
            closes - opens
            for begin, end in self.runs(until)
            for opens, closes in _open_between(self.schedule_id, begin, end)
        )

    def due(self, target: Json) -> int | None:
        """The last instant at which the target is kept; None where it never runs out."""
        left = target["target_in_seconds"]
        for begin, end in self.runs(EVER):
            windows: Iterator[tuple[int, int]] = iter([(begin, end)])
            if target["business_hours"]:
                windows = _open_between(self.schedule_id, begin, end)
            for opens, closes in windows:
                if closes - opens > left:
                    return opens + left
                left -= closes - opens
        return None


def metric_events(ticket: Ticket, present: int) -> list[Json]:
    """All of a ticket's before the present; ids tell nothing of the order."""
    found = [event for clock in clocks(ticket) for event in _events(clock, present)]
    return [
        {"id": 930_000_000_000 + ticket.id * 1_000 + number, "ticket_id": ticket.id, **event}
        | {"time": iso(at)}
        for number, (at, event) in enumerate(found)
        if at < present
    ]


def clocks(ticket: Ticket) -> list[Clock]:
    """All clocks of a ticket's whole life."""
    schedule_id = {"twitter": SOCIAL_HOURS, "voice": VOICE_HOURS}.get(ticket.via, SUPPORT_HOURS)
    is_moved = ticket.via == "email" and _draws(ticket, "schedule", 0.08)
    if is_moved:  # by a trigger
        schedule_id = SOCIAL_HOURS
    found = [
        *_replies(ticket, schedule_id),
        *_updates(ticket, schedule_id),
        *(_by_status(ticket, schedule_id, *each) for each in _BY_STATUS),
    ]
    for clock in found:
        if is_moved:
            clock.habits.append((clock.started, "schedule"))
        if ticket.via == "twitter":  # it starts with the ticket, not with the post
            clock.habits.append((clock.started, "seen_late"))
        _apply(ticket, clock)
    return [*found, *_ownership(ticket, schedule_id)]


def _draws(ticket: Ticket, what: str, share: float) -> bool:
    return Random(f"vendor|{what}|{ticket.id}").random() < share


# What starts and stops them


def _is_public(audit: Audit) -> bool:
    return audit.comment is not None and audit.comment.is_public


def _replies(ticket: Ticket, schedule_id: int) -> list[Clock]:
    """From the first message that nobody answered to the next answer."""
    # a bot's account that the help desk takes for an agent
    counts_bots = _draws(ticket, "bots", 0.25)
    found: list[Clock] = []
    for audit in ticket.audits:
        comment = audit.comment
        waits = bool(found) and found[-1].turns[-1][1] != "fulfill"
        if comment is not None and comment.is_public:
            if comment.author_id in ticket.author_persons:
                if not waits:
                    turns = [(audit.at, "activate")]
                    found.append(Clock("reply_time", len(found) + 1, schedule_id, turns))
            elif waits and (comment.author_id != BOT_ID or counts_bots):
                waits = False
                found[-1].turns.append((audit.at, "fulfill"))
                if comment.author_id == BOT_ID:
                    found[-1].habits.append((audit.at, "bot"))
        if waits and _changed(audit, "status") in ("solved", "closed"):
            found[-1].habits.append((audit.at, "goes_on"))  # though nothing is waited for
    return found


def _updates(ticket: Ticket, schedule_id: int) -> list[Clock]:
    """From each of our answers to the next, or until it is solved."""
    found: list[Clock] = []
    for metric, pauses in (("periodic_update_time", ()), ("pausable_update_time", ("pending",))):
        clock: Clock | None = None
        instance = 0
        for audit in ticket.audits:
            status = _changed(audit, "status")
            is_ours = _is_public(audit) and _is_ours(audit, ticket)
            if clock and (is_ours or status in ("solved", "closed")):
                clock.turns.append((audit.at, "fulfill"))
                clock = None
            if is_ours and status not in ("solved", "closed"):
                instance += 1
                clock = Clock(metric, instance, schedule_id, [(audit.at, "activate")])
                found.append(clock)
            if clock and status is not None:
                _pause(clock, audit.at, is_paused=status in pauses)
    return found


def _is_ours(audit: Audit, ticket: Ticket) -> bool:
    comment = audit.comment
    return (
        comment is not None
        and comment.author_id != BOT_ID
        and comment.author_id not in ticket.author_persons
    )


def _changed(audit: Audit, name: str) -> str | None:
    """What the audit changes the field to; None where it does not."""
    return next((str(one.value) for one in audit.changes if one.name == name), None)


def _pause(clock: Clock, at: int, *, is_paused: bool) -> None:
    was_paused = clock.turns[-1][1] == "pause"
    if is_paused != was_paused:
        clock.turns.append((at, "pause" if is_paused else "activate"))


_BY_STATUS = (
    ("requester_wait_time", ("pending",)),
    ("agent_work_time", ("pending", "hold")),
    ("resolution_time", ()),
)


def _by_status(ticket: Ticket, schedule_id: int, metric: str, pauses: tuple[str, ...]) -> Clock:
    """From the beginning until it is solved; when it is reopened the same one goes on."""
    clock = Clock(metric, 1, schedule_id, [(ticket.created_at, "activate")])
    for audit in ticket.audits:
        status = _changed(audit, "status")
        is_over = clock.turns[-1][1] == "fulfill"
        if status is None or status == "deleted":  # what is deleted goes on waiting
            continue
        if status in ("solved", "closed"):
            if not is_over:
                clock.turns.append((audit.at, "fulfill"))
        elif is_over:
            clock.habits.append((audit.at, "goes_on"))  # the same clock, though it was over
            clock.turns.append((audit.at, "pause" if status in pauses else "activate"))
        else:
            _pause(clock, audit.at, is_paused=status in pauses)
    return clock


def _ownership(ticket: Ticket, schedule_id: int) -> list[Clock]:
    """Each stretch of a group is an instance, promised to that group; so is a reopening."""
    found: list[Clock] = []
    held: object = None
    for audit in ticket.audits:
        status = _changed(audit, "status")
        runs = bool(found) and found[-1].turns[-1][1] != "fulfill"
        moved = [one.value for one in audit.changes if one.name == "group_id" and one.value != held]
        held = moved[-1] if moved else held
        is_solved = status in ("solved", "closed")
        if runs and (moved or is_solved):
            found[-1].turns.append((audit.at, "fulfill"))
        is_reopened = bool(found) and not runs and status in ("new", "open", "pending", "hold")
        if isinstance(held, int) and (moved or is_reopened) and not is_solved:
            turns = [(audit.at, "activate")]
            clock = Clock("group_ownership_time", len(found) + 1, schedule_id, turns)
            clock.applied = list(_to_group(ticket, held, audit.at))
            found.append(clock)
    return found


# What is promised


def priority_at(ticket: Ticket, at: int) -> str | None:
    priority: str | None = None
    for audit in ticket.audits:
        for change in audit.changes:
            if change.name == "priority" and audit.at <= at:
                priority = None if change.value is None else str(change.value)
    return priority


_METRICS = {"resolution_time": "total_resolution_time"}  # as policies call it


def _promised(ticket: Ticket, metric: str, at: int) -> tuple[Json, Json] | None:
    """The first policy that applies, as it stands then; a ticket without a priority: nothing."""
    via = "none" if ticket.via == "web" and ticket.brand_id != _NOOKLY_BRAND else ticket.via
    priority = priority_at(ticket, at)
    for policy in _policies(*(at + 1 > edit for edit in (*SLA_CHANGES, NOOKLY_ENDS))):
        if policy["filter"]["all"][0]["value"] == via:
            for target in policy["policy_metrics"]:
                if (target["metric"], target["priority"]) == (metric, priority):
                    return policy, target
            return None
    return None


@lru_cache(maxsize=8)
def _policies(*edited: bool) -> list[Json]:
    """The policies as they stand when these edits have been made."""
    edits = [edit for edit, made in zip((*SLA_CHANGES, NOOKLY_ENDS), edited, strict=True) if made]
    return promises.sla_policies(max(edits, default=0) + 1)


def _apply(ticket: Ticket, clock: Clock) -> None:
    """The promise at the start, and again whenever the ticket is touched and another is due."""
    metric = _METRICS.get(clock.metric, clock.metric)
    if clock.metric == "reply_time":
        metric = "first_reply_time" if clock.instance == 1 else "next_reply_time"
    # of tickets that a policy's edit found answered already, it takes some up all the same
    takes_up = next(
        (
            change
            for change in SLA_CHANGES
            if change - 4 * DAY < clock.started < change and _draws(ticket, "edited", 0.5)
        ),
        EVER,
    )
    ended = clock.fulfilled() or EVER
    for at in sorted({clock.started, *(audit.at for audit in ticket.audits)}):
        is_late = at > ended
        if at < clock.started or (is_late and at < takes_up):
            continue
        promised = _promised(ticket, metric, at)
        if promised is None:
            continue
        policy, target = promised
        if not clock.applied:
            if not is_late:
                clock.applied.append((at, policy, target))
            continue
        _, before, old = clock.applied[-1]
        if (policy["id"], target["target"]) == (before["id"], old["target"]):
            continue
        is_edit = target["priority"] == clock.applied[0][2]["priority"]
        clock.habits.append((at, "edit" if is_edit else "priority"))
        clock.applied.append((at, policy, target))
        if is_late:
            return


def _to_group(ticket: Ticket, group_id: int, at: int) -> Iterator[tuple[int, Json, Json]]:
    for policy in promises.group_sla_policies(at + 1):
        if all(each["value"] == group_id for each in policy["filter"]["all"]):
            for target in policy["policy_metrics"]:
                if target["priority"] == priority_at(ticket, at):
                    yield at, policy, target
                    return


# What it notes of them

Event = tuple[int, Json]


def _events(clock: Clock, present: int) -> list[Event]:
    found: list[Event] = []

    def note(at: int, type_: str, **more: Any) -> None:
        head = {"metric": clock.metric, "instance_id": clock.instance, "type": type_}
        found.append((at, head | more))

    for at, type_ in clock.turns:
        note(at, type_)
        if type_ == "fulfill":
            status = {
                "calendar": clock.elapsed(at, in_hours=False) // 60,
                "business": clock.elapsed(at, in_hours=True) // 60,
            }
            note(at, "update_status", status=status)
    is_for_group = clock.metric == "group_ownership_time"
    for number, (at, policy, target) in enumerate(clock.applied):
        sla = {name: target[name] for name in ("target", "target_in_seconds", "business_hours")}
        sla["policy"] = {name: policy[name] for name in ("id", "title", "description")}
        if is_for_group:
            note(at, "apply_group_sla", group_sla=sla)
        else:
            note(at, "apply_sla", sla=sla)
        later = clock.applied[number + 1][0] if number + 1 < len(clock.applied) else EVER
        due = clock.due(target)
        if due is None:
            continue
        broken_at = max(due, at)
        if broken_at < later:  # another target takes the breach back, or breaks itself
            note(broken_at, "breach", deleted=later < present)
    return found


# Business time, as the help desk is set up on each day


def _open_between(schedule_id: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Its open stretches between two instants; for no more than two years."""
    day = date.fromordinal(date(1970, 1, 1).toordinal() + begin // DAY - 1)
    last = date.fromordinal(date(1970, 1, 1).toordinal() + min(end, begin + 730 * DAY) // DAY + 1)
    while day <= last:
        for opens, closes in _open_on(schedule_id, day):
            if max(opens, begin) < min(closes, end):
                yield max(opens, begin), min(closes, end)
        day += timedelta(days=1)


@lru_cache(maxsize=10_000)
def _open_on(schedule_id: int, day: date) -> tuple[tuple[int, int], ...]:
    for off in promises.holidays(schedule_id) or ():
        if off["start_date"] <= day.isoformat() <= off["end_date"]:
            return ()
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    (schedule,) = (one for one in promises.schedules(noon) if one["id"] == schedule_id)
    zone = ZoneInfo(_ZONES[schedule["time_zone"]])
    of_day = (day.weekday() + 1) % 7 * 1_440

    def instant(minute: int) -> int:
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
        return int(local.timestamp())

    return tuple(
        (instant(each["start_time"] - of_day), instant(each["end_time"] - of_day))
        for each in schedule["intervals"]
        if of_day <= each["start_time"] < of_day + 1_440
    )
