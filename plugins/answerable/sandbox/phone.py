"""The telephone system: calls, whole, from the menu to the handling; callbacks and corrections.

It tells of a call when it is over, and sometimes again: a handling time that was corrected, a
call that a colleague had picked up after all, a row that is sent twice.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from . import company
from .company import DAY, GROUP, HISTORY_START, Agent, Person, agents_of, at_work, number_of
from .history import World, world
from .households import calls_from_the_office, switchboard

CALLS_A_DAY = 34
HOUR = 3_600
_HOURS = (0, 0, 0, 0, 0, 0, 1, 5, 12, 16, 16, 14, 11, 12, 14, 14, 13, 9, 5, 3, 1, 0, 0, 0)
_LINES = {"care": "Voice Desk", "returns": "Care Berlin", "orders": "Sales Desk"}
_BRANDS_OF = {
    "care": ("tidewell", "tidewell", "tidewell", "bramblebox"),
    "returns": ("tidewell", "bramblebox", "nookly"),
    "orders": ("tidewell", "tidewell", "bramblebox", "nookly"),
}
_ZONE = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the system has it. Seconds are None where it does not measure them."""

    id: int
    is_inbound: bool
    line: str
    brand: str
    person: int | None  # number of the true customer; None: a number withheld
    phone: str | None
    priority: str | None
    started_at: int
    queued_at: int | None
    answered_at: int | None
    ended_at: int
    menu_seconds: int | None
    wait_seconds: int | None  # also where the row does not say it and the instants do
    handling_seconds: int | None
    is_terse: bool  # the row leaves the wait to the instants
    result: str  # the system's words: answered, lost, menu, closed, no answer
    agent: str | None  # a login of the system
    callback_of: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A call as it is told at an instant."""

    at: int
    call: Call


def login(agent: Agent) -> str:
    """How the telephone system knows one of our people.

    >>> login(Agent(1, "Agda Mockford", ()))
    'a.mockford'
    """
    first, last = agent.name.lower().split()
    return f"{first[0]}.{last}"


@lru_cache(maxsize=2_000)
def calls_of(seed: int, size: float, day: int) -> tuple[Told, ...]:
    """All that is ever told of the calls that began on a day, in the order of telling."""
    rng = Random(f"{seed}|{size}|phone|{day}")
    here = world(seed, size)
    start = HISTORY_START + day * DAY
    shape = (1.25, 1.1, 1.05, 1.0, 1.0, 0.5, 0.12)[company.utc(start).weekday()] * size
    if company.utc(start).date().isoformat() in company.HOLIDAYS:
        shape *= 0.2
    mean = CALLS_A_DAY * shape
    told: list[Told] = []
    for number in range(max(0, round(rng.gauss(mean, mean**0.5)))):
        at = start + rng.choices(range(24), weights=_HOURS)[0] * HOUR + rng.randrange(HOUR)
        told += _life(rng, here, day, 70_000_000 + day * 10_000 + number * 2, at)
    return tuple(sorted(told, key=lambda one: (one.at, one.call.id)))


def told_before(here: World, present: int) -> list[Told]:
    """All that the system has told by the present, in order."""
    days = range(max(0, (present - HISTORY_START + DAY - 1) // DAY))
    return sorted(
        (
            one
            for day in days
            for one in calls_of(here.seed, here.size, day)
            if one.at < present
        ),
        key=lambda one: (one.at, one.call.id),
    )  # fmt: skip


def _life(rng: Random, here: World, day: int, number: int, at: int) -> list[Told]:
    one = here.anybody(rng, day)
    line = rng.choices(tuple(_LINES), weights=(5, 3, 2))[0]
    is_withheld = rng.random() < 0.06
    is_gold = any(user.organization and user.organization.tier == "vip" for user in one.users)
    menu = rng.randrange(6, 70)
    call = Call(
        id=number,
        is_inbound=True,
        line=line,
        brand=rng.choice(_BRANDS_OF[line]),
        person=None if is_withheld else one.number,
        phone=None if is_withheld else _calls_from(here.seed, number, one),
        priority="high" if is_gold else None,
        started_at=at,
        queued_at=None,
        answered_at=None,
        ended_at=at + menu,
        menu_seconds=menu,
        wait_seconds=None,
        handling_seconds=None,
        is_terse=rng.random() < 0.05,
        result="menu",
        agent=None,
    )
    if not _is_open(at):
        return _told(rng, replace(call, result="closed"))
    if rng.random() < 0.04:
        return _told(rng, call)
    wait = 0 if rng.random() < 0.45 else max(1, int(26 * rng.lognormvariate(0.0, 1.0)))
    patience = int(110 * rng.lognormvariate(0.0, 0.8))
    if rng.random() < 0.05:
        patience = rng.randrange(1, 6)
    queued = at + menu
    team = _LINES[line]
    if wait > patience:
        lost = replace(
            call,
            queued_at=queued,
            ended_at=queued + patience,
            wait_seconds=patience,
            result="lost",
        )
        return _told(rng, lost) + _called_back(rng, lost, team)
    handling = max(12, int(190 * rng.lognormvariate(0.0, 0.7)))
    answered = replace(
        call,
        queued_at=queued,
        answered_at=queued + wait,
        ended_at=queued + wait + handling,
        wait_seconds=wait,
        handling_seconds=handling,
        result="answered",
        agent=login(rng.choice(agents_of(team, at))),
    )
    return _told(rng, answered)


def _calls_from(seed: int, call: int, one: Person) -> str:
    """Their own number, or their company's, which shows but one to the outside."""
    office = next((user.organization for user in one.users if user.organization), None)
    if office is not None and calls_from_the_office(seed, call):
        return switchboard(office.id)
    return number_of(one)


