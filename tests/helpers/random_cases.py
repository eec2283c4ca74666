"""Companies and cases at random, with as many instants on an edge as a night shift has coffee: on a
target and a second beside it, as doors open or close, as clocks change, as a policy row begins.

The same seed gives the same cases, in whatever process.
"""

import random
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

from slow_clock import (
    DAY,
    RUNS_WHILE,
    SECOND,
    UNTIL_RESOLVED,
    Case,
    Company,
    Event,
    Holiday,
    Membership,
    Message,
    Opening,
    OwnershipRule,
    Promise,
    Schedule,
    verdicts,
    zone_of,
)

ZONE = "Africa/Cairo"  # the company's: on some days midnight does not exist there
FIRST = date(2024, 1, 1)
TODAY = date(2026, 3, 1)
AS_OF = datetime(2026, 2, 28, 22)  # 00:00 of that day in Cairo
LONG = datetime(2999, 1, 1)
ZONES = (
    "Africa/Cairo",  # changes its clocks on a Friday
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",  # a quarter of an hour beside its neighbours
    "America/St_Johns",
    "Pacific/Noumea",
    "Pacific/Chatham",
    "America/New_York",
    "Europe/London",
    "UTC",
)
HOURS: tuple[dict[int, tuple[tuple[str, str], ...]], ...] = (
    {day: (("09:00", "17:30"),) for day in range(5)},
    {day: (("08:00", "16:00"),) for day in (6, 0, 1, 2, 3)},
    {day: (("10:00", "13:00"), ("13:45", "17:00")) for day in range(6)},
    {day: (("00:00", "24:00"),) for day in range(7)},
    {day: (("00:00", "06:00"), ("22:00", "24:00")) for day in range(7)},
    {day: (("01:30", "02:30"), ("02:45", "04:15")) for day in range(7)},  # while clocks change
    {3: (("07:00", "07:30"),), 6: (("23:59", "24:00"),)},
    {day: (("00:00", "00:01"), ("12:00", "24:00")) for day in (1, 4, 5)},
)
PRIORITIES = ("", "low", "normal", "urgent")
TEAMS = ("North", "South", "East", "West", "Moving", "Returning", "Unheard Of")
DEPARTMENTS = ("care", "sales", "press")
AGENTS = ("ann", "ben")
TARGETS = (3, 30, 60, 1_800, 3_600, 14_400, 28_800, 30_600, 86_400, 259_200, 900_000)


# --- what was agreed ---------------------------------------------------------------------------


def random_company(seed: int, sources: int) -> Company:
    draw = random.Random(f"company {seed}")
    schedules = {f"hours_{number:02d}": _schedule(draw, number) for number in range(16)}
    promises, ownership = [], []
    for source in all_sources(sources):
        for metric in RUNS_WHILE:
            if draw.random() < 0.85:
                promises += _promises(draw, source, metric, sorted(schedules))
        if draw.random() < 0.8:
            ownership += _ownership(draw, source)
    return Company(
        zone=ZONE,
        schedules=schedules,
        promises=[_ranked(row, rank) for row, rank in _ranks(promises)],
        ownership=[_ranked(row, rank) for row, rank in _ranks(ownership)],
        teams=_teams(),
        agents=[
            Membership(member=f"{source}:{agent}", of=draw.choice(TEAMS[:6]), **dates)
            for source in all_sources(sources)
            for agent in AGENTS
            for dates in _revisions(draw, draw.choice((1, 1, 2)))
            if draw.random() < 0.8
        ],
    )


def all_sources(count: int) -> list[str]:
    return [f"c{number:02d}" for number in range(count)]


def help_desks(count: int) -> list[str]:
    """Sources that are help desks. The others are exports, every second of chats alone."""
    return [name for number, name in enumerate(all_sources(count)) if number % 4 != 3]


def exports(count: int) -> list[str]:
    return [name for number, name in enumerate(all_sources(count)) if number % 8 == 3]


def _day(draw: random.Random) -> date:
    """A day of the two years; every third one on which some clocks change."""
    if draw.random() < 0.3:
        return draw.choice(clock_changes()).date() + draw.choice((0, 0, 1)) * DAY
    return FIRST + draw.randrange(1, 800) * DAY


