"""Situations as tests/data/situations/*.yml tell them: read them, work them out, say what differs.

The README there is the language. Each situation becomes one case of a source of its own, so that
all of them share one build.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from slow_clock import (
    RUNS_WHILE,
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
)

FOLDER = Path(__file__).parents[1] / "data" / "situations"
ZONE = "Europe/London"
TODAY = date(2026, 7, 1)  # as_of is its first second, in ZONE
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TEAMS = {
    "Care": "customer_service",
    "Back Office": "customer_service",
    "Sales Desk": "sales",
    "Press Desk": "pr",
    "Wanderers": "sales",  # until 1 June 2026, then customer_service
}
COLUMNS = {
    "outcome": "outcome",
    "elapsed": "elapsed_seconds",
    "target": "target_seconds",
    "remaining": "remaining_seconds",
    "calendar": "calendar_elapsed_seconds",
    "business": "business_elapsed_seconds",
    "seen after": "seen_after_seconds",
    "at risk": "at_risk_seconds",
    "started": "started_at",
    "fulfilled": "fulfilled_at",
    "due": "due_at",
    "due by": "due_by_at",
    "breached": "breached_at",
    "decided": "decided_at",
    "retargeted": "retargeted_at",
    "day": "day",
    "running": "is_running",
    "paused": "is_paused",
    "void because": "void_reason",
    "policy": "policy",
    "hours": "hours",
    "priority": "priority",
    "department": "department",
    "team": "team",
    "agent": "agent_key",
    "segments": "segment_count",
}
SPANS = ("elapsed", "target", "remaining", "calendar", "business", "seen after", "at risk")
INSTANTS = ("started", "fulfilled", "due", "due by", "breached", "decided", "retargeted")


class SituationError(ValueError):
    """A situation that says something nobody understands; the text names it."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    file: str
    name: str
    zone: str
    promises: Sequence[str]
    owners: Sequence[str]
    happens: Sequence[str]
    why: str
    case: Case
    company: Company
    expected: dict[tuple[str, int], dict[str, object]]  # (metric, clock_no): column: value
    pieces: dict[tuple[str, int], list[dict[str, object]]]  # the same: what its segments are
    metrics: frozenset[str]  # of which every clock is named in `expected`


def as_of() -> datetime:
    return _to_utc(datetime.combine(TODAY, datetime.min.time()), ZONE)


