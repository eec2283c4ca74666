"""What is true of calls and sales at a present, told from what the tools did.

A part of the truth, under its rules: nothing of models or policy seeds; the promises to callers
stand here a second time, by hand.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from . import phone, sales
from .company import utc
from .history import World

# kind (zendesk_user, email, phone, x_handle, x_user, salesbook_customer, workshop_user), value
Identifier = tuple[str, str]

_OUTCOMES = {
    "answered": "answered",
    "lost": "abandoned",
    "menu": "other",
    "closed": "other",
    "no answer": "other",
}
_CHANNELS = {"Call": "voice", "X": "x", "Mail": "email", "Shop": "web_form", "Fair": "in_person"}
_STEPS = {"Lead": "found", "Qualified": "qualified", "Won": "won", "Lost": "lost"}


@dataclass(frozen=True, slots=True)
class TrueCall:
    call_key: str
    direction: str
    callback_of_call_key: str | None
    queue: str
    agent_key: str | None
    customer: Identifier | None
    brand: str
    priority: str | None
    started_at: datetime
    outcome: str
    outcome_raw: str
    is_offered: bool
    ivr_seconds: int | None
    wait_seconds: int | None
    talk_seconds: int | None
    queue_entered_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime
    service_level: str | None
    answer_target_seconds: int | None
    answer_outcome: str | None
    answer_void_reason: str | None


@dataclass(frozen=True, slots=True)
class TrueSale:
    sale_key: str
    customer: Identifier | None  # None: only the case tells
    case_key: str | None
    agent_key: str
    channel: str
    channel_raw: str
    brand: str
    product: str
    status: str
    is_open: bool
    found_at: datetime | None
    qualified_at: datetime | None
    won_at: datetime | None
    lost_at: datetime | None
    decided_on: date | None
    cents: int | None
    currency: str | None
    lost_reason: str | None


@dataclass(frozen=True, slots=True)
class TrueInterval:
    """Of one queue, brand and promise, from an instant on."""

    offered: int = 0
    answered: int = 0
    in_target: int = 0
    abandoned: int = 0
    short: int = 0
    waited: int = 0
    talked: int = 0
    longest: int = 0


# --- calls -------------------------------------------------------------------------------------


def true_calls(world: World, now: int) -> dict[str, TrueCall]:
    """Each call as it was told last."""
    last = {told.call.id: told.call for told in phone.told_before(world, now)}
    return {one.call_key: one for one in map(_call, last.values())}


def _call(call: phone.Call) -> TrueCall:
    outcome = _OUTCOMES[call.result]
    is_offered = call.is_inbound and outcome != "other"
    promise = _promise(call.line, call.brand, _company_day(call.started_at)) if is_offered else None
    judged = reason = None
    if promise is not None:
        _, target, short = promise
        assert call.wait_seconds is not None
        if outcome == "answered":
            judged = "met" if call.wait_seconds <= target else "breached"
        elif call.wait_seconds < short:
            judged, reason = "void", "short_abandon"
        else:
            judged = "breached"
    return TrueCall(
        call_key=f"switchboard:{call.id}",
        direction="inbound" if call.is_inbound else "outbound",
        callback_of_call_key=call.callback_of and f"switchboard:{call.callback_of}",
        queue=call.line,
        agent_key=call.agent and f"switchboard:{call.agent}",
        customer=call.phone and ("phone", call.phone),
        brand=call.brand,
        priority=call.priority,
        started_at=utc(call.started_at),
        outcome=outcome,
        outcome_raw=call.result,
        is_offered=is_offered,
        ivr_seconds=call.menu_seconds,
        wait_seconds=call.wait_seconds,
        talk_seconds=call.handling_seconds,
        queue_entered_at=call.queued_at and utc(call.queued_at),
        answered_at=call.answered_at and utc(call.answered_at),
        ended_at=utc(call.ended_at),
        service_level=promise and promise[0],
        answer_target_seconds=promise and promise[1],
        answer_outcome=judged,
        answer_void_reason=reason,
    )


def _promise(line: str, brand: str, day: date) -> tuple[str, int, int]:
    """Its name, within how many seconds, and before how many seconds an abandoned call is short."""
    if line == "orders":
        return "orders", 20, 5
    if line == "care" and brand == "bramblebox":
        return "bramblebox_care", 45, 5
    return "all_calls", 30 if day < date(2026, 2, 1) else 20, 5


def true_intervals(calls: dict[str, TrueCall]) -> dict[tuple, TrueInterval]:
    """By queue, brand, promise and beginning; half hours but for one promise, in winter and summer
    the same in London and in UTC."""
    found: dict[tuple, TrueInterval] = defaultdict(TrueInterval)
    for call in calls.values():
        if not call.is_offered:
            continue
        minutes = 15 if call.service_level == "bramblebox_care" else 30
        began = call.started_at.replace(
            minute=call.started_at.minute // minutes * minutes, second=0
        )
        key = (call.queue, call.brand, call.service_level, began)
        so_far, is_answered = found[key], call.outcome == "answered"
        found[key] = replace(
            so_far,
            offered=so_far.offered + 1,
            answered=so_far.answered + is_answered,
            in_target=so_far.in_target + (call.answer_outcome == "met"),
            abandoned=so_far.abandoned + (not is_answered),
            short=so_far.short + (call.answer_void_reason is not None),
            waited=so_far.waited + (call.wait_seconds or 0) * is_answered,
            talked=so_far.talked + (call.talk_seconds or 0) * is_answered,
            longest=max(so_far.longest, call.wait_seconds or 0),
        )
    return dict(found)


def _company_day(instant: int) -> date:
    return datetime.fromtimestamp(instant, ZoneInfo("Europe/London")).date()


# --- sales -------------------------------------------------------------------------------------


def true_sales(world: World, goes_on: dict[int, int], now: int) -> dict[str, TrueSale]:
    """Each deal as its entries stand; `goes_on` says in which ticket each that is there goes on."""
    entries = {told.entry.id: told.entry for told in sales.told_before(world, now)}
    by_deal: dict[str, list[sales.Entry]] = defaultdict(list)
    for entry in sorted(entries.values(), key=lambda one: (one.at, one.number)):
        by_deal[entry.deal].append(entry)
    return {f"salesbook:{deal}": _sale(log, goes_on) for deal, log in by_deal.items()}


def _sale(log: list[sales.Entry], goes_on: dict[int, int]) -> TrueSale:
    def steps(word: str) -> list[datetime]:
        return [utc(one.at) for one in log if one.step == word]

    last = log[-1]
    status = _STEPS[last.step]
    is_open = status in ("found", "qualified")
    priced = [one for one in log if one.amount is not None]
    customers = [each for one in log if (each := next(iter(identifiers_of(one)), None))]
    ticket = None if last.ticket is None else goes_on.get(last.ticket)
    return TrueSale(
        sale_key=f"salesbook:{last.deal}",
        customer=customers[-1] if customers else None,
        case_key=ticket and f"zendesk:{ticket}",
        agent_key=f"salesbook:{last.seller}",
        channel=_CHANNELS[last.origin],
        channel_raw=last.origin,
        brand=last.brand,
        product=last.product,
        status=status,
        is_open=is_open,
        found_at=min(steps("Lead"), default=None),
        qualified_at=min(steps("Qualified"), default=None),
        won_at=max(steps("Won"), default=None),
        lost_at=max(steps("Lost"), default=None),
        decided_on=None if is_open else _company_day(last.at),
        cents=priced[-1].amount if priced else None,
        currency=priced[-1].currency if priced else None,
        lost_reason=last.reason if status == "lost" else None,
    )


# --- who is who --------------------------------------------------------------------------------


def identifiers_of(entry: sales.Entry) -> list[Identifier]:
    """What an entry knows of the buyer; what comes first is how the system knows them."""
    known = (
        ("salesbook_customer", None if entry.contact is None else f"K{entry.contact}"),
        ("email", entry.email and entry.email.lower()),
        ("phone", entry.phone),
        ("x_handle", entry.handle and entry.handle.lower()),
    )
    return [(kind, value) for kind, value in known if value]