@cache
def clock_changes() -> list[datetime]:
    """Every instant of the two years at which a zone's clocks change, to a quarter of an hour."""

    def offset(at: datetime, zone: str) -> timedelta:
        return at.replace(tzinfo=UTC).astimezone(zone_of(zone)).utcoffset()

    found = set()
    at = datetime(FIRST.year, 1, 1)
    while at < AS_OF:
        for zone in ZONES:
            if offset(at, zone) != offset(at + DAY, zone):
                quarters = (at + n * timedelta(minutes=15) for n in range(1, 97))
                found.add(next(q for q in quarters if offset(q, zone) != offset(at, zone)))
        at += DAY
    return sorted(found)


def _revisions(draw: random.Random, count: int) -> list[dict[str, date]]:
    """Stretches of days one after the other, the first and the last open."""
    turns = sorted({_day(draw) for _ in range(count - 1)})
    edges = [date(1900, 1, 1), *turns, date(9999, 12, 31)]
    return [{"valid_from": first, "valid_until": until} for first, until in pairwise(edges)]


def _with_gaps(draw: random.Random, count: int, share: float) -> list[tuple[str, dict]]:
    """Of such stretches some, with a name's end: what begins again has another name."""
    found, gaps = [], 0
    for dates in _revisions(draw, count):
        if draw.random() < share:
            found.append((f" {gaps}" if gaps else "", dates))
        else:
            gaps += 1
    return found


def _schedule(draw: random.Random, number: int) -> Schedule:
    zone = ZONES[number % len(ZONES)]
    openings = []
    for dates in _revisions(draw, draw.choice((1, 1, 2, 3))):
        # the zone itself may change, too
        zone = zone if draw.random() < 0.8 else draw.choice(ZONES)
        hours = HOURS[number % len(HOURS)] if draw.random() < 0.6 else draw.choice(HOURS)
        for weekday, pairs in hours.items():
            for opens, closes in pairs:
                openings.append(
                    Opening(zone=zone, weekday=weekday, opens=opens, closes=closes, **dates)
                )
    return Schedule(openings=openings, holidays=_holidays(draw))


def _holidays(draw: random.Random) -> list[Holiday]:
    """Days, ranges, part days, and openings on days that are closed else."""
    found: list[Holiday] = []
    for _ in range(draw.choice((0, 10, 30))):
        first = _day(draw)
        until = first + draw.choice((1, 1, 1, 2, 5)) * DAY
        if any(first < other.until and other.first < until for other in found):
            continue
        hours = draw.choice(
            (
                [(None, None)],
                [(None, None)],
                [("10:00", "12:00")],
                [("00:00", "24:00")],
                [("02:15", "03:15"), ("22:30", "24:00")],
            )
        )
        found += [Holiday(first=first, until=until, opens=o, closes=c) for o, c in hours]
    return found


def _teams() -> list[Membership]:
    rows = [
        Membership(member=team, of=department)
        for team, department in zip(TEAMS, ("care", "care", "sales", "press"), strict=False)
    ]
    one, two = date(2025, 4, 25), date(2025, 10, 31)  # Cairo's clocks change
    return [
        *rows,
        Membership(member="Moving", of="sales", valid_until=one),
        Membership(member="Moving", of="care", valid_from=one),
        Membership(member="Returning", of="press", valid_until=one),
        Membership(member="Returning", of="sales", valid_from=one, valid_until=two),
        Membership(member="Returning", of="press", valid_from=two),
    ]


