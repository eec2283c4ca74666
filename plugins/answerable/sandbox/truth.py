"""What is true at a present: told from what the simulation did, not from what the sources show.

The oracle of the end-to-end tests. It imports the simulation's records and who is who, and
nothing of the models, the clocks or the policy seeds: the promises and the opening hours stand
here a second time, in words of their own, and business time is added up day by day.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from .company import (
    ACCOUNT_BY_ID,
    AGENT_BY_ID,
    BOT_ID,
    BRANDS,
    GROUP,
    GROUP_BY_ID,
    utc,
)
from .history import World
from .ratings import rating_of
from .records import Audit, Post, Ticket
from .repairs import BENCHES, ROBOT, Repair, repairs_before
from .truth_of_clocks import CompanysClock, Matter, TrueComparison, comparisons, other_clocks
from .truth_of_exports import (
    TrueCall,
    TrueInterval,
    TrueSale,
    true_calls,
    true_intervals,
    true_sales,
)
from .truth_of_identity import Identifier, true_customers
from .truth_of_owners import (
    NOBODY,
    Holder,
    Reply,
    TrueAttribution,
    TrueHandoff,
    TrueHolding,
    attribution,
    handoffs,
    holding,
    is_nobody,
    owner_of,
)
from .truth_of_owners import Matter as Handled
from .words import brands_named

_CHANNELS = {
    "email": "email",
    "web": "web_form",
    "chat": "chat",
    "twitter": "x",
    "voice": "voice",
    "api": "other",
}
_BRANDS = {brand.id: brand.key for brand in BRANDS}


@dataclass(frozen=True, slots=True)
class TrueInteraction:
    interaction_key: str
    case_key: str | None
    occurred_at: datetime
    direction: str  # inbound, outbound
    is_bot: bool
    is_reply: bool
    customer: str | None  # who wrote it; of ours: whom it is for
    written_in: str | None  # the case that it was written in, which may be merged since
    is_unprompted: bool = False  # about us, to nobody of ours
    is_mention: bool = False  # said in public, to us or about us
    by: Holder | None = None  # who of ours wrote it, with their team of that instant


@dataclass(frozen=True, slots=True)
class TrueCase:
    case_key: str
    opened_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None
    status: str | None  # a case on X alone has none
    channel: str
    topic: str
    brand: str | None  # None: a case on X alone, where the truth does not say
    is_counted: bool
    not_counted_reason: str | None
    merged_into: str | None  # key of the case that goes on
    customer: str
    shown_as: Identifier  # how the source calls the customer
    turns: tuple[tuple[datetime, str], ...] | None  # each change of status; None: nobody tells


@dataclass(frozen=True, slots=True)
class TrueSpan:
    case_key: str
    span_no: int
    from_at: datetime
    to_at: datetime | None
    department: str | None
    team: str | None
    agent_key: str | None
    came_by: str | None  # rule, replied, taken_over, assigned


@dataclass(frozen=True, slots=True)
class TrueVerdict:
    case_key: str
    metric: str
    outcome: str
    started_at: datetime
    fulfilled_at: datetime | None
    target_seconds: int | None  # None: nothing was promised, or the clock is void
    elapsed_seconds: int | None  # in the promise's hours; None as above
    promise: tuple[int, str] | None  # minutes and hours, of a void clock too
    calendar_seconds: int  # by the calendar, of any clock


@dataclass(frozen=True, slots=True)
class TrueRating:
    rating_key: str
    case_key: str
    rated_at: datetime
    verdict: str  # good, bad
    department: str | None  # who held the case then, or at its end
    team: str | None


@dataclass(frozen=True, slots=True)
class TrueUnprompted:
    """Somebody who wrote about us and to nobody of ours: when we reached them, and who did."""

    interaction_key: str
    case_key: str | None
    reached_at: datetime | None
    department: str | None
    team: str | None
    agent_key: str | None


@dataclass(frozen=True, slots=True)
class TrueMentions:
    """What was said of a day, to us and about us, and how much of it was answered since."""

    addressed: int
    unprompted: int
    addressed_answered: int
    reached: int


@dataclass(frozen=True, slots=True)
class Truth:
    present: datetime
    interactions: dict[str, TrueInteraction]
    cases: dict[str, TrueCase]
    spans: dict[str, tuple[TrueSpan, ...]]  # by case key
    holdings: dict[tuple[str, int], TrueHolding]  # by case key and number of the span
    orphans: dict[str, datetime]  # cases that wait with nobody, and since when
    handoffs: dict[str, tuple[TrueHandoff, ...]]  # by case key, where there were any
    attributions: dict[tuple[str, str], TrueAttribution]  # by case key and metric
    verdicts: dict[tuple[str, str], TrueVerdict]  # by case key and metric
    ratings: dict[str, TrueRating]
    unprompted: dict[str, TrueUnprompted]
    mentions: dict[date, TrueMentions]  # by the company's day
    calls: dict[str, TrueCall]
    intervals: dict[tuple, TrueInterval]  # by queue, brand, promise and beginning
    sales: dict[str, TrueSale]
    comparisons: dict[tuple[str, str, int], TrueComparison]  # by case, metric and clock
    # who is behind each identifier that a source shows; NOBODY: several people
    customers: dict[Identifier, str]
    tied: tuple[frozenset[Identifier], ...]  # what can be believed of the sources' evidence
    permitted: tuple[frozenset[Identifier], ...]  # the same of whoever knew whose each one is


# Business time, the slow way

Window = tuple[int, int]  # minutes after local midnight


def _support(day: date) -> tuple[Window, ...]:
    if day.weekday() >= 5 or day in (date(2025, 12, 25), date(2025, 12, 26), date(2026, 1, 1)):
        return ()
    return ((9 * 60, 17 * 60 + 30),)


def _social(day: date) -> tuple[Window, ...]:
    if day == date(2025, 12, 25):
        return ()
    return ((8 * 60, 20 * 60),) if day < date(2026, 1, 12) else ((8 * 60, 22 * 60),)


def _voice(day: date) -> tuple[Window, ...]:
    if day.weekday() == 6 or day in (date(2025, 12, 25), date(2025, 12, 26), date(2026, 1, 1)):
        return ()
    if day.weekday() == 5:
        return ((10 * 60, 13 * 60),)
    return ((9 * 60, 13 * 60), (14 * 60, 18 * 60))


_HOURS = {
    "support": ("Europe/London", _support),
    "social": ("Europe/London", _social),
    "voice": ("Europe/Berlin", _voice),
}


@lru_cache(maxsize=100_000)
def _open_on(hours: str, day: date) -> tuple[Window, ...]:
    """When it is open on a local day, as epoch seconds."""
    zone_name, windows = _HOURS[hours]
    zone = ZoneInfo(zone_name)

    def epoch(minute: int) -> int:
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
        return int(local.timestamp())

    return tuple((epoch(opens), epoch(closes)) for opens, closes in windows(day))


def seconds_within(hours: str, start: int, end: int) -> int:
    """Seconds between two instants that count: all of them, or those in which it is open."""
    if hours == "calendar":
        return end - start
    zone = ZoneInfo(_HOURS[hours][0])
    day = datetime.fromtimestamp(start, zone).date()
    last = datetime.fromtimestamp(end, zone).date()
    total = 0
    while day <= last:
        for opens, closes in _open_on(hours, day):
            total += max(0, min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return total


# What was promised

Promise = tuple[int, str]  # minutes, and the hours in which they count


def _first_reply_promise(
    channel: str, priority: str | None, topic: str, tier: str | None, brand: str, day: date
) -> Promise | None:
    if channel == "email":
        if tier == "vip":
            return 60, "social"
        if topic == "press":
            return 120, "calendar"
        return (60, "calendar") if priority == "urgent" else (480, "support")
    if channel == "x":
        if day < date(2025, 12, 6):
            return 120, "social"
        return (60, "social") if day < date(2026, 2, 1) else (30, "social")
    if channel == "chat":
        return 5, "calendar"
    if channel == "web_form":
        if priority == "urgent":
            return 60, "calendar"
        if brand == "nookly" and day < date(2026, 1, 1):
            return 720, "support"
        return 510, "support"
    if channel == "voice":
        return 120, "voice"
    return None


def _resolution_promise(
    channel: str, priority: str | None, topic: str, day: date
) -> Promise | None:
    if channel == "chat":
        return 24 * 60, "calendar"
    if channel == "x":
        return 48 * 60, "calendar"
    if channel == "email" and priority == "urgent":
        return 24 * 60, "calendar"
    if topic == "complaint":
        return (1_020, "support") if day < date(2026, 2, 1) else (1_530, "support")
    if channel == "email":
        return 2_040, "support"
    if channel == "web_form":
        return 2_550, "support"
    if channel == "voice":
        return 960, "voice"
    return None


def _company_day(instant: int) -> date:
    return datetime.fromtimestamp(instant, ZoneInfo("Europe/London")).date()


def judge(
    case_key: str,
    metric: str,
    promise: Promise | None,
    started: int,
    fulfilled: int | None,
    present: int,
    is_void: bool,
    solved: Iterable[tuple[int, int]] = (),
) -> TrueVerdict:
    """Whether a promise is kept so far; what is used up exactly is still kept. While the case is
    solved nothing is waited for, and what is solved in the end without being answered in its time
    was neither kept nor broken."""
    at = utc(started), None if fulfilled is None else utc(fulfilled)
    solved = list(solved)
    end = present if fulfilled is None else fulfilled

    def elapsed_in(hours: str) -> int:
        over = (
            seconds_within(hours, max(since, started), min(until, end))
            for since, until in solved
            if started < until and since < end
        )
        return seconds_within(hours, started, end) - sum(over)

    calendar = elapsed_in("calendar")
    if is_void:
        return TrueVerdict(case_key, metric, "void", *at, None, None, promise, calendar)
    if promise is None:
        return TrueVerdict(case_key, metric, "no_policy", *at, None, None, None, calendar)
    minutes, hours = promise
    elapsed = elapsed_in(hours)
    is_solved = bool(solved) and solved[-1][1] == present
    outcome = "running" if fulfilled is None else "met"
    if elapsed > minutes * 60:
        outcome = "breached"
    elif fulfilled is None and is_solved:
        return TrueVerdict(case_key, metric, "void", *at, None, None, promise, calendar)
    return TrueVerdict(case_key, metric, outcome, *at, minutes * 60, elapsed, promise, calendar)


# Who held it

Step = tuple[int, Holder, str]  # the holder from an instant on, and how it came to them


def _spans(case_key: str, steps: Iterable[Step], end: int | None) -> tuple[TrueSpan, ...]:
    """Runs of the same holder; `steps` are in the order in which they happened."""
    runs: list[Step] = []
    for step in steps:
        if not runs or runs[-1][1] != step[1]:
            runs.append(step)
    ends = [utc(instant) for instant, _, _ in runs[1:]]
    return tuple(
        TrueSpan(case_key, number, utc(instant), to_at, *holder, came_by)
        for number, ((instant, holder, came_by), to_at) in enumerate(
            zip(runs, [*ends, None if end is None else utc(end)], strict=True), start=1
        )
    )


def _desk_holder(group_id: object, assignee_id: object) -> Holder:
    agent = None if assignee_id is None else f"zendesk:{assignee_id}"
    if not isinstance(group_id, int):
        return None, None, agent
    group = GROUP_BY_ID[group_id]
    return group.department, group.name, agent


def _writer(author_id: int, instant: int) -> Holder:
    agent = AGENT_BY_ID.get(author_id)
    team = agent.team_at(instant) if agent else None
    return (GROUP[team].department if team else None), team, f"zendesk:{author_id}"


def _account_holder(account_id: str, instant: int) -> Holder:
    team = ACCOUNT_BY_ID[account_id].team_at(instant)
    return (GROUP[team].department if team else None), team, f"x:{account_id}"


# The whole of it


def truth(world: World, present: datetime | int, rest_since: date | None = None) -> Truth:
    """Everything that is true at the present (UTC) and that the sources give away by then.
    `rest_since`: the day since which customer service owns what nobody was named for."""
    now = present if isinstance(present, int) else int(present.replace(tzinfo=UTC).timestamp())
    tickets = world.tickets_before(now)
    posts = world.posts_before(now)
    goes_on = _survivors(tickets, now)
    repairs = repairs_before(world, now)
    calls = true_calls(world, now)
    interactions = (
        _interactions(tickets, posts, goes_on, now) | _notes(repairs, now) | _calls(calls)
    )
    of_case: dict[str, list[TrueInteraction]] = defaultdict(list)
    for one in interactions.values():
        for case_key in {one.case_key, one.written_in} - {None}:
            of_case[case_key].append(one)
    cases: dict[str, TrueCase] = {}
    spans: dict[str, tuple[TrueSpan, ...]] = {}
    verdicts: dict[tuple[str, str], TrueVerdict] = {}
    absorbed: dict[int, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        absorbed[goes_on[ticket.id]].append(ticket)
    matters: list[Matter] = []
    for ticket in tickets:
        case, case_spans, found, matter = _of_ticket(
            ticket,
            absorbed[ticket.id],
            goes_on[ticket.id],
            of_case[f"zendesk:{ticket.id}"],
            now,
        )
        matters.append(matter)
        cases[case.case_key] = case
        spans[case.case_key] = case_spans
        verdicts |= {(one.case_key, one.metric): one for one in found}
    own = {f"x:{post.id}": post for post in posts if post.person is None}
    for case_key, messages in of_case.items():
        if not case_key.startswith("x:"):
            continue
        case, case_spans, verdict = _of_conversation(case_key, messages, own, now)
        cases[case_key] = case
        spans[case_key] = case_spans
        verdicts[case_key, verdict.metric] = verdict
    for repair in repairs:
        case, case_spans, found = _of_repair(repair, of_case[f"workshop:{repair.id}"], now)
        cases[case.case_key] = case
        spans[case.case_key] = case_spans
        verdicts |= {(one.case_key, one.metric): one for one in found}
    holdings = _holdings(cases, spans, verdicts, of_case, rest_since, now)
    customers, tied, permitted = true_customers(world, posts, now)
    ratings = _ratings(world, tickets, goes_on, spans, now)
    unprompted, mentions = _mentions(interactions, of_case, own)
    return Truth(
        present=utc(now),
        interactions=interactions,
        cases=cases,
        spans=spans,
        holdings=holdings,
        orphans={
            key: spans[key][-1].from_at
            for key, case in cases.items()
            if case.is_counted
            and case.status not in ("solved", "closed", "deleted")
            and spans[key][-1].to_at is None
            and is_nobody(spans[key][-1])
        },
        handoffs=_handoffs(cases, spans, of_case, tied),
        attributions=_attributions(cases, spans, verdicts, now),
        verdicts=verdicts,
        ratings=ratings,
        calls=calls,
        intervals=true_intervals(calls),
        sales=true_sales(world, goes_on, now),
        comparisons=comparisons(matters, now),
        unprompted=unprompted,
        mentions=mentions,
        customers=customers,
        tied=tied,
        permitted=permitted,
    )


def _holdings(
    cases: dict[str, TrueCase],
    spans: dict[str, tuple[TrueSpan, ...]],
    verdicts: dict[tuple[str, str], TrueVerdict],
    of_case: dict[str, list[TrueInteraction]],
    rest_since: date | None,
    now: int,
) -> dict[tuple[str, int], TrueHolding]:
    found: dict[tuple[str, int], TrueHolding] = {}
    for key, case in cases.items():
        replies = [
            Reply(one.occurred_at, one.by)
            for one in of_case[key]
            if one.is_reply and one.by and one.case_key == key
        ]
        promises = [
            verdicts[key, metric].promise
            for metric in ("resolution_time", "first_reply_time")
            if (key, metric) in verdicts
        ]
        hours = next((one[1] for one in promises if one and one[1] != "calendar"), None)
        for span in spans[key]:
            start = _epoch(span.from_at)
            end = now if span.to_at is None else _epoch(span.to_at)
            owner = owner_of(case.channel, case.topic, _company_day(start), rest_since)
            seconds = None if hours is None else seconds_within(hours, start, end)
            found[key, span.span_no] = holding(span, replies, owner, hours, seconds)
    return found


def _handoffs(
    cases: dict[str, TrueCase],
    spans: dict[str, tuple[TrueSpan, ...]],
    of_case: dict[str, list[TrueInteraction]],
    tied: tuple[frozenset[Identifier], ...],
) -> dict[str, tuple[TrueHandoff, ...]]:
    group = {identifier: number for number, one in enumerate(tied) for identifier in one}
    of_customer: dict[object, list[TrueCase]] = defaultdict(list)
    for case in cases.values():
        if case.is_counted:
            of_customer[group.get(case.shown_as, case.shown_as)].append(case)
    found: dict[str, tuple[TrueHandoff, ...]] = {}
    for key, case in cases.items():
        messages = [one for one in of_case[key] if one.case_key == key]
        handled = Handled(
            replies=[Reply(one.occurred_at, one.by) for one in messages if one.is_reply and one.by],
            asked=[one.occurred_at for one in messages if one.direction == "inbound"],
            statuses=case.turns,
            resolved_at=case.resolved_at,
            elsewhere=[
                other.opened_at
                for other in of_customer[group.get(case.shown_as, case.shown_as)]
                if other.case_key != key
                and other.channel != case.channel
                and (other.topic == case.topic or "unknown" in (other.topic, case.topic))
            ],
        )
        if told := handoffs(spans[key], handled):
            found[key] = told
    return found


def _attributions(
    cases: dict[str, TrueCase],
    spans: dict[str, tuple[TrueSpan, ...]],
    verdicts: dict[tuple[str, str], TrueVerdict],
    now: int,
) -> dict[tuple[str, str], TrueAttribution]:
    found: dict[tuple[str, str], TrueAttribution] = {}
    for (key, metric), verdict in verdicts.items():
        if verdict.target_seconds is None or verdict.promise is None:
            continue
        turns = cases[key].turns or ()
        ends = [*(_epoch(at) for at, _ in turns[1:]), now]
        found[key, metric] = attribution(
            spans[key],
            _epoch(verdict.started_at),
            now if verdict.fulfilled_at is None else _epoch(verdict.fulfilled_at),
            verdict.target_seconds,
            partial(seconds_within, verdict.promise[1]),
            _epoch,
            [
                (_epoch(at), end)
                for (at, status), end in zip(turns, ends, strict=False)  # no turns: never solved
                if status in ("solved", "closed", "deleted")
            ],
        )
    return found


def _survivors(tickets: list[Ticket], now: int) -> dict[int, int]:
    """The ticket in which each goes on: itself, or the last of those that it was merged into."""
    into = {
        one.id: one.merged_into
        for one in tickets
        if one.merged_at is not None and one.merged_at < now
    }
    found = {}
    for ticket in tickets:
        id_ = ticket.id
        while (next_id := into.get(id_)) is not None:
            id_ = next_id
        found[ticket.id] = id_
    return found


def _ratings(
    world: World,
    tickets: list[Ticket],
    goes_on: dict[int, int],
    spans: dict[str, tuple[TrueSpan, ...]],
    now: int,
) -> dict[str, TrueRating]:
    """What was answered last; whom nobody answered has no rating."""
    found: dict[str, TrueRating] = {}
    for ticket in tickets:
        rating = rating_of(world.seed, ticket)
        said = [one for one in rating.said if one.at < now] if rating else []
        if rating is None or not said or said[-1].score == "offered":
            continue
        key, at = f"zendesk:{rating.id}", utc(said[-1].at)
        case_key = f"zendesk:{goes_on[ticket.id]}"
        held = [span for span in spans[case_key] if span.from_at <= at][-1]
        found[key] = TrueRating(key, case_key, at, said[-1].score, held.department, held.team)
    return found


def _interactions(
    tickets: list[Ticket], posts: list[Post], goes_on: dict[int, int], now: int
) -> dict[str, TrueInteraction]:
    linked = {ticket.conversation: ticket for ticket in tickets if ticket.conversation}
    addressed = {
        (post.conversation_id, post.author_id)
        for post in posts
        if post.person is not None and post.is_seen
    } | {(post.conversation_id, post.answers) for post in posts if post.answers}
    # who of us wrote a post in the help desk; the account speaks for all of them
    written = {
        audit.comment.channel_message_id: audit.comment.author_id
        for ticket in tickets
        for audit in ticket.audits
        if audit.at < now and audit.comment and audit.comment.channel_message_id
    }
    found: dict[str, TrueInteraction] = {}
    for post in posts:
        pair = (post.conversation_id, post.author_id if post.answers is None else post.answers)
        ticket = linked.get(pair)
        case_key = written_in = None
        if ticket is not None:
            case_key, written_in = f"zendesk:{goes_on[ticket.id]}", f"zendesk:{ticket.id}"
        elif pair in addressed:
            case_key = written_in = f"x:{pair[0]}:{pair[1]}"
        authors = [written[one.id] for one in post.versions if one.id in written]
        by = None
        if post.person is None:
            by = _account_holder(post.author_id, post.at)
            by = _writer(authors[0], post.at) if authors else by
        who = post.answers_person if post.person is None else post.person
        is_unprompted = (
            post.person is not None
            and not post.is_seen
            and bool(brands_named(post.versions[0].text))
        )
        found[f"x:{post.id}"] = TrueInteraction(
            interaction_key=f"x:{post.id}",
            case_key=case_key,
            occurred_at=utc(post.at),
            direction="outbound" if post.person is None else "inbound",
            is_bot=False,
            is_reply=post.answers is not None,
            customer=None if who is None else f"person:{who}",
            written_in=written_in,
            is_unprompted=is_unprompted,
            is_mention=post.person is not None and (post.is_seen or is_unprompted),
            by=by,
        )
    on_x = {version.id for post in posts for version in post.versions if version.at < now}
    for ticket in tickets:
        for audit in ticket.audits:
            comment = audit.comment
            if audit.at >= now or comment is None or not comment.is_public:
                continue
            if comment.channel_message_id in on_x:
                continue  # the same message, told above
            if comment.merge_of:
                continue  # says what became of the ticket, and nothing to the customer
            is_inbound = comment.author_id in ticket.author_persons
            key = f"zendesk:{comment.id}"
            found[key] = TrueInteraction(
                interaction_key=key,
                case_key=f"zendesk:{goes_on[ticket.id]}",
                occurred_at=utc(audit.at),
                direction="inbound" if is_inbound else "outbound",
                is_bot=comment.author_id == BOT_ID,
                is_reply=not is_inbound and comment.author_id != BOT_ID,
                is_mention=is_inbound and ticket.via == "twitter",
                customer=f"person:{ticket.person}",
                written_in=f"zendesk:{ticket.id}",
                by=None if is_inbound else _writer(comment.author_id, audit.at),
            )
    return found


def _mentions(
    interactions: dict[str, TrueInteraction],
    of_case: dict[str, list[TrueInteraction]],
    own: dict[str, Post],
) -> tuple[dict[str, TrueUnprompted], dict[date, TrueMentions]]:
    unprompted: dict[str, TrueUnprompted] = {}
    counts: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for key, one in interactions.items():
        if not one.is_mention:
            continue
        replies = [
            other
            for other in of_case.get(one.case_key or "", ())
            if other.is_reply and other.occurred_at >= one.occurred_at
        ]
        first = min(replies, key=lambda other: other.occurred_at) if replies else None
        day = counts[_company_day(_epoch(one.occurred_at))]
        day[one.is_unprompted] += 1
        day[2 + one.is_unprompted] += first is not None
        if one.is_unprompted:
            holder = NOBODY
            if first is not None:
                post = own[first.interaction_key]  # nobody makes a ticket of what is not to us
                holder = _account_holder(post.author_id, post.at)
            reached_at = first.occurred_at if first else None
            unprompted[key] = TrueUnprompted(key, one.case_key, reached_at, *holder)
    return unprompted, {day: TrueMentions(*found) for day, found in counts.items()}


def _first_reply(messages: list[TrueInteraction]) -> tuple[datetime | None, datetime | None]:
    """When the customer first wrote, and when a person of ours first wrote after that."""
    asked = min((one.occurred_at for one in messages if one.direction == "inbound"), default=None)
    if asked is None:
        return None, None
    return asked, min(
        (one.occurred_at for one in messages if one.is_reply and one.occurred_at >= asked),
        default=None,
    )


def _epoch(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())


def _of_ticket(
    ticket: Ticket,
    absorbed: list[Ticket],
    goes_on: int,
    messages: list[TrueInteraction],
    now: int,
) -> tuple[TrueCase, tuple[TrueSpan, ...], list[TrueVerdict], Matter]:
    """`absorbed`: the tickets that go on in this one, itself among them; `goes_on`: in which."""
    key = f"zendesk:{ticket.id}"
    audits = [audit for audit in ticket.audits if audit.at < now]
    gone = ticket.gone_since(now)
    is_merged = goes_on != ticket.id
    status, resolved, closed = _status(audits)
    reason = None
    if gone is not None:
        reason = "deleted" if ticket.spam_from is None else "spam"
    if is_merged:
        reason = "merged"
    # the matter began with the first of the tickets; until ours was made, that one tells of it
    first = min([*absorbed, ticket], key=lambda one: (one.created_at, one is not ticket, one.id))
    earlier = [
        audit
        for audit in first.audits
        if first is not ticket
        and audit.at < min(ticket.created_at, first.merged_at or ticket.created_at)
    ]
    solved = _solved([*earlier, *audits], now)
    channel, brand = _CHANNELS[first.via], _BRANDS[ticket.brand_id]
    case = TrueCase(
        case_key=key,
        opened_at=utc(first.created_at),
        resolved_at=None if resolved is None else utc(resolved),
        closed_at=None if closed is None else utc(closed),
        status=status,
        channel=channel,
        topic=ticket.topic or "unknown",
        brand=brand,
        is_counted=reason is None,
        not_counted_reason=reason,
        merged_into=f"zendesk:{goes_on}" if is_merged else None,
        customer=f"person:{ticket.person}",
        shown_as=("zendesk_user", str(ticket.requester_id)),
        turns=_turns([*earlier, *audits]),
    )
    steps = [*_holders(earlier), *_holders(audits)]
    priorities = [*_priorities(earlier), *_priorities(audits)]

    def priority_at(instant: int) -> str | None:
        return [one for at, one in priorities if at <= max(instant, priorities[0][0])][-1]

    end = closed if gone is None else gone
    is_void = reason is not None
    verdicts = []
    asked, answered = _first_reply(messages)
    if asked is not None:
        start = _epoch(asked)
        promise = _first_reply_promise(
            channel, priority_at(start), ticket.topic, ticket.tier, brand, _company_day(start)
        )
        fulfilled = None if answered is None else _epoch(answered)
        verdicts.append(
            judge(key, "first_reply_time", promise, start, fulfilled, now, is_void, solved)
        )
    start = first.created_at
    promise = _resolution_promise(channel, priority_at(start), ticket.topic, _company_day(start))
    verdicts.append(judge(key, "resolution_time", promise, start, resolved, now, is_void, solved))
    teams = [(at, team) for at, (_, team, _), _ in steps]
    clocks = other_clocks(first.created_at, solved, ticket.lost, teams, now)
    clocks |= {one.metric: [_as_clock(one)] for one in verdicts}
    matter = Matter(ticket, first, is_merged, len(absorbed) > 1, clocks)
    return case, _spans(key, steps, end), verdicts, matter


def _as_clock(one: TrueVerdict) -> CompanysClock:
    fulfilled = None if one.fulfilled_at is None else _epoch(one.fulfilled_at)
    promise = one.promise and (one.promise[0] * 60, one.promise[1] != "calendar")
    return CompanysClock(
        _epoch(one.started_at),
        fulfilled,
        promise,
        one.outcome,
        one.elapsed_seconds,
        one.calendar_seconds,
    )


def _holders(audits: list[Audit]) -> list[Step]:
    held: dict[str, object] = {"group_id": None, "assignee_id": None}
    steps = []
    for audit in audits:
        chosen = [change for change in audit.changes if change.name in held]
        held |= {change.name: change.value for change in chosen}
        came_by = "taken_over" if held["assignee_id"] == audit.updater_id else "assigned"
        if any(change.by_rule and change.value is not None for change in chosen):
            came_by = "rule"
        steps.append((audit.at, _desk_holder(held["group_id"], held["assignee_id"]), came_by))
    return steps


def _priorities(audits: list[Audit]) -> list[tuple[int, str | None]]:
    priority: str | None = None
    steps = []
    for audit in audits:
        for change in audit.changes:
            if change.name == "priority":
                priority = None if change.value is None else str(change.value)
        steps.append((audit.at, priority))
    return steps


def _status(audits: list[Audit]) -> tuple[str, int | None, int | None]:
    """The status now, since when it is resolved without a reopen, and when it was closed."""
    status, resolved, closed = "new", None, None
    for audit in audits:
        for change in audit.changes:
            if change.name != "status" or not isinstance(change.value, str):
                continue
            status = change.value
            if status not in ("solved", "closed"):
                resolved = closed = None
            elif resolved is None:
                resolved = audit.at
            if status == "closed":
                closed = audit.at
    return status, resolved, closed


def _turns(audits: list[Audit]) -> tuple[tuple[datetime, str], ...]:
    """Each status that is another than before, and since when."""
    found: list[tuple[datetime, str]] = []
    for audit in audits:
        for change in audit.changes:
            if change.name == "status" and (not found or found[-1][1] != change.value):
                found.append((utc(audit.at), str(change.value)))
    return tuple(found)


def _solved(audits: list[Audit], now: int) -> list[tuple[int, int]]:
    """From when until when it was solved, closed or deleted, in order; the last one until now."""
    found: list[tuple[int, int]] = []
    since = None
    for audit in audits:
        for change in audit.changes:
            if change.name != "status":
                continue
            if change.value in ("solved", "closed", "deleted"):
                since = audit.at if since is None else since
            elif since is not None:
                found.append((since, audit.at))
                since = None
    return found if since is None else [*found, (since, now)]


# The workshop and the telephone

_REPAIR_CHANNELS = {"Form": "web_form", "Counter": "in_person", "Parcel": "other"}
_RANKS = {"P1": "urgent", "P2": "normal", "P3": "low"}


def _notes(repairs: list[Repair], now: int) -> dict[str, TrueInteraction]:
    return {
        f"workshop:{note.id}": TrueInteraction(
            interaction_key=f"workshop:{note.id}",
            case_key=f"workshop:{repair.id}",
            occurred_at=utc(note.at),
            direction="inbound" if note.author == repair.customer else "outbound",
            is_bot=note.author == ROBOT,
            is_reply=note.author not in (repair.customer, ROBOT),
            customer=f"person:{repair.person}",
            written_in=f"workshop:{repair.id}",
            by=None
            if note.author == repair.customer
            else ("customer_service", "Repair Shop", f"workshop:{note.author}"),
        )
        for repair in repairs
        for note in repair.notes
        if note.told_at < now
    }


def _calls(calls: dict[str, TrueCall]) -> dict[str, TrueInteraction]:
    """A call is nobody's case."""
    return {
        key: TrueInteraction(key, None, call.started_at, call.direction, False, False, None, None)
        for key, call in calls.items()
    }


