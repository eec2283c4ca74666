"""SLA clocks, slow and obviously right: what docs/sla.md says, once more, in plain Python.

From a case's events and messages, the policy's rows and as_of it works out every clock and every
segment, event after event, window after window. It shares nothing with the models: no slices, no
sums kept, no SQL, and none of the package's code.
"""

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from operator import attrgetter, itemgetter
from zoneinfo import ZoneInfo

FIRST_DAY, LAST_DAY = date(2023, 1, 1), date(2037, 1, 1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

# in which statuses the clock of a metric runs; in no other, ever
RUNS_WHILE = {
    "first_reply_time": {"new", "open", "pending", "hold"},
    "next_reply_time": {"new", "open", "pending", "hold"},
    "periodic_update_time": {"new", "open", "pending", "hold"},
    "pausable_update_time": {"new", "open", "hold"},
    "requester_wait_time": {"new", "open", "hold"},
    "agent_work_time": {"new", "open"},
    "resolution_time": {"new", "open", "pending", "hold"},
    "time_to_owner": {"new", "open", "pending", "hold"},
    "ownership_time": {"new", "open", "pending", "hold"},
}
UNTIL_RESOLVED = ("requester_wait_time", "agent_work_time", "resolution_time")
RESOLVED = {"solved", "closed"}
ASLEEP = {"solved", "closed", "deleted"}


def seconds_between(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


# --- opening hours -----------------------------------------------------------------------------


@cache
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)  # which by itself remembers eight


@cache
def instant(day: date, clock: str, zone: str) -> datetime:
    """The instant (UTC without zone) of a local time; "24:00" is the midnight after.

    One that a change of clocks skips is taken with the offset before the change; one that comes
    twice is the second.
    """
    if clock == "24:00":
        day, clock = day + DAY, "00:00"
    local = datetime.combine(day, time.fromisoformat(clock))
    first, second = (local.replace(tzinfo=zone_of(zone), fold=fold) for fold in (0, 1))
    comes_twice = second.utcoffset() < first.utcoffset()
    return (second if comes_twice else first).astimezone(UTC).replace(tzinfo=None)


def local_day(at: datetime, zone: str) -> date:
    return at.replace(tzinfo=UTC).astimezone(zone_of(zone)).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A row of business_schedules: hours of one weekday (0 is Monday), on days in [from, until)."""

    zone: str
    weekday: int
    opens: str
    closes: str
    valid_from: date = date(1900, 1, 1)
    valid_until: date = date(9999, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """A row of holidays: days in [first, until) that are closed, or open at these hours instead."""

    first: date
    until: date
    opens: str | None = None
    closes: str | None = None


@dataclass(kw_only=True, eq=False)
class Schedule:
    openings: Sequence[Opening]
    holidays: Sequence[Holiday] = ()

    def windows_of(self, day: date) -> list[tuple[datetime, datetime]]:
        """When it is open on a local day."""
        in_force = [o for o in self.openings if o.valid_from <= day < o.valid_until]
        special = [h for h in self.holidays if h.first <= day < h.until]
        if special:
            hours = [(h.opens, h.closes) for h in special if h.opens]
        else:
            hours = [(o.opens, o.closes) for o in in_force if o.weekday == day.weekday()]
        zones = {o.zone for o in in_force}
        assert len(zones) <= 1, "a schedule has one zone at a time"
        return [
            (instant(day, opens, zone), instant(day, closes, zone))
            for zone in zones
            for opens, closes in hours
        ]

    @cached_property
    def all_windows(self) -> list[tuple[datetime, datetime]]:
        """When it is open, from the first day that a test may see to the last: in order, and
        apart from each other."""
        days = (FIRST_DAY + n * DAY for n in range((LAST_DAY - FIRST_DAY).days))
        found = [window for day in days for window in self.windows_of(day)]
        merged: list[tuple[datetime, datetime]] = []
        for begin, close in sorted(window for window in found if window[0] < window[1]):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], close))
            else:
                merged.append((begin, close))
        return merged

    def windows(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """When it is open in [start, end)."""
        found = []
        # the first that closes after the start, and on from there
        for place in range(
            bisect(self.all_windows, start, key=itemgetter(1)), len(self.all_windows)
        ):
            begin, close = self.all_windows[place]
            if begin >= end:
                break
            found.append((max(begin, start), min(close, end)))
        return [(begin, close) for begin, close in found if begin < close]


# --- policy ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Promise:
    """A row of sla_policies. `conditions`: what of the case must equal what."""

    policy: str
    rank: int
    metric: str
    conditions: dict[str, str] = field(default_factory=dict)
    target: str = "duration"
    target_seconds: int | None = None
    hours: str = "calendar"
    pause_while: frozenset[str] = frozenset()
    on_reopen: str = "continue"
    on_change: str = "keep"
    at_risk_seconds: int = 120 * 60
    valid_from: date = date(1900, 1, 1)
    valid_until: date = date(9999, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnershipRule:
    """A row of ownership_policies."""

    policy: str
    rank: int
    department: str
    team: str | None = None
    conditions: dict[str, str] = field(default_factory=dict)
    valid_from: date = date(1900, 1, 1)
    valid_until: date = date(9999, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A team's department (teams), or an agent's team (agents_teams), on days in [from, until)."""

    member: str
    of: str
    valid_from: date = date(1900, 1, 1)
    valid_until: date = date(9999, 12, 31)


@dataclass(kw_only=True, eq=False)
class Company:
    """All that was agreed on."""

    zone: str = "UTC"
    schedules: dict[str, Schedule] = field(default_factory=dict)
    promises: Sequence[Promise] = ()
    ownership: Sequence[OwnershipRule] = ()
    teams: Sequence[Membership] = ()
    agents: Sequence[Membership] = ()
    parts: dict[str, "Company"] = field(default_factory=dict, repr=False)

    @cached_property
    def promise_turns(self) -> list[datetime]:
        """When a promise begins or ends to be in force."""
        return self._turns(self.promises)

    @cached_property
    def owner_turns(self) -> list[datetime]:
        return self._turns([*self.ownership, *self.teams])

    def _turns(self, rows: Sequence) -> list[datetime]:
        days = {day for row in rows for day in (row.valid_from, row.valid_until)}
        inner = days - {date(1900, 1, 1), date(9999, 12, 31)}
        return sorted(instant(day, "00:00", self.zone) for day in inner)

    def of(self, source: str) -> "Company":
        """What of it can concern a source's cases."""
        if source not in self.parts:

            def concerning(rows: Sequence) -> list:
                return [row for row in rows if row.conditions.get("source", source) == source]

            promises, ownership = concerning(self.promises), concerning(self.ownership)
            self.parts[source] = replace(self, promises=promises, ownership=ownership, parts={})
        return self.parts[source]

    def promise_at(self, metric: str, case: "Case", priority: str, at: datetime) -> Promise | None:
        """The first by rank that matches and is in force."""
        day = local_day(at, self.zone)
        matching = [
            row
            for row in self.promises
            if row.metric == metric
            and row.valid_from <= day < row.valid_until
            and case.matches(row.conditions, priority)
            and (row.target != "case_due_at" or case.source_due_at is not None)
        ]
        return min(matching, key=attrgetter("rank"), default=None)

    def owner_at(self, case: "Case", priority: str, at: datetime) -> OwnershipRule | None:
        day = local_day(at, self.zone)
        matching = [
            row
            for row in self.ownership
            if row.valid_from <= day < row.valid_until and case.matches(row.conditions, priority)
        ]
        return min(matching, key=attrgetter("rank"), default=None)

    def department_of(self, team: str, at: datetime) -> str | None:
        return self._of(self.teams, team, at)

    def team_of(self, agent: str, at: datetime) -> str:
        return self._of(self.agents, agent, at) or ""

    def _of(self, rows: Sequence[Membership], member: str, at: datetime) -> str | None:
        day = local_day(at, self.zone)
        for row in rows:
            if row.member == member and row.valid_from <= day < row.valid_until:
                return row.of
        return None


# --- cases -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to a case in one stroke. None: nothing is said of it; "": there is none."""

    at: datetime
    status: str | None = None
    department: str | None = None
    team: str | None = None
    agent: str | None = None
    priority: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    at: datetime
    by: str  # customer, person (of ours, who may have left since) or bot
    is_public: bool = True
    is_deleted: bool = False
    agent: str | None = None
    key: str = ""

    @property
    def is_from_customer(self) -> bool:
        return self.by == "customer" and self.is_public

    @property
    def is_reply(self) -> bool:
        return self.by == "person" and self.is_public and not self.is_deleted


@dataclass(kw_only=True, eq=False)
class Case:
    key: str
    source: str
    opened_at: datetime
    has_status: bool = True  # else a conversation that no help desk carries
    is_exported: bool = False  # told by an export of messages and whole states
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    source_due_at: datetime | None = None
    void_reason: str | None = None  # deleted, spam, merged
    void_at: datetime | None = None  # when it became so; None: nobody knows
    about: dict[str, str | None] = field(default_factory=dict)  # channel, brand, topic, ...

    def matches(self, conditions: dict[str, str], priority: str) -> bool:
        known = {"source": self.source, "priority": priority, "direction": "inbound"}
        return all(
            value == (known[name] if name in known else self.about.get(name))
            for name, value in conditions.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A case as it was from an instant on."""

    at: datetime
    status: str = "new"
    department: str | None = None
    team: str | None = None
    agent: str | None = None
    priority: str = ""
    owner: str | None = None  # the department that the ownership rule of that moment names
    ownership_policy: str | None = None

    @property
    def holder(self) -> tuple[str, str] | None:
        for kind in ("team", "department", "agent"):
            if getattr(self, kind) is not None:
                return kind, getattr(self, kind)
        return None


class Timeline:
    """A case's states, row by row; of rows of one instant all but the last have no length."""

    def __init__(self, rows: Sequence[State]) -> None:
        self.rows = list(rows)
        followed = zip(self.rows, [*self.rows[1:], None], strict=True)
        self.lasting = [row for row, after in followed if after is None or after.at > row.at]

    def at(self, at: datetime) -> State:
        """After all that happened in that second; before the first row, as the first row says."""
        past = [row for row in self.lasting if row.at <= at]
        return past[-1] if past else self.rows[0]

    @property
    def borders(self) -> list[datetime]:
        """Where a row that lasts begins; the first row that there is reaches back for ever."""
        return [row.at for row in self.lasting if row is not self.rows[0]]

    @property
    def resolved_at(self) -> datetime | None:
        """The first solved or closed that nothing unresolved follows."""
        at = None
        for row in self.rows:
            if row.status not in ASLEEP:
                at = None
            elif row.status in RESOLVED and at is None:
                at = row.at
        return at

    @property
    def ended_at(self) -> datetime | None:
        return ended_at(self.rows)


def ended_at(events: Sequence["State | Event"]) -> datetime | None:
    """When it was closed or deleted for good."""
    at = None
    for event in events:
        if event.status not in ("closed", "deleted", None):
            at = None
        elif event.status is not None and at is None:
            at = event.at
    return at


def timeline(case: Case, company: Company, as_of: datetime) -> Timeline:
    """The case's states, a row for each event that changed anything, however short."""
    events = case.events if case.has_status else conversation_events(case, company)
    events = [event for event in events if event.at < as_of]
    if not events or min(event.at for event in events) > case.opened_at:
        events.append(Event(at=case.opened_at, status="new"))
    events.sort(key=lambda event: event.at)  # those of one second stay in their order
    end = ended_at(events)  # whatever the policy does later is nothing to the case
    turns = [
        Event(at=at)
        for at in company.owner_turns
        if case.opened_at < at < as_of and (end is None or at < end)
    ]
    rows: list[State] = []
    said = {"status": "new", "department": "", "team": "", "agent": "", "priority": ""}
    for event in sorted([*turns, *events], key=lambda event: event.at):
        for name in said:
            value = getattr(event, name)
            said[name] = said[name] if value is None else value
        rule = company.owner_at(case, said["priority"], event.at)
        row = State(
            at=event.at,
            status=said["status"],
            department=said["department"] or company.department_of(said["team"], event.at),
            team=said["team"] or None,
            agent=said["agent"] or None,
            priority=said["priority"],
            owner=rule and rule.department,
            ownership_policy=rule and rule.policy,
        )
        if not rows or replace(rows[-1], at=row.at) != row:
            rows.append(row)
    return Timeline(rows)


def conversation_events(case: Case, company: Company) -> list[Event]:
    """Where no help desk says it: who replies holds it, and waits for the customer."""
    events = []
    for message in sorted(case.messages, key=lambda message: (message.at, message.key)):
        if message.at < case.opened_at:
            continue
        if message.is_from_customer:
            events.append(Event(at=message.at, status="open"))
        elif message.is_reply:
            team = company.team_of(message.agent, message.at)
            events.append(Event(at=message.at, status="pending", team=team, agent=message.agent))
    return events


# --- clocks ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    metric: str
    no: int
    started_at: datetime
    fulfilled_at: datetime | None = None
    held_as: State | None = None  # ownership_time: the row with which the holding began


def clocks(case: Case, states: Timeline, company: Company, as_of: datetime) -> Iterator[Clock]:
    """Every clock of a case, whether a promise covers it or not."""
    messages = [message for message in case.messages if message.at < as_of]
    asked = sorted(message.at for message in messages if message.is_from_customer)
    replied = sorted({message.at for message in messages if message.is_reply})
    yield from _reply_clocks(asked, replied)
    if case.has_status:
        for metric in ("periodic_update_time", "pausable_update_time"):
            open_replies = [at for at in replied if states.at(at).status not in ASLEEP]
            for no, at in enumerate(open_replies, start=1):
                following = next((later for later in replied if later > at), None)
                yield Clock(metric=metric, no=no, started_at=at, fulfilled_at=following)
        for metric in UNTIL_RESOLVED:
            yield from _until_resolved(metric, case, states, company)
    if any(row.owner for row in states.rows):
        owned = (row.at for row in states.rows if row.owner and row.department == row.owner)
        yield Clock(
            metric="time_to_owner", no=1, started_at=case.opened_at, fulfilled_at=next(owned, None)
        )
    yield from _holdings(states.rows)


def _reply_clocks(asked: Sequence[datetime], replied: Sequence[datetime]) -> Iterator[Clock]:
    """Of one second the customer's messages come first."""
    waiting_since = None
    no = 0
    for at, is_reply in sorted([(at, False) for at in asked] + [(at, True) for at in replied]):
        if not is_reply and waiting_since is None:
            waiting_since = at
        elif is_reply and waiting_since is not None:
            yield _reply_clock(no, waiting_since, at)
            waiting_since = None
            no += 1
    if waiting_since is not None:
        yield _reply_clock(no, waiting_since, None)


def _reply_clock(no: int, started_at: datetime, fulfilled_at: datetime | None) -> Clock:
    metric = "next_reply_time" if no else "first_reply_time"
    return Clock(metric=metric, no=max(no, 1), started_at=started_at, fulfilled_at=fulfilled_at)


def _until_resolved(metric: str, case: Case, states: Timeline, company: Company) -> Iterator[Clock]:
    started_at, no, solved_at = case.opened_at, 1, None
    for row in states.rows:
        if row.status in RESOLVED:
            solved_at = solved_at or row.at
            continue
        if solved_at is not None and row.status != "deleted":
            rule = company.promise_at(metric, case, row.priority, row.at)
            if rule is not None and rule.on_reopen == "restart":
                yield Clock(metric=metric, no=no, started_at=started_at, fulfilled_at=solved_at)
                started_at, no = row.at, no + 1
        solved_at = None
    yield Clock(metric=metric, no=no, started_at=started_at, fulfilled_at=states.resolved_at)


def _holdings(rows: Sequence[State]) -> Iterator[Clock]:
    """Consecutive rows, unresolved, with one holder."""
    held: list[State] = []
    no = 0
    for row in [*rows, None]:
        holder = None if row is None or row.status in ASLEEP else row.holder
        if held and (row is None or holder != held[0].holder):
            no += 1
            yield Clock(
                metric="ownership_time",
                no=no,
                started_at=held[0].at,
                fulfilled_at=row and row.at,
                held_as=held[0],
            )
            held = []
        if holder is not None:
            held.append(row)


# --- verdicts ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    from_at: datetime
    to_at: datetime
    state: State
    policy: str | None
    target_seconds: int | None
    hours: str
    is_paused: bool
    calendar_seconds: int
    seconds: int
    elapsed_before_seconds: int


def counted(hours: str, company: Company, start: datetime, end: datetime) -> list:
    """The stretches of [start, end) that count."""
    if hours == "calendar":
        return [(start, end)] if start < end else []
    return company.schedules[hours].windows(start, end)


def for_ever(hours: str, company: Company, start: datetime) -> Iterator:
    """The stretches that count from `start` on."""
    end = datetime.combine(LAST_DAY, time())
    if hours == "calendar":
        yield start, end
        return
    for step in range(0, (end - start).days + 50, 50):
        until = min(start + (step + 50) * DAY, end)
        yield from company.schedules[hours].windows(start + step * DAY, until)


def took_no_time(clock: Clock) -> bool:
    """Somebody held it for no time at all, but it was theirs: only their row knows."""
    return clock.held_as is not None and clock.started_at == clock.fulfilled_at


def held_rows(
    clock: Clock, end: datetime, case: Case, states: Timeline, company: Company
) -> list[tuple[datetime, Promise]]:
    """The promises that held, each with when it took over."""

    def match(at: datetime) -> Promise | None:
        state = clock.held_as if took_no_time(clock) else states.at(at)
        return company.promise_at(clock.metric, case, state.priority, at)

    first = match(clock.started_at)
    held = [] if first is None else [(clock.started_at, first)]
    turns = {row.at for row in states.lasting} | set(company.promise_turns)
    for at in sorted(turn for turn in turns if clock.started_at < turn < end):
        if held and (held[-1][1].on_change != "reapply" or held[-1][1].target == "case_due_at"):
            break  # it stands as it was made
        found = match(at)
        if found is None or (held and found is held[-1][1]):
            continue
        if found.target != "case_due_at":  # which is promised from the start or not at all
            held.append((at, found))
    return held


def segments(
    clock: Clock,
    end: datetime,
    case: Case,
    states: Timeline,
    held: Sequence[tuple[datetime, Promise]],
    company: Company,
) -> list[Segment]:
    """The pieces of the timeline between start and end, each with what held in it."""
    borders = {*states.borders, *(at for at, _ in held)}
    inner = sorted(at for at in borders if clock.started_at < at < end)
    starts = [clock.started_at, *inner]
    found: list[Segment] = []
    elapsed = 0
    for from_at, to_at in zip(starts, [*inner, end], strict=True):
        state = clock.held_as if took_no_time(clock) else states.at(from_at)
        rules = [rule for at, rule in held if at <= from_at]
        rule = rules[-1] if rules else None
        counts_as = rule or (held[0][1] if held else None)
        runs_while = RUNS_WHILE[clock.metric] - (counts_as.pause_while if counts_as else set())
        is_instant = counts_as is not None and counts_as.target == "case_due_at"
        is_paused = state.status not in runs_while and not is_instant
        hours = counts_as.hours if counts_as else "calendar"
        windows = [] if is_paused else counted(hours, company, from_at, to_at)
        seconds = sum(seconds_between(*window) for window in windows)
        found.append(
            Segment(
                from_at=from_at,
                to_at=to_at,
                state=state,
                policy=rule and rule.policy,
                target_seconds=rule and target_of(rule, clock, case),
                hours=hours,
                is_paused=is_paused,
                calendar_seconds=0 if is_paused else seconds_between(from_at, to_at),
                seconds=seconds,
                elapsed_before_seconds=elapsed,
            )
        )
        elapsed += seconds
    return found


def target_of(rule: Promise, clock: Clock, case: Case) -> int:
    if rule.target == "case_due_at":
        return seconds_between(clock.started_at, case.source_due_at)
    return rule.target_seconds


def due(
    pieces: Sequence[Segment], goes_on: Iterator, target: int, company: Company
) -> tuple[datetime | None, datetime | None]:
    """The last instant at which no more than the target is used up, and the first at which it is:
    through the segments, and then through what would count after them."""
    left, due_by_at = target, None

    def counting() -> Iterator[tuple[datetime, datetime]]:
        for piece in pieces:
            if not piece.is_paused:
                yield from counted(piece.hours, company, piece.from_at, piece.to_at)
        yield from goes_on

    for begin, close in counting():
        seconds = seconds_between(begin, close)
        if due_by_at is None and left <= seconds:
            due_by_at = begin + left * SECOND
        if left < seconds:
            return begin + left * SECOND, due_by_at
        left -= seconds
    return None, due_by_at


def judge(
    case: Case, clock: Clock, states: Timeline, company: Company, as_of: datetime
) -> tuple[dict, list[dict]] | None:
    """A clock's row and its segments; None where nothing was promised and nobody asks."""
    resolved_at = states.resolved_at
    ends = [at for at in (resolved_at, states.ended_at) if at is not None]
    end = clock.fulfilled_at or max(clock.started_at, min(ends, default=as_of))
    held = held_rows(clock, end, case, states, company)
    if not held and clock.metric not in ("first_reply_time", "resolution_time"):
        return None
    pieces = segments(clock, end, case, states, held, company)
    elapsed = sum(piece.seconds for piece in pieces)

    took_over_at, rule = held[-1] if held else (clock.started_at, None)
    target = due_at = due_by_at = None
    if rule is not None:
        target = target_of(rule, clock, case)
        if rule.target == "case_due_at":
            due_at = due_by_at = case.source_due_at
        else:
            # a clock that nobody stopped and that stands still may do so for ever
            goes_on = clock.fulfilled_at is not None or not pieces[-1].is_paused
            after = for_ever(pieces[-1].hours, company, end) if goes_on else iter(())
            due_at, due_by_at = due(pieces, after, target, company)

    void_reason = void_reason_at(case, as_of)
    is_void = void_reason is not None
    if is_void:
        outcome = "void"
    elif rule is None:
        outcome = "no_policy"
    elif elapsed > target:
        outcome = "breached"
    elif clock.fulfilled_at is not None:
        outcome = "met"
    elif resolved_at is not None:
        outcome, void_reason = "void", "resolved"
    else:
        outcome = "running"

    breached_at = max(due_at, took_over_at) if outcome == "breached" else None
    decided_at = clock.started_at
    if outcome == "met":
        decided_at = clock.fulfilled_at
    elif outcome == "breached":
        decided_at = breached_at
    elif outcome == "void":
        when = resolved_at if void_reason == "resolved" else states.ended_at
        decided_at = max(when or clock.started_at, clock.started_at)
    when_set = pieces[-1].state if took_no_time(clock) else states.at(took_over_at)
    then = states.at(decided_at)
    if clock.metric == "ownership_time" and outcome == "met":
        then = pieces[-1].state  # whose clock it was, not who took it from them

    is_running = clock.fulfilled_at is None and resolved_at is None and not is_void
    in_schedules = [piece.seconds for piece in pieces if piece.hours != "calendar"]
    row = {
        "case_key": case.key,
        "metric": clock.metric,
        "clock_no": clock.no,
        "source": case.source,
        "policy": rule and rule.policy,
        "target_seconds": target,
        "hours": rule and rule.hours,
        "started_at": clock.started_at,
        "fulfilled_at": clock.fulfilled_at,
        "due_at": due_at,
        "breached_at": breached_at,
        "due_by_at": due_by_at,
        "elapsed_seconds": elapsed,
        "calendar_elapsed_seconds": sum(piece.calendar_seconds for piece in pieces),
        "business_elapsed_seconds": sum(in_schedules) if in_schedules else None,
        "remaining_seconds": target - elapsed if is_running and rule else None,
        "outcome": outcome,
        "is_running": is_running,
        "is_paused": is_running and pieces[-1].is_paused,
        "void_reason": void_reason,
        "decided_at": decided_at,
        "day": local_day(decided_at, company.zone),
        "channel": case.about.get("channel"),
        "brand": case.about.get("brand"),
        "priority": when_set.priority or None,
        "topic": case.about.get("topic"),
        "department": then.department,
        "team": then.team,
        "agent_key": then.agent,
        "seen_after_seconds": max(seconds_between(clock.started_at, case.opened_at), 0)
        if clock.metric == "first_reply_time" and case.has_status
        else None,
        "retargeted_at": took_over_at if took_over_at > clock.started_at else None,
        "at_risk_seconds": rule and rule.at_risk_seconds,
        "segment_count": len(pieces),
        "source_verdict": case.about.get("source_verdict"),
    }
    return row, [
        {
            "case_key": case.key,
            "metric": clock.metric,
            "clock_no": clock.no,
            "segment_no": no,
            "from_at": piece.from_at,
            "to_at": piece.to_at,
            "is_paused": piece.is_paused,
            "status": piece.state.status,
            "priority": piece.state.priority or None,
            "policy": piece.policy,
            "target_seconds": piece.target_seconds,
            "hours": piece.hours,
            "department": piece.state.department,
            "team": piece.state.team,
            "agent_key": piece.state.agent,
            "calendar_seconds": piece.calendar_seconds,
            "seconds": piece.seconds,
            "elapsed_before_seconds": piece.elapsed_before_seconds,
        }
        for no, piece in enumerate(pieces, start=1)
    ]


def void_reason_at(case: Case, as_of: datetime) -> str | None:
    if case.void_reason and (case.void_at is None or case.void_at < as_of):
        return case.void_reason
    # deleted at as_of, and restored since
    said = [event.status for event in case.events if event.at < as_of and event.status]
    return "deleted" if said and said[-1] == "deleted" else None


def so_far(case: Case, as_of: datetime) -> Case | None:
    """A case that opens later: an export's messages are a conversation until then."""
    written = [each.at for each in case.messages if each.is_from_customer and each.at < as_of]
    if not case.is_exported or not written:
        return None
    return replace(case, has_status=False, opened_at=min(written), events=[], source_due_at=None)


def verdicts(
    case: Case, company: Company, as_of: datetime, states: Timeline | None = None
) -> tuple[list[dict], list[dict]]:
    """Every row of fct_sla_clocks and of fct_sla_segments for a case, as of an instant."""
    if case.opened_at >= as_of:
        case = so_far(case, as_of)
        if case is None:
            return [], []
    company = company.of(case.source)
    states = states or timeline(case, company, as_of)
    rows: list[dict] = []
    pieces: list[dict] = []
    for clock in clocks(case, states, company, as_of):
        judged = judge(case, clock, states, company, as_of)
        if judged is not None:
            rows.append(judged[0])
            pieces += judged[1]
    return rows, pieces
