"""The life of one help desk ticket, from its first message to its closing."""

from random import Random

from . import words
from .company import (
    ADMIN_ID,
    BOT_ID,
    BRANDS,
    DAY,
    GROUP,
    GROUP_BY_ID,
    SYSTEM_ID,
    Person,
    User,
    agents_of,
    at_work,
    number_of,
    readable,
)
from .records import Audit, Change, Comment, Ticket

HOUR = 3_600
_PRIORITIES = ("low", "normal", "high", "urgent")
_ROUTES = {  # where a matter of this topic should go
    "billing": ("Care London", "Care Berlin"),
    "delivery": ("Care London", "Care Berlin"),
    "technical": ("Technical Care",),
    "complaint": ("Care London", "Care Berlin"),
    "sales": ("Sales Desk",),
    "press": ("Press Desk",),
    "feedback": ("Product Feedback",),
    "": ("Care London", "Care Berlin"),
}
_DEPARTMENTS_APART = ("Brand Studio", "Campaigns", "Press Desk", "Sales Desk", "Product Feedback")
_FIRST_REPLY_MINUTES = {  # median and spread of a log-normal
    "email": (150, 0.9),
    "web": (190, 0.9),
    "chat": (1.9, 0.6),
    "twitter": (17, 0.8),
    "voice": (55, 0.7),
    "api": (240, 0.8),
}


def spread(rng: Random, median_minutes: float, sigma: float) -> int:
    """Seconds, log-normal around the median."""
    return max(5, int(median_minutes * 60 * rng.lognormvariate(0.0, sigma)))


def routed_group(rng: Random, topic: str, via: str) -> str:
    if via == "voice":
        return "Voice Desk"
    if via == "twitter" and rng.random() < 0.6:
        return "Social Hub"
    return rng.choice(_ROUTES[topic])