def _of_repair(
    repair: Repair, messages: list[TrueInteraction], now: int
) -> tuple[TrueCase, tuple[TrueSpan, ...], list[TrueVerdict]]:
    key = f"workshop:{repair.id}"
    audits = [audit for audit in repair.audits if audit.at < now]
    status, resolved, closed = _status(audits)
    solved = _solved(audits, now)
    channel = _REPAIR_CHANNELS[repair.via]
    case = TrueCase(
        case_key=key,
        opened_at=utc(repair.opened_at),
        resolved_at=None if resolved is None else utc(resolved),
        closed_at=None if closed is None else utc(closed),
        status=status,
        channel=channel,
        topic=repair.part,
        brand=repair.brand,
        is_counted=True,
        not_counted_reason=None,
        merged_into=None,
        customer=f"person:{repair.person}",
        shown_as=("workshop_user", repair.customer),
        turns=_turns(audits),
    )
    held: dict[str, object] = {}
    steps: list[Step] = []
    for audit in audits:
        held |= {change.name: change.value for change in audit.changes}
        team = str(held["team"])
        agent = held["owner"] and f"workshop:{held['owner']}"
        # the file does not say who did it
        steps.append((audit.at, (BENCHES[team], team, agent or None), "assigned"))
    priority = _RANKS[str(next(one.value for one in audits[0].changes if one.name == "priority"))]
    verdicts = []
    asked, answered = _first_reply(messages)
    if asked is not None:
        start = _epoch(asked)
        # what Nookly's customers were promised for forms was promised for the help desk's
        promise = _first_reply_promise(channel, priority, "", None, "", _company_day(start))
        fulfilled = None if answered is None else _epoch(answered)
        verdicts.append(
            judge(key, "first_reply_time", promise, start, fulfilled, now, False, solved)
        )
    promise = _resolution_promise(channel, priority, "", _company_day(repair.opened_at))
    verdicts.append(
        judge(key, "resolution_time", promise, repair.opened_at, resolved, now, False, solved)
    )
    return case, _spans(key, steps, closed), verdicts


