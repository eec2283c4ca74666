"""Who should have held a case, and what came of it.

A part of the truth, under its rules: what the company agreed on about owners stands here a second
time, in words of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

Holder = tuple[str | None, str | None, str | None]  # department, team, agent
NOBODY: Holder = (None, None, None)
Owner = tuple[str, str | None]  # department, and the team where one is named


class Span(Protocol):
    """As in `truth`, with the holder and how it came to them."""

    @property
    def span_no(self) -> int: ...
    @property
    def from_at(self) -> datetime: ...
    @property
    def to_at(self) -> datetime | None: ...
    @property
    def department(self) -> str | None: ...
    @property
    def team(self) -> str | None: ...
    @property
    def agent_key(self) -> str | None: ...
    @property
    def came_by(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Reply:
    at: datetime
    by: Holder  # who wrote it, with their team of that instant


@dataclass(frozen=True, slots=True)
class TrueHolding:
    """What a span comes to beside its holder and times."""

    came_by: str | None
    hours: str | None
    business_seconds: int | None
    replies: int
    outside_replies: int
    owner: Owner | None
    verdict: str
    others: frozenset[tuple[str, int]]  # where contested: whose people answered how often
    belongs_to: Owner | None  # where misrouted


@dataclass(frozen=True, slots=True)
class TrueHandoff:
    level: str  # department, team, agent
    came_by: str | None
    released_at: datetime | None
    handed_at: datetime
    before: Holder  # as it was known last
    after: Holder
    is_bounce: bool
    acted_at: datetime | None
    is_asked_again: bool | None  # None: nobody tells of states
    is_told_again: bool


@dataclass(frozen=True, slots=True)
class Matter:
    """What a handoff is seen against: what was said and done in the case, and elsewhere."""

    replies: Sequence[Reply]
    asked: Sequence[datetime]  # when the customer wrote
    statuses: Sequence[tuple[datetime, str]] | None  # each change; None: nobody tells
    resolved_at: datetime | None
    elsewhere: Sequence[datetime]  # when the customer told the like in another channel


def owner_of(channel: str, topic: str, day: date, rest_since: date | None) -> Owner | None:
    """Who should own it by what the company agreed on, on the day; `rest_since`: from when on
    customer service owns what nobody was named for."""
    if topic == "press":
        return "pr", "Press Desk"
    if topic == "complaint":
        return "customer_service", None
    if topic == "sales":
        return "sales", "Sales Desk"
    if topic == "feedback":
        return "product", "Product Feedback"
    if channel == "x":
        if day < date(2026, 2, 1):
            return "customer_service", None
        return "social_hub", "Social Hub"
    if channel == "voice":
        return "customer_service", "Voice Desk"
    if channel in ("email", "web_form", "chat"):
        return "customer_service", None
    if rest_since is not None and day >= rest_since:
        return "customer_service", None
    return None


def is_in(span: Span, instant: datetime) -> bool:
    return span.from_at <= instant and (span.to_at is None or instant < span.to_at)


def is_nobody(span: Span) -> bool:
    return (span.department, span.team, span.agent_key) == NOBODY


def holding(
    span: Span,
    replies: Sequence[Reply],
    owner: Owner | None,
    hours: str | None,
    business_seconds: int | None,
) -> TrueHolding:
    within = [one for one in replies if is_in(span, one.at)]
    outside = [
        one
        for one in within
        if span.department and one.by[0] is not None and one.by[0] != span.department
    ]
    verdict = _verdict(span, owner, len(outside))
    answered = Counter(one.by[0] for one in outside if one.by[0])
    return TrueHolding(
        came_by=None if is_nobody(span) else span.came_by,
        hours=hours,
        business_seconds=business_seconds,
        replies=len(within),
        outside_replies=len(outside),
        owner=owner,
        verdict=verdict,
        others=frozenset(answered.items()) if verdict == "contested" else frozenset(),
        belongs_to=owner if verdict == "misrouted" else None,
    )


def _verdict(span: Span, owner: Owner | None, outside: int) -> str:
    if owner is None:
        return "no_policy"
    if is_nobody(span):
        return "orphaned"
    if outside:
        return "contested"
    department, team = owner
    if span.department != department or (team is not None and span.team != team):
        return "misrouted"
    return "as_policy"


def handoffs(spans: Sequence[Span], matter: Matter) -> tuple[TrueHandoff, ...]:
    """Changes from one known holder to the next, as somebody would tell them who reads on."""
    found: list[tuple[int, str, Holder, bool]] = []  # place, level, before, bounce
    chains: tuple[list[str], list[str], list[str]] = ([], [], [])  # departments, teams, people
    since_moved: list[str] = []  # people since the last change of team or department
    known = [one for one in spans if not is_nobody(one)]
    for place, span in enumerate(known):
        holder: Holder = (span.department, span.team, span.agent_key)
        before = tuple(chain[-1] if chain else None for chain in chains)
        changed = [
            new is not None and old is not None and new != old
            for new, old in zip(holder, before, strict=True)
        ]
        if changed[0] or changed[1]:
            level = "department" if changed[0] else "team"
            chain = chains[0] if changed[0] else chains[1]
            found.append((place, level, before, _goes_back(chain, holder[0 if changed[0] else 1])))
            since_moved = []
        elif since_moved and span.agent_key and span.agent_key != since_moved[-1]:
            found.append((place, "agent", before, _goes_back(since_moved, span.agent_key)))
        for part, chain in zip(holder, chains, strict=True):
            if part is not None and (not chain or chain[-1] != part):
                chain.append(part)
        if span.agent_key and (not since_moved or since_moved[-1] != span.agent_key):
            since_moved.append(span.agent_key)
    told = []
    for number, (place, level, before, is_bounce) in enumerate(found):
        end = found[number + 1][0] if number + 1 < len(found) else len(known)
        told.append(_handoff(known, place, end, level, before, is_bounce, matter))
    return tuple(told)


def _goes_back(chain: Sequence[str], to: str | None) -> bool:
    return len(chain) > 1 and chain[-2] == to


def _handoff(
    known: Sequence[Span],
    place: int,
    end: int,
    level: str,
    before: Holder,
    is_bounce: bool,
    matter: Matter,
) -> TrueHandoff:
    first, last = known[place], known[end - 1]
    handed, until = first.from_at, last.to_at
    after: Holder = (first.department, first.team, first.agent_key)

    def is_theirs(instant: datetime) -> bool:
        return handed <= instant and (until is None or instant < until)

    part = ("department", "team", "agent").index(level)
    acts = [one.at for one in matter.replies if is_theirs(one.at) and one.by[part] == after[part]]
    for one in known[place:end]:
        if one.agent_key and (one is not first or one.came_by in ("taken_over", "replied")):
            acts.append(one.from_at)
    statuses = matter.statuses or ()
    acts += [at for at, status in statuses if status in ("solved", "closed") and is_theirs(at)]
    acts += [until] if until else []
    pending = [at for at, status in statuses if status == "pending"]
    given = [at for at in matter.asked if at < handed]
    is_asked_again = None
    if matter.statuses is not None:
        is_asked_again = (
            any(is_theirs(at) for at in pending)
            and bool(given)
            and any(at < max(given) for at in pending)
        )
    next_at = known[end].from_at if end < len(known) else None
    limits = [handed + timedelta(days=7), next_at, matter.resolved_at]
    return TrueHandoff(
        level=level,
        came_by=first.came_by,
        released_at=known[place - 1].to_at,
        handed_at=handed,
        before=before,
        after=after,
        is_bounce=is_bounce,
        acted_at=min(acts, default=None),
        is_asked_again=is_asked_again,
        is_told_again=any(
            handed <= at and all(limit is None or at < limit for limit in limits)
            for at in matter.elsewhere
        ),
    )


@dataclass(frozen=True, slots=True)
class TrueAttribution:
    """Whose time a promise's was, and who had the case when it broke."""

    seconds: frozenset[tuple[str | None, int]]  # by department; None: none had it
    broken_with: tuple[str | None] | None  # the department; None: it is not broken