def _promises(draw: random.Random, source: str, metric: str, schedules: list[str]) -> list[Promise]:
    def conditions(**more: str) -> dict[str, str]:
        return {"source": source, **more}

    def row(name: str, **more: object) -> Promise:
        hours = draw.choice(("calendar", *schedules, *schedules[:1]))
        target = draw.choice(TARGETS)
        values = {
            "policy": f"{source} {metric} {name}",
            "rank": 0,
            "metric": metric,
            "target_seconds": target if hours not in ("hours_06", "hours_14") else target % 18_000,
            "hours": hours,
            "pause_while": frozenset(
                draw.choice((("",), ("",), ("pending",), ("hold",), ("pending", "hold")))
            )
            - {""},
            "on_change": draw.choice(("keep", "reapply", "reapply")),
            "at_risk_seconds": draw.choice((7_200, 60, 30_600)),
        }
        values["target_seconds"] = values["target_seconds"] or 3_600
        if metric in UNTIL_RESOLVED:
            values["on_reopen"] = draw.choice(("continue", "restart"))
        return Promise(**{**values, **more})

    rows = []
    if draw.random() < 0.3:  # one that is there for a while only, before all others
        first = _day(draw)
        until = first + draw.choice((1, 7, 100, 300)) * DAY
        rows.append(row("special", conditions=conditions(), valid_from=first, valid_until=until))
    if metric in ("first_reply_time", "resolution_time") and draw.random() < 0.4:
        due = {"target": "case_due_at", "target_seconds": None, "hours": "calendar"}
        due |= {"pause_while": frozenset(), "on_change": "keep"}
        asked = {} if draw.random() < 0.5 else {"priority": draw.choice(PRIORITIES[1:])}
        rows.append(row("theirs", conditions=conditions(**asked), **due))
    for priority in PRIORITIES[1:]:
        if draw.random() < 0.7:
            for gap, dates in _with_gaps(draw, draw.choice((1, 1, 2, 3)), 0.85):
                asked = {"conditions": conditions(priority=priority)}
                rows.append(row(f"{priority}{gap}", **asked, **dates))
    if draw.random() < 0.6:
        for gap, dates in _with_gaps(draw, draw.choice((1, 2, 3)), 0.85):
            about = {} if draw.random() < 0.7 else {"channel": draw.choice(("email", "chat"))}
            rows.append(row(f"all{gap}", conditions=conditions(**about), **dates))
    covers = [
        row
        for row in rows[1:]
        if row.valid_from >= rows[0].valid_from and row.valid_until <= rows[0].valid_until
    ]
    # a row that another one covers wholly could never match
    return rows[1:] if covers and rows[0].policy.endswith("special") else rows


def _ownership(draw: random.Random, source: str) -> list[OwnershipRule]:
    rows = []
    for name, asked in (
        ("urgent", {"priority": "urgent"}),
        ("low", {"priority": "low"}),
        ("all", {}),
    ):
        for gap, dates in _with_gaps(draw, draw.choice((1, 2, 3)), 0.6):
            rows.append(
                OwnershipRule(
                    policy=f"{source} {name}{gap}",
                    rank=0,
                    department=draw.choice(DEPARTMENTS),
                    conditions={"source": source, **asked},
                    **dates,
                )
            )
    return rows


def _ranks(rows: list) -> Iterator[tuple]:
    """Rows of one name are revisions and share a rank; no two names do."""
    ranks: dict[str, int] = {}
    for row in rows:
        yield row, ranks.setdefault(row.policy, len(ranks) + 1)


def _ranked(row: Promise | OwnershipRule, rank: int) -> Promise | OwnershipRule:
    object.__setattr__(row, "rank", rank)
    return row


# --- what happened -----------------------------------------------------------------------------


def random_case(company: Company, seed: int, number: int, sources: int) -> Case:
    draw = random.Random(f"case {seed} {number}")
    source = draw.choice(all_sources(sources))
    days = 30 if draw.random() < 0.3 else 780
    at = AS_OF - draw.randrange(1, days * 86_400) * SECOND
    if draw.random() < 0.3:
        at = _edge(draw, at, company, source)
    case = Case(
        key=f"{source}:{number}",
        source=source,
        opened_at=at,
        has_status=source in [*help_desks(sources), *exports(sources)],
        is_exported=source in exports(sources),
        about={"channel": "email", "topic": "unknown"},
    )
    if not case.has_status:
        _chat(draw, case, company)
        return case
    if draw.random() < 0.3:
        case.source_due_at = at + draw.randrange(-20_000, 400_000) * SECOND
    case.events.append(
        Event(
            at=at,
            status=draw.choice(("new", "new", "open", "pending", "solved")),
            priority=draw.choice(PRIORITIES),
            team=draw.choice(("", *TEAMS)),
            agent=draw.choice(("", "", f"{source}:ann")),
        )
    )
    who = draw.random()
    if who < 0.75:
        case.messages.append(Message(at=at, by="customer"))
    elif who < 0.85:  # on a network, before anybody made a ticket of it
        earlier = at - draw.choice((1, 600, 90_000)) * SECOND
        case.messages.append(Message(at=earlier, by="customer"))
    elif who < 0.92:
        case.messages.append(_message(draw, "person", at, source))
    while draw.random() < 0.87:
        at = _later(draw, at, case, company)
        if at >= AS_OF + DAY:
            break
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            _act(draw, at, case)
    _ending(draw, at, case)
    return _as_exports_say(draw, case) if case.is_exported else case