def load(folder: Path = FOLDER) -> list[Situation]:
    found = []
    for file in sorted(folder.glob("*.yml")):
        topic = yaml.safe_load(file.read_text(encoding="utf-8"))
        for number, told in enumerate(topic["situations"], start=1):
            try:
                found.append(_situation(file.stem, number, topic, told))
            except (KeyError, ValueError, AssertionError) as error:
                raise SituationError(f"{file.name}, {told.get('name')!r}: {error!r}") from error
    names = [(one.file, one.name) for one in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SituationError(f"named twice: {twice}")
    return found


def together(situations: Sequence[Situation]) -> Company:
    """One company with what all of them agreed on."""
    schedules = {}
    promises, ownership, rank = [], [], 0
    for one in situations:
        for name, schedule in one.company.schedules.items():
            if schedules.setdefault(name, schedule) is not schedule:
                schedules[name] = schedule
        promises += one.company.promises
        ownership += one.company.ownership
    # one rank for all revisions of a promise, none for two promises
    ranks: dict[tuple, int] = {}
    numbered = []
    for row in [*promises, *ownership]:
        key = (type(row), row.conditions["source"], row.policy)
        rank = ranks.setdefault(key, len(ranks) + 1)
        numbered.append(replace(row, rank=rank))
    return Company(
        zone=ZONE,
        schedules=schedules,
        promises=numbered[: len(promises)],
        ownership=numbered[len(promises) :],
        teams=situations[0].company.teams,
    )


# --- reading -----------------------------------------------------------------------------------


def _situation(stem: str, number: int, topic: dict, told: dict) -> Situation:
    known = {"name", "times", "promises", "owners", "source due", "kind", "happens", "expected"}
    known |= {"why", "hours", "segments"}
    if unknown := told.keys() - known:
        raise ValueError(f"what is {', '.join(sorted(unknown))}?")
    source = f"{stem}_{number:02d}"
    zone = told.get("times", topic.get("times", ZONE))
    schedules = {
        f"{stem}_{name}".replace(" ", "_"): _schedule(rows)
        for name, rows in {**topic.get("hours", {}), **told.get("hours", {})}.items()
    }
    prefix = f"{stem}_"
    promises = told.get("promises", topic.get("promises", []))
    owners = told.get("owners", topic.get("owners", []))
    rows = [
        _promise(text, place, source, prefix, schedules) for place, text in enumerate(promises, 1)
    ]
    case = _case(source, zone, told)
    expected, pieces = {}, {}
    for clock, values in told["expected"].items():
        metric, _, no = str(clock).partition(" ")
        assert metric in RUNS_WHILE, f"{metric} is no metric"
        key = (metric, int(no or 1))
        expected[key] = {
            COLUMNS[name]: _value(name, value, zone, prefix, source)
            for name, value in (values or {}).items()
        }
    for clock, lines in told.get("segments", {}).items():
        metric, _, no = str(clock).partition(" ")
        pieces[(metric, int(no or 1))] = [_piece(line, zone) for line in lines]
    return Situation(
        file=f"{stem}.yml",
        name=told["name"],
        zone=zone,
        promises=promises,
        owners=owners,
        happens=told["happens"],
        why=told.get("why", ""),
        case=case,
        company=Company(
            zone=ZONE,
            schedules=schedules,
            promises=rows,
            ownership=[_owner(text, place, source) for place, text in enumerate(owners, 1)],
            teams=_teams(),
        ),
        expected=expected,
        pieces=pieces,
        metrics=frozenset(row.metric for row in rows) | {metric for metric, _ in expected},
    )


def _teams() -> list[Membership]:
    moved = date(2026, 6, 1)
    rows = [Membership(member=team, of=of) for team, of in TEAMS.items() if team != "Wanderers"]
    return [
        *rows,
        Membership(member="Wanderers", of="sales", valid_until=moved),
        Membership(member="Wanderers", of="customer_service", valid_from=moved),
    ]


def _schedule(told: dict | list) -> Schedule:
    """A schedule, or its revisions: a list of them with `from` and `until`."""
    revisions = told if isinstance(told, list) else [told]
    openings, holidays = [], []
    for revision in revisions:
        if unknown := revision.keys() - {"zone", "open", "from", "until", "special"}:
            raise ValueError(f"what is {', '.join(sorted(unknown))} of a schedule?")
        for days, hours in revision["open"].items():
            for weekday in _weekdays(days):
                for opens, closes in _hours(hours):
                    openings.append(
                        Opening(
                            zone=revision["zone"],
                            weekday=weekday,
                            opens=opens,
                            closes=closes,
                            **_dates(revision.get("from"), revision.get("until")),
                        )
                    )
        for line in revision.get("special", []):
            holidays += _special(line)
    return Schedule(openings=openings, holidays=holidays)


def _weekdays(text: str) -> list[int]:
    """`Mon`, `Mon-Fri`, `Sun-Thu`, `Mon Wed Fri`, `every day`."""
    if text == "every day":
        return list(range(7))
    found = []
    for part in text.split():
        first, _, last = part.partition("-")
        day = WEEKDAYS.index(first)
        found.append(day)
        while last and WEEKDAYS[day] != last:
            day = (day + 1) % 7
            found.append(day)
    return found


def _hours(text: str) -> list[tuple[str, str]]:
    """`09:00-13:00 14:00-18:00`; `round the clock`."""
    if text == "round the clock":
        return [("00:00", "24:00")]
    pairs = [tuple(part.split("-")) for part in text.split()]
    assert all(re.fullmatch(r"\d\d:\d\d", time) for pair in pairs for time in pair), text
    return pairs


def _special(line: str) -> list[Holiday]:
    """`2026-12-24 closed`, `2026-12-24 until 2027-01-02 closed`, `2026-12-24 10:00-12:00`."""
    match = re.fullmatch(r"(\w\w\w )?(\S+)(?: until (\w\w\w )?(\S+))? (closed|[\d: -]+)", line)
    assert match, line
    first = _day(match[2], match[1])
    until = _day(match[4], match[3]) if match[4] else first + timedelta(days=1)
    if match[5] == "closed":
        return [Holiday(first=first, until=until)]
    return [Holiday(first=first, until=until, opens=o, closes=c) for o, c in _hours(match[5])]


def _day(text: str, weekday: str | None = None) -> date:
    day = date.fromisoformat(str(text))
    if weekday:
        assert WEEKDAYS[day.weekday()] == weekday.strip(), f"{text} is no {weekday}"
    return day


def _dates(first: object, until: object) -> dict[str, date]:
    found = {}
    if first:
        found["valid_from"] = _day(str(first))
    if until:
        found["valid_until"] = _day(str(until))
    return found


_PROMISE = re.compile(
    r"(?:(?P<policy>[\w ]+): )?(?P<metric>\w+) "
    r"(?:within (?P<span>[\d a-z]+?)(?: of (?P<hours>[\w ]+?))?|by (?P<due>the source's due time))"
    r"(?:, priority (?P<priority>\w+))?"
    r"(?:, pausing while (?P<pause>pending|hold|pending or hold))?"
    r"(?:, restarting when reopened(?P<restart>))?"
    r"(?:, reapplied on change(?P<reapply>))?"
    r"(?:, at risk (?P<risk>[\d a-z]+) before)?"
    r"(?:, from (?P<first>\S+))?(?:, until (?P<until>\S+))?"
)


def _promise(text: str, place: int, source: str, prefix: str, schedules: dict) -> Promise:
    told = _PROMISE.fullmatch(text)
    assert told, f"not understood: {text}"
    metric, hours = told["metric"], told["hours"] or "calendar"
    assert metric in RUNS_WHILE, f"{metric} is no metric"
    if hours != "calendar":
        hours = f"{prefix}{hours}".replace(" ", "_")
        assert hours in schedules, f"no hours {told['hours']}"
    conditions = {"source": source}
    if told["priority"]:
        conditions["priority"] = told["priority"]
    more = {"at_risk_seconds": span(told["risk"])} if told["risk"] else {}
    return Promise(
        policy=f"{source} {told['policy'] or f'promise {place}'}",
        rank=place,
        metric=metric,
        conditions=conditions,
        target="case_due_at" if told["due"] else "duration",
        target_seconds=None if told["due"] else span(told["span"]),
        hours=hours,
        pause_while=frozenset(told["pause"].split(" or ")) if told["pause"] else frozenset(),
        on_reopen="continue" if told["restart"] is None else "restart",
        on_change="keep" if told["reapply"] is None else "reapply",
        **more,
        **_dates(told["first"], told["until"]),
    )


def _owner(text: str, place: int, source: str) -> OwnershipRule:
    told = re.fullmatch(
        r"(?:(?P<policy>[\w ]+): )?(?P<department>\w+)(?:, priority (?P<priority>\w+))?"
        r"(?:, from (?P<first>\S+))?(?:, until (?P<until>\S+))?",
        text,
    )
    assert told, f"not understood: {text}"
    conditions = {"source": source}
    if told["priority"]:
        conditions["priority"] = told["priority"]
    return OwnershipRule(
        policy=f"{source} {told['policy'] or f'owner {place}'}",
        rank=place,
        department=told["department"],
        conditions=conditions,
        **_dates(told["first"], told["until"]),
    )


_MESSAGES = {
    "customer writes": {"by": "customer"},
    "agent replies": {"by": "person"},
    "former agent replies": {"by": "person", "agent": "former"},
    "bot replies": {"by": "bot"},
    "agent notes": {"by": "person", "is_public": False},
    "agent replies (deleted later)": {"by": "person", "is_deleted": True},
}
_STATUSES = ("new", "open", "pending", "hold", "solved", "closed", "deleted")


def _case(source: str, zone: str, told: dict) -> Case:
    lines = [_line(text, zone) for text in told["happens"]]
    is_conversation = told.get("kind") == "conversation"
    opened_at = next((at for at, what in lines if "ticket opens" in what), lines[0][0])
    about = {"channel": "chat" if is_conversation else "email", "topic": "unknown"}
    about |= {"brand": None}
    case = Case(
        key=f"{source}:1",
        source=source,
        opened_at=opened_at,
        has_status=not is_conversation,
        about=about,
        source_due_at=_instant(told["source due"], zone) if "source due" in told else None,
    )
    for number, (at, what) in enumerate(lines):
        said: dict[str, str] = {}
        for phrase in what:
            if phrase in _MESSAGES:
                key = f"{source}:{number:03d}"
                message = Message(at=at, key=key, **_MESSAGES[phrase])
                if is_conversation and message.by != "customer":
                    message = replace(message, agent=f"{source}:{message.agent or message.by}")
                elif message.agent:
                    message = replace(message, agent=f"{source}:{message.agent}")
                case.messages.append(message)
            elif phrase == "spam":
                case.void_reason = "spam"
            elif phrase != "ticket opens":
                said |= _said(phrase, source)
        if at == opened_at and not case.events:
            case.events.append(
                Event(at=at, **{"status": "new", "team": "", "agent": "", "priority": ""} | said)
            )
        elif said:
            case.events.append(Event(at=at, **said))
    if case.events[-1].status == "deleted":
        case.void_reason = case.void_reason or "deleted"
        case.void_at = case.events[-1].at
    case.is_exported = any(message.is_deleted for message in case.messages)  # nobody else says so
    if is_conversation:
        case.events.clear()
        case.opened_at = min(m.at for m in case.messages if m.by == "customer")
    return case


def _said(phrase: str, source: str) -> dict[str, str]:
    kind, _, value = phrase.partition(" ")
    if phrase in _STATUSES:
        return {"status": phrase}
    if phrase == "reopened":
        return {"status": "open"}
    if kind == "priority":
        return {"priority": value}
    if phrase == "held by nobody":
        return {"team": "", "agent": ""}
    if phrase.startswith("held by "):
        team, _, agent = phrase.removeprefix("held by ").partition(" / ")
        assert team in TEAMS or team == "no team", f"no team {team}"
        return {
            "team": "" if team == "no team" else team,
            "agent": f"{source}:{agent}" if agent else "",
        }
    raise ValueError(f"not understood: {phrase}")


def _line(text: str, zone: str) -> tuple[datetime, list[str]]:
    match = re.fullmatch(r"(\w\w\w \S+ \S+) (.+)", text)
    assert match, f"not understood: {text}"
    return _instant(match[1], zone), match[2].split(", ")


def _instant(text: str, zone: str) -> datetime:
    """`Thu 2026-04-23 16:00` in the situation's zone, `Thu 2026-04-23 14:00Z` in UTC."""
    weekday, day, clock = str(text).split(" ")
    _day(day, weekday)
    local = datetime.fromisoformat(f"{day}T{clock.removesuffix('Z')}")
    if clock.endswith("Z"):
        return local
    at = _to_utc(local, zone)
    back = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert back == local, f"{text} does not exist in {zone}"
    other = local.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC).replace(tzinfo=None)
    assert other == at, f"{text} comes twice in {zone}: write it in UTC"
    return at