class Desk:
    """One ticket while it is being written: keeps its state and the order of its audits."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.state: dict[str, int | str | None] = {
            "status": None,
            "priority": None,
            "group_id": None,
            "assignee_id": None,
        }

    @property
    def last(self) -> int:
        return self.ticket.audits[-1].at

    def write(
        self,
        at: int,
        updater_id: int,
        *,
        author_id: int | None = None,
        text: str | None = None,
        is_public: bool = True,
        channel_message_id: str | None = None,
        ruled: tuple[str, ...] = (),
        same_second: bool = False,
        **changes: int | str | None,
    ) -> int:
        """Append an audit at the instant, or just after the last one where that is later."""
        audits = self.ticket.audits
        if audits:
            at = self.last if same_second else max(at, self.last + 1)
        audit_id = 7_000_000_000 + self.ticket.id * 8_192 + len(audits) * 32
        moved = tuple(
            Change(name, value, self.state[name], name in ruled)
            for name, value in changes.items()
            if not audits or value != self.state[name]
        )
        if audits and not moved and text is None:
            return self.last
        comment = None
        if text is not None:
            author = updater_id if author_id is None else author_id
            comment = Comment(audit_id + 1, author, is_public, text, channel_message_id)
        self.state.update(changes)
        audits.append(Audit(audit_id, at, updater_id, moved, comment))
        return at

    def group(self) -> str | None:
        held = self.state["group_id"]
        return GROUP_BY_ID[held].name if isinstance(held, int) else None

    def assignee(self) -> int | None:
        held = self.state["assignee_id"]
        return held if isinstance(held, int) else None

    def take(self, rng: Random, at: int, group: str | None = None) -> int:
        """Somebody of the group takes it; in one audit with the group where that changes."""
        name = group or self.group() or "Care London"
        at = at_work(GROUP[name], at, rng)
        people = agents_of(name, at)
        if not people:
            return at
        agent = rng.choice(people).id
        status = "open" if self.state["status"] == "new" else self.state["status"]
        return self.write(at, agent, group_id=GROUP[name].id, assignee_id=agent, status=status)

    def pass_on(self, rng: Random, at: int, group: str, updater: int | None = None) -> int:
        """To another group, with nobody of it holding it yet."""
        who = updater or self.assignee() or ADMIN_ID
        return self.write(
            at,
            who,
            text=words.note(rng),
            is_public=False,
            group_id=GROUP[group].id,
            assignee_id=None,
        )


def ticket_life(
    seed: int, day: int, number: int, born_at: int, via: str, person: Person, user: User
) -> Ticket:
    """A ticket of any channel but X, whole: what is shown of it is cut later."""
    rng = Random(f"{seed}|ticket|{day}|{number}")
    topic = rng.choices((*words.TOPICS, ""), weights=(20, 22, 18, 12, 8, 3, 5, 12))[0]
    brand = rng.choices(BRANDS, weights=(6, 3, 1))[0]
    mail = user.identities[0].value
    story = rng.random()
    proactive = story < 0.02 and via in ("email", "web")
    ticket = Ticket(
        id=100_000 + day * 10_000 + number,
        created_at=born_at,
        via=via,
        brand_id=brand.id,
        topic=topic,
        kind=rng.choice(("question", "incident", "problem", "task")),
        subject=words.subject(rng, topic, brand.name),
        requester_id=user.id,
        submitter_id=user.id,
        person=person.number,
        organization_id=user.organization.id if user.organization else None,
        tier=user.organization.tier if user.organization else None,
        author_persons={user.id: person.number},
    )
    desk = Desk(ticket)
    priority = rng.choices((None, "low", "normal", "high", "urgent"), weights=(25, 10, 40, 17, 8))[
        0
    ]
    group = routed_group(rng, topic, via)
    start = {"status": "new", "priority": priority, "assignee_id": None}
    if proactive:  # we wrote first
        born_at = at_work(GROUP[group], born_at, rng)
        if born_at // DAY != ticket.created_at // DAY:  # not on the day that it belongs to
            born_at = ticket.created_at
        ticket.created_at = born_at
        agent = rng.choice(agents_of(group, born_at)).id
        ticket.submitter_id = agent
        desk.write(
            born_at,
            agent,
            text=words.reply(rng, brand.name),
            status="pending",
            priority=priority,
            group_id=GROUP[group].id,
            assignee_id=agent,
        )
        if rng.random() < 0.6:
            answered = desk.write(
                born_at + spread(rng, 600, 0.8),
                user.id,
                author_id=user.id,
                text=words.answer_back(rng, brand.name, mail),
                status="open",
            )
            _rounds(desk, rng, user, answered, via, brand.name, mail, story)
        return _ended(desk, rng, story)

    routed = rng.random() < 0.72
    desk.write(
        born_at,
        user.id,
        text=words.opener(rng, topic, brand.name, mail, readable(number_of(person))),
        group_id=GROUP[group].id if routed else None,
        ruled=("group_id",),
        **start,
    )
    if rng.random() < {"email": 0.5, "web": 0.4, "chat": 0.7}.get(via, 0.0):
        desk.write(born_at + rng.randrange(2, 9), BOT_ID, text=words.acknowledgement())
    if story > 0.965:  # nobody ever takes it; the customer may ask again
        if rng.random() < 0.5:
            desk.write(
                born_at + spread(rng, 1_500, 0.5),
                user.id,
                text=words.answer_back(rng, brand.name, mail),
            )
        return _ended(desk, rng, story)
    now = work_the_ticket(desk, rng, group, born_at, via, story, brand.name)
    if now is not None:
        _rounds(desk, rng, user, now, via, brand.name, mail, story)
    return _ended(desk, rng, story)


def work_the_ticket(
    desk: Desk, rng: Random, group: str, born_at: int, via: str, story: float, brand: str
) -> int | None:
    """From nobody to somebody, by detours; the instant at which the holder is about to answer."""
    median, sigma = _FIRST_REPLY_MINUTES[via]
    wait = spread(rng, median, sigma)
    pause = 40 if via == "chat" else 1_200  # for a note or a change on the way
    now = born_at + max(3, wait // 3)
    if desk.group() is None:  # the hub or a colleague sorts it
        now = at_work(GROUP["Social Hub" if via == "twitter" else "Care London"], now, rng)
        sorter = rng.choice(agents_of("Social Hub" if via == "twitter" else "Care London", now)).id
        now = desk.write(now, sorter, group_id=GROUP[group].id)
    if story < 0.11:  # first to people who cannot help
        wrong = rng.choice(_DEPARTMENTS_APART)
        now = desk.pass_on(rng, now + rng.randrange(60, 900), wrong, ADMIN_ID)
        now = desk.take(rng, now + spread(rng, median, sigma))
        now = desk.pass_on(rng, now + spread(rng, 20, 0.7), group)
        if story < 0.04:  # and back, and forth
            now = desk.take(rng, now + spread(rng, 30, 0.7))
            now = desk.pass_on(rng, now + spread(rng, 30, 0.7), wrong)
            now = desk.take(rng, now + spread(rng, 30, 0.7))
            now = desk.pass_on(rng, now + spread(rng, 30, 0.7), group)
    if 0.11 < story < 0.12:  # a macro takes and hands over within the second
        now = desk.take(rng, now)
        others = [one for one in agents_of(group, now) if one.id != desk.assignee()]
        if others:
            now = desk.write(now, others[0].id, assignee_id=others[0].id, same_second=True)
    now = desk.take(rng, now + wait // 3)
    if rng.random() < 0.13:
        levels = [one for one in _PRIORITIES if one != desk.state["priority"]]
        now = desk.write(
            now + rng.randrange(10, pause), desk.assignee() or ADMIN_ID, priority=rng.choice(levels)
        )
    if rng.random() < 0.18:
        now = desk.write(
            now + rng.randrange(10, pause),
            desk.assignee() or ADMIN_ID,
            text=words.note(rng),
            is_public=False,
        )
    if 0.12 < story < 0.16:  # a colleague of another department answers, though it is not theirs
        apart = rng.choice(_DEPARTMENTS_APART)
        when = at_work(GROUP[apart], now + rng.randrange(60, 2_400), rng)
        now = desk.write(when, rng.choice(agents_of(apart, when)).id, text=words.reply(rng, brand))
    return at_work(GROUP[desk.group() or group], now + wait // 3, rng)


def _rounds(
    desk: Desk, rng: Random, user: User, now: int, via: str, brand: str, mail: str, story: float
) -> None:
    """Answer, answer back, until it is solved, or left."""
    quick = via == "chat"
    rounds = 1 + min(6, int(rng.expovariate(0.75)))
    colleague_at = rng.randrange(rounds) if rng.random() < 0.03 else None
    for turn in range(rounds):
        if 0.16 < story < 0.21 and turn == rounds - 1 and turn > 0:
            return  # left open: the last question is never answered
        holder = desk.assignee() or ADMIN_ID
        last_turn = turn == rounds - 1
        status = "solved" if last_turn else rng.choices(("pending", "hold", "open"), (8, 1, 1))[0]
        now = desk.write(now, holder, text=words.reply(rng, brand), status=status)
        if last_turn:
            break
        if status == "hold":
            now = desk.write(
                now + spread(rng, 900, 0.5),
                holder,
                status="open",
                text=words.note(rng),
                is_public=False,
            )
        now += spread(rng, 3 if quick else 240, 0.9)
        now = desk.write(now, user.id, text=words.answer_back(rng, brand, mail), status="open")
        if colleague_at == turn:  # somebody unassigns it by mistake; it lies with nobody
            now = desk.write(now + 120, ADMIN_ID, group_id=None, assignee_id=None)
            now = desk.take(rng, now + spread(rng, 200, 0.6), "Care London")
        now += spread(rng, 2 if quick else 110, 0.9)
        if not quick:
            now = at_work(GROUP[desk.group() or "Care London"], now, rng)
    while desk.state["status"] == "solved" and rng.random() < 0.12:  # asked again before it closes
        now = desk.write(
            desk.last + rng.randrange(1_800, 3 * DAY),
            user.id,
            text=words.answer_back(rng, brand, mail),
            status="open",
        )
        if rng.random() < 0.08:
            return
        now = at_work(GROUP[desk.group() or "Care London"], now + spread(rng, 150, 0.8), rng)
        now = desk.write(
            now, desk.assignee() or ADMIN_ID, text=words.reply(rng, brand), status="solved"
        )


def _ended(desk: Desk, rng: Random, story: float) -> Ticket:
    """Close it four days after it was solved, or delete it; add exports without a change."""
    ticket = desk.ticket
    if 0.21 < story < 0.235:  # deleted within its first days, while unsolved
        limit = ticket.created_at + rng.randrange(600, 2 * DAY)
        kept = [audit for audit in ticket.audits if audit.at < limit]
        solved = [
            audit.at
            for audit in kept
            for change in audit.changes
            if change.name == "status" and change.value == "solved"
        ]
        if solved:
            kept = [audit for audit in kept if audit.at < solved[0]]
            limit = solved[0]
        ticket.audits = kept
        status = "new"
        for audit in kept:
            for change in audit.changes:
                if change.name == "status" and isinstance(change.value, str):
                    status = change.value
        desk.state["status"] = status
        ticket.deleted_at = desk.write(limit, ADMIN_ID, status="deleted")
        if rng.random() < 0.4:
            ticket.spam_from = ticket.deleted_at
        ticket.scrubbed_at = ticket.deleted_at + 30 * DAY + rng.randrange(DAY)
        ticket.touches.append(ticket.scrubbed_at)
    elif desk.state["status"] == "solved":
        desk.write(desk.last + 4 * DAY + rng.randrange(60, HOUR), SYSTEM_ID, status="closed")
    if rng.random() < 0.3:
        ticket.touches.append(rng.choice(ticket.audits).at + rng.randrange(1, 2_000))
    if rng.random() < 0.03:
        ticket.touches.append(desk.last + rng.randrange(DAY, 20 * DAY))
    return ticket