def _as_exports_say(draw: random.Random, case: Case) -> Case:
    """No notes, no due time, no spam; but departments that hold a case, and messages that were
    deleted since."""
    case.source_due_at = None
    if case.void_reason == "spam":
        case.void_reason = case.void_at = None
    case.messages = [
        replace(message, is_deleted=message.by != "customer" and draw.random() < 0.15)
        for message in case.messages
        if message.is_public
    ]
    case.events = [
        replace(
            event,
            status="hold"
            if event.status == "deleted" and event.at != case.void_at
            else event.status,
            department=None if event.team is None else draw.choice(("", "", *DEPARTMENTS)),
        )
        for event in case.events
    ]
    return case


def _act(draw: random.Random, at: datetime, case: Case) -> None:
    source = case.source
    what = draw.random()
    if what < 0.4:
        by = draw.choice(("customer", "customer", "person", "person", "former", "bot", "note"))
        case.messages.append(_message(draw, by, at, source))
        if by != "person" or draw.random() < 0.6:
            return
        # who replies sets the status in the same stroke, as help desks do
        case.events.append(Event(at=at, status=draw.choice(("pending", "solved", "open"))))
    elif what < 0.7:
        statuses = ("open", "open", "pending", "pending", "hold", "solved", "closed", "new")
        case.events.append(Event(at=at, status=draw.choice(statuses)))
    elif what < 0.8:
        case.events.append(Event(at=at, priority=draw.choice(PRIORITIES)))
    elif what < 0.93:
        case.events.append(
            Event(
                at=at,
                team=draw.choice((None, "", *TEAMS)),
                agent=draw.choice((None, "", f"{source}:ann", f"{source}:ben")),
            )
        )
    elif what < 0.98:
        case.events.append(
            Event(
                at=at,
                status=draw.choice(("open", "solved", "pending")),
                priority=draw.choice(PRIORITIES),
                team=draw.choice(TEAMS),
            )
        )
    else:  # thrown away, and brought back
        case.events.append(Event(at=at, status="deleted"))
        case.events.append(Event(at=at + draw.choice((0, 1, 4_000)) * SECOND, status="open"))


def _message(draw: random.Random, by: str, at: datetime, source: str) -> Message:
    if by == "former":
        return Message(at=at, by="person", agent=f"{source}:former")
    if by == "note":
        return Message(at=at, by="person", is_public=False)
    return Message(at=at, by=by)


def _ending(draw: random.Random, at: datetime, case: Case) -> None:
    case.events.sort(key=lambda event: event.at)
    at = max(at, case.events[-1].at)
    end = draw.random()
    if end < 0.5:
        case.events.append(Event(at=at, status="solved"))
    elif end < 0.57:
        case.events.append(Event(at=at + draw.choice((0, 60)) * SECOND, status="deleted"))
        case.void_reason, case.void_at = "deleted", case.events[-1].at
    if draw.random() < 0.03:
        case.void_reason, case.void_at = "spam", None


def _later(draw: random.Random, at: datetime, case: Case, company: Company) -> datetime:
    kind = draw.random()
    if kind < 0.1:
        return at
    if kind < 0.15:
        return at + draw.randrange(1, 6) * SECOND
    if kind < 0.4:
        return at + int(draw.expovariate(1 / 4_000)) * SECOND
    if kind < 0.55:
        return at + int(draw.expovariate(1 / 90_000)) * SECOND
    if kind < 0.6:
        return at + int(draw.expovariate(1 / 2_000_000)) * SECOND
    if kind < 0.78:
        return max(_edge(draw, at, company, case.source), at)
    # exactly on a target, or a second beside it
    case.events.sort(key=lambda event: event.at)
    rows, _ = verdicts(case, company, max(at, case.events[-1].at) + SECOND)
    dues = [row[name] for row in rows for name in ("due_at", "due_by_at") if row[name]]
    dues = [due for due in dues if at <= due < AS_OF + 30 * DAY]
    if not dues:
        return at + int(draw.expovariate(1 / 4_000)) * SECOND
    return max(draw.choice(dues) + draw.choice((-1, 0, 0, 1)) * SECOND, at)


