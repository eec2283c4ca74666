"""The workshop: repairs in a small tool that delivers four files, its history as changed fields.

A repair is a case with a history of states, benches and owners; notes go to and from the customer.
A tablet in the workshop may be offline: a note of ours can be told a day late.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from . import words
from .company import (
    BEFORE_HISTORY,
    DAY,
    HISTORY_START,
    WEEK,
    Group,
    Person,
    at_work,
    number_of,
    readable,
)
from .history import World, world
from .records import Audit, Change

REPAIRS_A_DAY = 1.6
HOUR = 3_600
BENCHES = {"Repair Shop": "customer_service", "Brand Studio": "marketing"}  # team -> department
STAFF = ("rune", "saga", "tage")  # of the repair shop
ROBOT = "robot"
_SHOP = Group(0, "Repair Shop", "customer_service", "Europe/London", WEEK, 540, 1020, True)
_STATES = {"new": "In", "open": "Bench", "pending": "Asked", "solved": "Ready", "closed": "Gone"}
_VIA = ("Form", "Counter", "Parcel")


@dataclass(frozen=True, slots=True)
class Note:
    id: str
    at: int
    told_at: int
    author: str  # a user of the tool
    text: str


@dataclass(slots=True)
class Repair:
    """A repair, whole. Changes of `audits`: status, priority, team, owner."""

    id: str
    opened_at: int
    via: str
    brand: str
    part: str
    person: int
    customer: str  # a user of the tool
    name: str
    email: str | None
    known_since: int
    audits: list[Audit] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def state_at(self, present: int) -> dict[str, str | None]:
        """What the tool shows of it; the tool's own words are the exporter's."""
        shown: dict[str, str | None] = {}
        for audit in self.audits:
            if audit.at < present:
                shown |= {one.name: _text(one.value) for one in audit.changes}
        return shown


def _text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def state(status: str) -> str:
    """The tool's word for a status."""
    return _STATES[status]


@lru_cache(maxsize=2_000)
def repairs_of(seed: int, size: float, day: int) -> tuple[Repair, ...]:
    """The repairs that were brought on a day."""
    rng = Random(f"{seed}|{size}|repairs|{day}")
    here = world(seed, size)
    start = HISTORY_START + day * DAY
    mean = REPAIRS_A_DAY * size
    count = max(0, round(rng.gauss(mean, mean**0.5)))
    return tuple(
        _life(rng, here.anybody(rng, day), f"R{day:04d}{number:02d}", start)
        for number in range(count)
    )


def repairs_before(here: World, present: int) -> list[Repair]:
    """Those that were brought before the present, by their own numbers."""
    days = range(max(0, (present - HISTORY_START + DAY - 1) // DAY))
    return [
        one
        for day in days
        for one in repairs_of(here.seed, here.size, day)
        if one.opened_at < present
    ]


def _life(rng: Random, owner: Person, number: str, start: int) -> Repair:
    via = rng.choices(_VIA, weights=(5, 3, 2))[0]
    at = start + rng.randrange(7 * HOUR, 22 * HOUR)
    if via != "Form":  # over a counter that is open
        at = min(at_work(_SHOP, start + rng.randrange(9 * HOUR, 16 * HOUR), rng), start + DAY - 1)
    mail = owner.users[0].identities[0].value if owner.users else None
    repair = Repair(
        id=number,
        opened_at=at,
        via=via,
        brand=rng.choice(("tidewell", "bramblebox", "nookly")),
        part=rng.choice(("lid", "hinge", "cord", "glass")),
        person=owner.number,
        customer=f"c{owner.number}",
        name=owner.name,
        email=mail,
        known_since=owner.joined_at,
    )
    held: dict[str, str | None] = {}

    def change(instant: int, **values: str | None) -> int:
        audits = repair.audits
        instant = max(instant, audits[-1].at + 1) if audits else instant
        moved = tuple(
            Change(name, value, held.get(name))
            for name, value in values.items()
            if not audits or held.get(name) != value
        )
        held.update(values)
        if moved:
            audits.append(Audit(len(audits) + 1, instant, 0, moved, None))
        return instant

    def note(instant: int, author: str, text: str) -> int:
        is_late = author in STAFF and rng.random() < 0.1
        told = instant + (rng.randrange(HOUR, 30 * HOUR) if is_late else 0)
        repair.notes.append(Note(f"{number}-{len(repair.notes) + 1}", instant, told, author, text))
        return instant

    priority = rng.choice(("P1", "P2", "P2", "P3"))
    change(at, status="new", priority=priority, team="Repair Shop", owner=None)
    opener = words.opener(
        rng, "technical", repair.brand.title(), mail or "-", readable(number_of(owner))
    )
    note(at, repair.customer, opener)
    if rng.random() < 0.6:
        note(at + rng.randrange(2, 20), ROBOT, words.acknowledgement())
    story = rng.random()
    if story < 0.06:  # forgotten on a shelf
        return repair
    hands = rng.choice(STAFF)
    now = change(
        at_work(_SHOP, at + rng.randrange(HOUR, 30 * HOUR), rng), status="open", owner=hands
    )
    if rng.random() < 0.2:
        now = change(now + rng.randrange(60, HOUR), priority=rng.choice(("P1", "P2", "P3")))
    if story < 0.2:  # photographed for the catalogue, and back
        now = change(now + rng.randrange(HOUR, 5 * HOUR), team="Brand Studio", owner=None)
        now = at_work(_SHOP, now + rng.randrange(DAY, 4 * DAY), rng)
        hands = rng.choice(STAFF)
        now = change(now, team="Repair Shop", owner=hands)
    for _ in range(rng.choice((0, 1, 1, 2))):
        now = at_work(_SHOP, now + rng.randrange(600, DAY), rng)
        now = change(note(now, hands, words.reply(rng, repair.brand.title())), status="pending")
        if rng.random() < 0.12:
            return repair  # never heard of again
        now += rng.randrange(1_800, 2 * DAY)
        now = change(
            note(now, repair.customer, words.answer_back(rng, repair.brand.title(), mail or "-")),
            status="open",
        )
    now = at_work(_SHOP, now + rng.randrange(HOUR, 3 * DAY), rng)
    note(now, hands, words.reply(rng, repair.brand.title()))
    now = change(now, status="solved")
    if rng.random() < 0.12:  # it broke again
        now = change(now + rng.randrange(HOUR, 3 * DAY), status="open")
        now = change(at_work(_SHOP, now + rng.randrange(HOUR, 2 * DAY), rng), status="solved")
    if rng.random() < 0.8:
        change(now + 7 * DAY, status="closed")
    return repair


def users_before(here: World, present: int) -> list[tuple[str, str, str | None, str, int]]:
    """(user, name, e-mail, what they are, since when known) of whom the tool knows by then."""
    found = {
        one: (one, one.title(), f"{one}@tidewell.example", "Staff", BEFORE_HISTORY) for one in STAFF
    }
    found[ROBOT] = (ROBOT, "Robot", None, "Robot", BEFORE_HISTORY)
    for one in repairs_before(here, present):
        found[one.customer] = (one.customer, one.name, one.email, "Customer", one.known_since)
    return list(found.values())