def _of_conversation(
    case_key: str, messages: list[TrueInteraction], own: dict[str, Post], now: int
) -> tuple[TrueCase, tuple[TrueSpan, ...], TrueVerdict]:
    inbound = [one for one in messages if one.direction == "inbound"]
    first = min(inbound, key=lambda one: one.occurred_at)
    case = TrueCase(
        case_key=case_key,
        opened_at=first.occurred_at,
        resolved_at=None,
        closed_at=None,
        status=None,
        channel="x",
        topic="unknown",
        brand=None,
        is_counted=True,
        not_counted_reason=None,
        merged_into=None,
        customer=first.customer or "",
        shown_as=("x_user", case_key.rsplit(":", 1)[1]),
        turns=None,
    )
    steps: list[Step] = [(_epoch(first.occurred_at), NOBODY, "")]
    answers = [own[one.interaction_key] for one in messages if one.direction == "outbound"]
    for post in sorted(answers, key=lambda one: (one.at, int(one.id))):
        steps.append((post.at, _account_holder(post.author_id, post.at), "replied"))
    asked, answered = _first_reply(messages)
    start = _epoch(asked or first.occurred_at)
    verdict = judge(
        case_key,
        "first_reply_time",
        _first_reply_promise("x", None, "", None, "", _company_day(start)),
        start,
        None if answered is None else _epoch(answered),
        now,
        is_void=False,
    )
    return case, _spans(case_key, steps, None), verdict
