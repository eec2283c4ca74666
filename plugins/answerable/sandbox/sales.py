"""The sales system: deals and the entries of their log, each a step with what was known by then.

An entry may be put right later: a sum, a reason. What it knows of the buyer grows: a handle from
X, the number of a call, an address once somebody has asked for it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from .company import (
    DAY,
    GROUP,
    HISTORY_START,
    Person,
    agents_of,
    at_work,
    number_of,
    person,
)
from .history import World, world
from .households import shop_address
from .phone import calls_of, login

DEALS_A_DAY = 6.5
_CURRENCY = {"tidewell": "GBP", "bramblebox": "EUR", "nookly": "SEK"}
_PRODUCTS = ("Kettle, large", "Lantern", "Lid with a spring", "Umbrella; blue", 'Ladder "Nils"')
_REASONS = ("price", "no answer", "bought elsewhere", "postponed")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a deal's log. What is None the row leaves blank."""

    deal: str
    number: int
    at: int  # when the step was taken; whole minutes
    step: str  # the system's words: Lead, Qualified, Won, Lost
    amount: int | None  # in cents
    contact: int | None  # the system's own number of the buyer
    email: str | None
    phone: str | None
    handle: str | None
    seller: str
    brand: str
    origin: str  # the system's words: Call, X, Mail, Shop, Fair
    product: str
    reason: str | None
    ticket: int | None
    person: int

    @property
    def id(self) -> str:
        return f"{self.deal}/{self.number}"

    @property
    def currency(self) -> str:
        return _CURRENCY[self.brand]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as it is told at an instant."""

    at: int
    entry: Entry


@lru_cache(maxsize=2_000)
def deals_of(seed: int, size: float, day: int) -> tuple[Told, ...]:
    """All that is ever told of the deals that were found on a day, in the order of telling."""
    rng = Random(f"{seed}|{size}|sales|{day}")
    here = world(seed, size)
    start = HISTORY_START + day * DAY
    told: list[Told] = []
    mean = DEALS_A_DAY * size
    count = max(0, round(rng.gauss(mean, mean**0.5)))
    spoke = [
        (person(seed, size, one.call.person), one.call)
        for one in calls_of(seed, size, day)
        if one.call.result == "answered" and one.call.person is not None
    ]
    callers = [(who, call) for who, call in spoke if call.line == "orders"]
    regulars = [(who, call) for who, call in spoke if who.users and who.x_id]  # use what there is
    asked = [ticket for ticket in here.day(day).tickets if ticket.topic == "sales"]
    for number in range(count):
        rng = Random(f"{seed}|{size}|sales|{day}|{number}")  # what the others do moves no draw
        at = start + rng.randrange(7 * 3_600, 20 * 3_600)
        draw = rng.random()
        ticket = None
        if callers and draw < 0.4:
            (buyer, call), origin = callers[number % len(callers)], "Call"
            at = max(at, call.ended_at)
        elif asked and draw < 0.55:
            ticket = asked[number % len(asked)]
            buyer, origin = person(seed, size, ticket.person), "Mail"
            at = max(at, ticket.created_at)
        elif regulars and draw < 0.8:
            (buyer, call), origin = regulars[number % len(regulars)], "Shop"
            at = max(at, call.ended_at)
        else:
            buyer = here.anybody(rng, day)
            origin = rng.choice(("X", "Shop", "Fair") if buyer.x_id else ("Shop", "Fair"))
        told += _life(
            rng,
            seed,
            f"D{day:04d}{number:03d}",
            at,
            buyer,
            origin,
            None if ticket is None else ticket.id,
        )
    return tuple(sorted(told, key=lambda one: (one.at, one.entry.id)))


def told_before(here: World, present: int) -> list[Told]:
    """All that the system has told by the present, in order."""
    days = range(max(0, (present - HISTORY_START + DAY - 1) // DAY))
    return sorted(
        (
            one
            for day in days
            for one in deals_of(here.seed, here.size, day)
            if one.at < present
        ),
        key=lambda one: (one.at, one.entry.id),
    )  # fmt: skip


def _life(
    rng: Random, seed: int, deal: str, at: int, buyer: Person, origin: str, ticket: int | None
) -> list[Told]:
    def working(instant: int) -> int:
        return at_work(GROUP["Sales Desk"], instant, rng) // 60 * 60 + 60

    at = working(at)
    mail = buyer.users[0].identities[0].value if buyer.users else None
    if mail and origin == "Shop":
        mail = shop_address(seed, buyer.number, mail)
    seller = login(rng.choice(agents_of("Sales Desk", at)))
    entry = Entry(
        deal=deal,
        number=1,
        at=at,
        step="Lead",
        amount=rng.randrange(2_000, 900_000) if rng.random() < 0.7 else None,
        contact=buyer.number if rng.random() < 0.35 else None,
        email=mail if origin in ("Mail", "Shop") else None,
        phone=number_of(buyer) if origin in ("Call", "Fair") else None,
        handle=buyer.x_handle if origin == "X" else None,
        seller=seller,
        brand=rng.choice(tuple(_CURRENCY)),
        origin=origin,
        product=rng.choice(_PRODUCTS),
        reason=None,
        ticket=ticket,
        person=buyer.number,
    )
    log = [entry]

    def step(word: str, days: tuple[float, float], **known: object) -> None:
        later = working(log[-1].at + int(rng.uniform(*days) * DAY))
        known = {"at": later, "number": len(log) + 1, "step": word, "reason": None} | known
        log.append(replace(log[-1], **known))  # type: ignore[arg-type]

    if rng.random() < 0.75:
        asks = rng.random() * (0.4 if origin == "Shop" else 1)  # what we learn of the buyer
        step(
            "Qualified",
            (0.1, 9),
            amount=rng.randrange(2_000, 900_000),
            email=mail or log[-1].email,
            handle=buyer.x_handle if asks < 0.3 else log[-1].handle,
            phone=number_of(buyer) if asks < 0.5 else log[-1].phone,
        )
        outcome = rng.random()
        if outcome < 0.45:
            step("Won", (0.2, 20), amount=rng.randrange(2_000, 900_000))
            if rng.random() < 0.06:  # sent back
                step("Lost", (1, 12), reason="returned")
        elif outcome < 0.8:
            step("Lost", (0.2, 20), reason=rng.choice(_REASONS), amount=None)
            if rng.random() < 0.1:  # and after all
                step("Won", (1, 12), amount=rng.randrange(2_000, 900_000))
    told = [Told(each.at, each) for each in log]
    for each in log:
        if rng.random() < 0.05 and each.amount is not None:
            right = replace(each, amount=each.amount + rng.choice((-500, 2_000, 26_000)))
            told.append(Told(each.at + rng.randrange(3_600, 5 * DAY), right))
    return told