def _edge(draw: random.Random, at: datetime, company: Company, source: str) -> datetime:
    """An instant, soon after another one, at which something begins or ends."""
    kind = draw.random()
    beside = draw.choice((-1, 0, 0, 1)) * SECOND
    if kind < 0.5:
        used = sorted(
            {row.hours for row in company.promises if row.conditions["source"] == source}
            - {"calendar"}
        )
        windows = company.schedules[draw.choice(used)].windows(at, at + 8 * DAY) if used else []
        if windows:
            return draw.choice(draw.choice(windows[:6])) + beside
    turns = clock_changes() if kind < 0.75 else company.promise_turns + company.owner_turns
    soon = [turn for turn in turns if at <= turn < at + 60 * DAY]
    return (draw.choice(soon) if soon else at) + beside


def _chat(draw: random.Random, case: Case, company: Company) -> None:
    """A conversation that no help desk carries."""
    source, at = case.source, case.opened_at
    case.about["channel"] = "chat"

    def say(by: str, at: datetime) -> None:
        number = len(case.messages)
        agent = {"customer": None, "bot": f"{source}:bot"}.get(by, f"{source}:{by}")
        who = by if by in ("customer", "bot") else "person"
        key = f"{case.key}-{draw.randrange(1_000):03d}-{number}"
        case.messages.append(Message(at=at, by=who, agent=agent, key=key))

    if draw.random() < 0.1:
        say("ann", at - 500 * SECOND)
    say("customer", at)
    while draw.random() < 0.8:
        at = at if draw.random() < 0.15 else at + int(draw.expovariate(1 / 9_000)) * SECOND
        if draw.random() < 0.2:
            at = max(_edge(draw, at, company, source), at)
        say(draw.choice(("customer", "customer", "ann", "ben", "former", "bot")), at)


# --- families: one question, answered sooner and later -----------------------------------------


def family(company: Company, seed: int, number: int, sources: int) -> list[Case]:
    """The same case but for the instant of the only reply, soonest first."""
    draw = random.Random(f"family {seed} {number}")
    source = draw.choice(help_desks(sources))
    at = AS_OF - draw.randrange(60 * 86_400, 700 * 86_400) * SECOND
    at = _edge(draw, at, company, source) if draw.random() < 0.3 else at
    events = [Event(at=at, status="new", priority=draw.choice(PRIORITIES), team="", agent="")]
    replies = [at]
    later = at
    for _ in range(6):
        later += int(draw.expovariate(1 / 30_000)) * SECOND
        what = draw.choice(("status", "priority", "priority"))
        value = draw.choice(("open", "pending", "hold") if what == "status" else PRIORITIES)
        events.append(Event(at=later, **{what: value}))
        replies += [later, max(_edge(draw, later, company, source), at)]
    return [
        Case(
            key=f"{source}:family-{number}-{place}",
            source=source,
            opened_at=at,
            events=list(events),
            messages=[Message(at=at, by="customer"), Message(at=reply, by="person")],
            about={"channel": "email", "topic": "unknown"},
        )
        for place, reply in enumerate(sorted(replies))
    ]


# --- lateness ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A case that we hear of in a night, and of the last of its messages in a later one."""

    case: Case
    night: int
    heard: int  # messages that came with it
    last_night: int

    def known(self, night: int) -> Case | None:
        """The case as far as it was heard of by the end of a night."""
        if night < self.night:
            return None
        if night >= self.last_night:
            return self.case
        heard = copy(self.case)
        heard.messages = self.case.messages[: self.heard]
        return heard


def arrival(case: Case, seed: int, nights: int) -> Arrival:
    draw = random.Random(f"arrival {seed} {case.key}")
    night = 0 if draw.random() < 0.85 else draw.randrange(nights)
    last_night = night
    if case.has_status and draw.random() < 0.2:
        last_night = draw.randrange(night, nights)
    heard = draw.randrange(len(case.messages) + 1)
    return Arrival(case=case, night=night, heard=heard, last_night=last_night)