def attribution(
    spans: Sequence[Span],
    start: int,
    end: int,
    target: int,
    counted: Callable[[int, int], int],
    epoch: Callable[[datetime], int],
    solved: Iterable[tuple[int, int]],
) -> TrueAttribution:
    """`counted`: the seconds of a stretch that count; while it is `solved` none do."""
    pauses = list(solved)

    def used(since: int, until: int) -> int:
        if until <= since:
            return 0
        overlaps = [(max(since, one), min(until, other)) for one, other in pauses]
        return counted(since, until) - sum(counted(a, b) for a, b in overlaps if a < b)

    borders = [start, *(min(max(epoch(one.from_at), start), end) for one in spans[1:]), end]
    found: dict[str | None, int] = {}
    for number, span in enumerate(spans):
        seconds = used(borders[number], borders[number + 1])
        found[span.department] = found.get(span.department, 0) + seconds
    parts = frozenset((who, seconds) for who, seconds in found.items() if seconds)
    if used(start, end) <= target:
        return TrueAttribution(parts, None)
    kept, broken = start, end  # the last instant at which it could still be kept
    while broken - kept > 1:
        middle = (kept + broken) // 2
        kept, broken = (middle, broken) if used(start, middle) <= target else (kept, middle)
    held = [one for one in spans if epoch(one.from_at) <= kept] or spans[:1]
    return TrueAttribution(parts, (held[-1].department,))