def _to_utc(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


def span(text: object) -> int:
    """Seconds of `1 d 2 h 30 min 5 s`; a minus in front is less than nothing."""
    text = str(text)
    sign = -1 if text.startswith("minus ") else 1
    units = {"w": 604_800, "d": 86_400, "h": 3_600, "min": 60, "s": 1}
    parts = re.findall(r"(\d+) (w|d|h|min|s)\b", text)
    assert " ".join(f"{n} {u}" for n, u in parts) == text.removeprefix("minus "), f"{text}?"
    return sign * sum(int(number) * units[unit] for number, unit in parts)


def _value(name: str, value: object, zone: str, prefix: str, source: str) -> object:
    if value is None or value == "none":
        return None
    if name in SPANS:
        return span(value)
    if name in INSTANTS:
        return _instant(value, zone)
    if name == "day":
        weekday, _, day = str(value).rpartition(" ")
        return _day(day, weekday)
    if name == "hours" and value != "calendar":
        return f"{prefix}{value}".replace(" ", "_")
    if name == "policy":
        return f"{source} {value}"
    if name == "agent":
        return f"{source}:{value}"
    return value


def _piece(line: str, zone: str) -> dict[str, object]:
    """`from to: pending, paused` or `from to: open, 1 h`."""
    match = re.fullmatch(r"(\w\w\w \S+ \S+) to (\w\w\w \S+ \S+): (\w+), (paused|[\d a-z]+)", line)
    assert match, f"not understood: {line}"
    return {
        "from_at": _instant(match[1], zone),
        "to_at": _instant(match[2], zone),
        "status": match[3],
        "is_paused": match[4] == "paused",
        "seconds": 0 if match[4] == "paused" else span(match[4]),
    }


# --- comparing ---------------------------------------------------------------------------------


def faults(one: Situation, clocks: Sequence[dict], pieces: Sequence[dict]) -> str:
    """What differs from what was expected, as prose; nothing where all is as it should be."""
    found = []
    got = {(row["metric"], row["clock_no"]): row for row in clocks}
    for key in sorted(got.keys() - one.expected.keys()):
        if key[0] in one.metrics:
            found.append(f"there is a {_clock(key)}, which nobody expected")
    for key, expected in one.expected.items():
        if key not in got:
            found.append(f"there is no {_clock(key)}")
            continue
        for column, value in expected.items():
            if got[key][column] != value:
                found.append(
                    f"{_clock(key)}: {column} should be {_told(column, value, one.zone)},"
                    f" but is {_told(column, got[key][column], one.zone)}"
                )
    for key, expected in one.pieces.items():
        mine = [
            {name: row[name] for name in ("from_at", "to_at", "status", "is_paused", "seconds")}
            for row in sorted(pieces, key=lambda row: row["segment_no"])
            if (row["metric"], row["clock_no"]) == key
        ]
        if mine != expected:
            lines = "\n".join(f"      {_piece_told(piece, one.zone)}" for piece in mine)
            found.append(f"the segments of {_clock(key)} are\n{lines}")
    if not found:
        return ""
    told = [f"{one.file}: {one.name}"]
    told += [f"  promised: {text}" for text in one.promises]
    told += [f"  should own it: {text}" for text in one.owners]
    told += [f"  {text}" for text in one.happens]
    if one.why:
        told.append(f"  why: {one.why.strip()}")
    return "\n".join([*told, *(f"  WRONG: {text}" for text in found)])


def _clock(key: tuple[str, int]) -> str:
    return f"{key[0]} {key[1]}"


def _piece_told(piece: dict, zone: str) -> str:
    from_at, to_at = (_told("from_at", piece[name], zone) for name in ("from_at", "to_at"))
    what = "paused" if piece["is_paused"] else _span_told(piece["seconds"])
    return f"{from_at} to {to_at}: {piece['status']}, {what}"


def _told(column: str, value: object, zone: str) -> str:
    if value is None:
        return "none"
    if column.endswith("_seconds"):
        return _span_told(value)
    if isinstance(value, datetime):
        local = value.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        return f"{WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M:%S} ({value:%H:%M:%S}Z)"
    return str(value)


def _span_told(seconds: int) -> str:
    left, parts = abs(seconds), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return ("minus " if seconds < 0 else "") + (" ".join(parts) or "0 s")