def _told(rng: Random, call: Call) -> list[Told]:
    """The row, and what comes after it."""
    told = [Told(call.ended_at, call)]
    later = call.ended_at + rng.randrange(6 * HOUR, 40 * HOUR)
    draw = rng.random()
    if call.result == "answered" and draw < 0.04:  # the clerk forgot to hang up
        told.append(Told(later, replace(call, handling_seconds=rng.randrange(15, 120))))
    elif call.result == "lost" and draw < 0.05:  # picked up at another desk, which nobody noted
        found = replace(
            call,
            answered_at=call.ended_at,
            ended_at=call.ended_at + 60,
            handling_seconds=60,
            result="answered",
            agent=login(rng.choice(agents_of(_LINES[call.line], call.started_at))),
        )
        told.append(Told(later, found))
    elif draw > 0.98:
        told.append(Told(later, call))  # sent again, and nothing is new
    return told


def _called_back(rng: Random, lost: Call, team: str) -> list[Told]:
    if lost.phone is None or rng.random() > 0.4:
        return []
    at = at_work(GROUP[team], lost.ended_at + rng.randrange(300, 7_200), rng)
    is_reached = rng.random() < 0.7
    rings = rng.randrange(5, 30)
    handling = max(12, int(150 * rng.lognormvariate(0.0, 0.6))) if is_reached else None
    back = replace(
        lost,
        id=lost.id + 1,
        is_inbound=False,
        started_at=at,
        queued_at=None,
        answered_at=at + rings if is_reached else None,
        ended_at=at + rings + (handling or 0),
        menu_seconds=None,
        wait_seconds=None,
        handling_seconds=handling,
        is_terse=False,
        result="answered" if is_reached else "no answer",
        agent=login(rng.choice(agents_of(team, at))),
        callback_of=lost.id,
    )
    return [Told(back.ended_at, back)]


def _is_open(at: int) -> bool:
    local = datetime.fromtimestamp(at, UTC).astimezone(_ZONE)
    return local.weekday() < 6 and 8 <= local.hour < 20
