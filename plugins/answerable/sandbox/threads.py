"""The life of a conversation on X, with or without a help desk ticket beside it."""

from collections.abc import Callable
from random import Random

from . import words
from .company import (
    ACCOUNTS,
    ADMIN_ID,
    BRAMBLEBOX,
    BRAND,
    BRANDS,
    CARE,
    CEO,
    DAY,
    GROUP,
    SYSTEM_ID,
    Account,
    Person,
    User,
    at_work,
)
from .records import Post, Ticket, Version
from .tickets import Desk, spread, work_the_ticket

Pick = Callable[[Random], Person]
_SNOWFLAKE_START_MS = 1_288_834_974_657


class Thread:
    """Posts of one conversation being written. Its number on its day makes ids unique."""

    def __init__(self, rng: Random, number: int) -> None:
        self.rng = rng
        self.number = number
        self.made = 0
        self.posts: list[Post] = []
        self.used: set[int] = set()

    def snowflake(self, at: int) -> str:
        """An id as X makes them: the millisecond in the upper bits."""
        milliseconds = at * 1_000 + self.rng.randrange(1_000)
        self.made += 1
        low = (self.number % 8_192) << 9 | self.made
        return str((milliseconds - _SNOWFLAKE_START_MS) << 22 | low)

    def person(self, pick: Pick) -> Person:
        """Somebody who is not yet in the conversation."""
        while True:
            one = pick(self.rng)
            if one.number not in self.used:
                self.used.add(one.number)
                return one

    def post(
        self,
        at: int,
        text: str,
        *,
        account: Account | None = None,
        person: Person | None = None,
        to: Post | None = None,
        quoted: Post | None = None,
        mentions: tuple[Account, ...] = (),
        answers: Person | None = None,
        is_seen: bool = True,
        may_edit: bool = True,
    ) -> Post:
        rng = self.rng
        author = account.id if account else person.x_id if person else None
        if author is None:
            raise ValueError("a post needs an author who is on X")
        handles = "".join(f"@{one.handle} " for one in mentions)
        versions = [Version(self.snowflake(at), at, handles + text)]
        if may_edit and rng.random() < 0.04:
            for _ in range(1 if rng.random() < 0.8 else 2):
                later = versions[-1].at + rng.randrange(45, 700)
                versions.append(Version(self.snowflake(later), later, handles + text + " (edited)"))
        made = Post(
            versions=tuple(versions),
            author_id=author,
            conversation_id=to.conversation_id if to else versions[0].id,
            person=None if account else person.number if person else None,
            is_seen=is_seen,
            mentions=tuple(one.id for one in mentions),
            replied_to=standing(to, at) if to else None,
            quoted=standing(quoted, at) if quoted else None,
            in_reply_to_user_id=to.author_id if to else None,
            answers=answers.x_id if answers else None,
            answers_person=answers.number if answers else None,
        )
        self.posts.append(made)
        return made


def standing(post: Post, instant: int) -> str:
    """The id of the version that stood then."""
    return [one.id for one in post.versions if one.at < instant][-1]


def _hours(account: Account, instant: int, rng: Random) -> int:
    return at_work(GROUP[account.team_at(instant) or "Brand Studio"], instant, rng)


def _responder(rng: Random, addressed: Account) -> Account:
    own = {CARE.id: 0.92, BRAND.id: 0.45, CEO.id: 0.5, BRAMBLEBOX.id: 0.4}[addressed.id]
    if rng.random() < own:
        return addressed
    return BRAND if addressed is CARE else CARE


def _talk(thread: Thread, first: Post, person: Person, addressed: Account, chance: float) -> None:
    """We answer (or never do), the customer answers back, and so on."""
    rng = thread.rng
    question, now = first, first.at
    if rng.random() < 0.14:  # a second message before anybody answered
        now += spread(rng, 30, 0.8)
        question = thread.post(
            now,
            words.answer_back(rng, "Tidewell", "cc@mail.example"),
            person=person,
            to=question,
            mentions=(addressed,),
        )
    responder = _responder(rng, addressed)
    while rng.random() < chance:
        now = _hours(responder, now + spread(rng, 16, 0.9), rng)
        answer = thread.post(
            now, words.reply(rng, "Tidewell"), account=responder, to=question, answers=person
        )
        if rng.random() < 0.1:  # our own second post, below the first
            now += rng.randrange(20, 300)
            answer = thread.post(
                now, words.reply(rng, "Tidewell"), account=responder, to=answer, answers=person
            )
        if rng.random() < 0.38:
            return
        now += spread(rng, 70, 1.0)
        question = thread.post(
            now,
            words.answer_back(rng, "Tidewell", f"{person.x_handle}@mail.example"),
            person=person,
            to=answer,
            mentions=(responder,) if responder is addressed else (responder, addressed),
        )
        chance = 0.75
        if rng.random() < 0.15:  # another account of ours takes it over
            responder = CARE if responder is not CARE else rng.choice((BRAND, CEO))


def x_life(seed: int, day: int, number: int, born_at: int, pick: Pick) -> list[Post]:
    """One conversation on X without a ticket, whole: what is shown of it is cut later."""
    rng = Random(f"{seed}|thread|{day}|{number}")
    thread = Thread(rng, number)
    kind = rng.choices(("mention", "stranger", "rescue", "quote"), weights=(80, 6, 8, 6))[0]
    person = thread.person(pick)
    topic = rng.choice((*words.TOPICS, ""))
    addressed = rng.choices((CARE, BRAND, CEO, BRAMBLEBOX), weights=(72, 16, 5, 7))[0]
    if kind == "rescue":  # they did not address us, we found them
        lost = thread.post(
            born_at,
            words.opener(rng, "complaint", "Tidewell", "cc@mail.example"),
            person=person,
            is_seen=False,
            may_edit=False,
        )
        _talk_after_rescue(thread, lost, person)
        return thread.posts
    to = quoted = None
    if kind == "stranger":  # in a thread that somebody else began, who did not address us
        stranger = thread.person(pick)
        to = thread.post(
            born_at - rng.randrange(60, 20_000),
            words.praise(rng, "kettle"),
            person=stranger,
            is_seen=False,
            may_edit=False,
        )
        to.is_gone = rng.random() < 0.2
    if kind == "quote":
        stranger = thread.person(pick)
        quoted = thread.post(
            born_at - rng.randrange(60, 20_000),
            words.praise(rng, "Tidewell"),
            person=stranger,
            is_seen=False,
            may_edit=False,
        )
        quoted.is_gone = rng.random() < 0.1
    mentions: tuple[Account, ...] = (addressed,)
    if rng.random() < 0.06:
        mentions = (addressed, rng.choice([one for one in ACCOUNTS if one is not addressed]))
    first = thread.post(
        born_at,
        words.opener(rng, topic, "Tidewell", f"{person.x_handle}@mail.example"),
        person=person,
        to=to,
        quoted=quoted,
        mentions=mentions,
    )
    _talk(thread, first, person, addressed, 0.84)
    if kind == "mention" and rng.random() < 0.12:  # another customer asks in the same thread
        below = rng.choice([one for one in thread.posts if one.at < first.at + DAY])
        other = thread.person(pick)
        joined = thread.post(
            below.at + spread(rng, 50, 0.8),
            words.opener(rng, "", "Tidewell", "me@mail.example"),
            person=other,
            to=below,
            mentions=(addressed,),
        )
        _talk(thread, joined, other, addressed, 0.7)
    return thread.posts


def _talk_after_rescue(
    thread: Thread, lost: Post, person: Person, by: Account = CARE, minutes: float = 120
) -> None:
    rng = thread.rng
    now = _hours(by, lost.at + spread(rng, minutes, 0.8), rng)
    answer = thread.post(now, words.reply(rng, "Tidewell"), account=by, to=lost, answers=person)
    if rng.random() < 0.6:
        back = thread.post(
            now + spread(rng, 60, 0.9),
            words.answer_back(rng, "Tidewell", "me@mail.example"),
            person=person,
            to=answer,
            mentions=(CARE,),
        )
        if rng.random() < 0.8:
            when = _hours(CARE, back.at + spread(rng, 25, 0.8), rng)
            thread.post(when, words.reply(rng, "Tidewell"), account=CARE, to=back, answers=person)


def unprompted_life(seed: int, day: int, number: int, born_at: int, pick: Pick) -> list[Post]:
    """Somebody writes about us and to nobody. We find them or we do not; some come to us later."""
    rng = Random(f"{seed}|unprompted|{day}|{number}")
    thread = Thread(rng, number)
    brand = rng.choices(BRANDS, weights=(6, 3, 1))[0]
    person = thread.person(pick)
    is_praise = rng.random() < 0.2
    text = words.praise(rng, brand.name) if is_praise else words.grumble(rng, brand.name)
    lost = thread.post(born_at, text, person=person, is_seen=False)
    if rng.random() < 0.2:  # they add to it
        more = words.grumble(rng, brand.name) if rng.random() < 0.5 else "And on a Sunday!"
        when = lost.at + spread(rng, 20, 0.8)
        thread.post(when, more, person=person, to=lost, is_seen=False, may_edit=False)
    if rng.random() < 0.2:  # somebody agrees with them
        other = thread.person(pick)
        when = lost.at + spread(rng, 90, 0.8)
        agreed = f"Same here. {brand.name} used to be better."
        thread.post(when, agreed, person=other, to=lost, is_seen=False, may_edit=False)
    story = rng.random()
    if is_praise:
        lost.is_gone = story > 0.9
        return thread.posts
    if story < 0.45:  # found
        account = BRAMBLEBOX if brand.key == "bramblebox" and rng.random() < 0.3 else CARE
        _talk_after_rescue(thread, lost, person, account, 120 if story < 0.34 else 2_500)
    elif story < 0.55:  # not found; a while later they ask us themselves
        asked = thread.post(
            lost.at + spread(rng, 600, 0.7),
            words.answer_back(rng, brand.name, "me@mail.example"),
            person=person,
            to=lost,
            mentions=(CARE,),
        )
        _talk(thread, asked, person, CARE, 0.84)
    elif story > 0.96 and len(thread.posts) == 1:
        lost.is_gone = True
    return thread.posts


def publishing_life(seed: int, day: int, number: int, born_at: int, pick: Pick) -> list[Post]:
    """Something we publish, and who answers to that."""
    rng = Random(f"{seed}|publishing|{day}|{number}")
    thread = Thread(rng, number)
    account = rng.choices((BRAND, BRAMBLEBOX, CEO, CARE), weights=(55, 25, 12, 8))[0]
    quoted = None
    if rng.random() < 0.08:  # praise that we pass on
        quoted = thread.post(
            born_at - rng.randrange(600, 40_000),
            words.praise(rng, "Tidewell"),
            person=thread.person(pick),
            is_seen=False,
            may_edit=False,
        )
    mentions = (CARE,) if account is BRAND and rng.random() < 0.1 else ()
    first = thread.post(
        born_at,
        words.publishing(rng, account.name),
        account=account,
        quoted=quoted,
        mentions=mentions,
    )
    if rng.random() < 0.15:  # a second post below the first
        thread.post(
            born_at + rng.randrange(30, 900),
            words.publishing(rng, account.name),
            account=account,
            to=first,
        )
    for _ in range(rng.choices((0, 1, 2, 4), weights=(62, 24, 10, 4))[0]):
        person = thread.person(pick)
        comment = thread.post(
            born_at + spread(rng, 90, 1.0),
            words.answer_back(rng, account.name, "me@mail.example"),
            person=person,
            to=first,
            mentions=(account,),
        )
        _talk(thread, comment, person, account, 0.5)
    return thread.posts


def x_ticket_life(
    seed: int, day: int, number: int, born_at: int, person: Person, user: User
) -> tuple[Ticket, list[Post]]:
    """A mention that an integration made a ticket of; what agents write there is posted on X."""
    rng = Random(f"{seed}|xticket|{day}|{number}")
    thread = Thread(rng, number)
    thread.used.add(person.number)
    topic = rng.choices((*words.TOPICS, ""), weights=(18, 24, 22, 16, 4, 2, 6, 8))[0]
    brand = rng.choices(BRANDS, weights=(8, 2, 1))[0]
    story = rng.random()
    if 0.21 < story < 0.235:
        story = 0.5  # such tickets are not deleted
    opener = thread.post(
        born_at,
        words.opener(rng, topic, brand.name, user.identities[0].value),
        person=person,
        mentions=(CARE,),
    )
    carried = opener
    if rng.random() < 0.15:  # the integration caught the second message only
        carried = thread.post(
            born_at + rng.randrange(600, 5_400),
            words.answer_back(rng, brand.name, "me@a.example"),
            person=person,
            to=opener,
            mentions=(CARE,),
        )
    created = carried.at + rng.randrange(15, 120)
    ticket = Ticket(
        id=100_000 + day * 10_000 + number,
        created_at=created,
        via="twitter",
        brand_id=brand.id,
        topic=topic,
        kind="incident",
        subject=carried.versions[0].text[:60],
        requester_id=user.id,
        submitter_id=user.id,
        person=person.number,
        organization_id=user.organization.id if user.organization else None,
        tier=user.organization.tier if user.organization else None,
        conversation=(opener.conversation_id, person.x_id or ""),
        author_persons={user.id: person.number},
    )
    desk = Desk(ticket)
    desk.write(
        created,
        user.id,
        text=carried.versions[0].text,
        channel_message_id=standing(carried, created),
        ruled=("group_id",),
        status="new",
        priority=rng.choice((None, "normal", "high")),
        group_id=GROUP["Social Hub"].id if rng.random() < 0.6 else None,
        assignee_id=None,
    )
    question, now = carried, created
    if rng.random() < 0.08:  # marketing answers over everybody's head
        meddling = _hours(BRAND, question.at + spread(rng, 15, 0.7), rng)
        thread.post(
            meddling, words.reply(rng, brand.name), account=BRAND, to=question, answers=person
        )
    if story > 0.965:
        return _x_ended(desk, rng), thread.posts
    worked = work_the_ticket(desk, rng, "Social Hub", created, "twitter", story, brand.name)
    now = worked if worked is not None else now
    rounds = 1 + min(5, int(rng.expovariate(0.8)))
    for turn in range(rounds):
        last_turn = turn == rounds - 1
        if last_turn and turn and 0.16 < story < 0.21:
            break
        now = max(now, question.at + 5, desk.last + 1)
        sent = now + rng.randrange(1, 4)
        answer = thread.post(
            sent,
            words.reply(rng, brand.name),
            account=CARE,
            to=question,
            answers=person,
            may_edit=False,
        )
        desk.write(
            now,
            desk.assignee() or ADMIN_ID,
            text=answer.versions[0].text,
            channel_message_id=answer.id,
            status="solved" if last_turn else "pending",
        )
        if last_turn:
            break
        now = sent + spread(rng, 60, 0.9)
        question = thread.post(
            now,
            words.answer_back(rng, brand.name, "me@mail.example"),
            person=person,
            to=answer,
            mentions=(CARE,),
        )
        if rng.random() < 0.9:
            now = desk.write(
                now + rng.randrange(10, 90),
                user.id,
                text=question.versions[0].text,
                channel_message_id=question.id,
                status="open",
            )
        now = at_work(GROUP["Social Hub"], now + spread(rng, 25, 0.8), rng)
    return _x_ended(desk, rng), thread.posts


def _x_ended(desk: Desk, rng: Random) -> Ticket:
    if desk.state["status"] == "solved":
        desk.write(desk.last + 4 * DAY + rng.randrange(60, 3_600), SYSTEM_ID, status="closed")
    if rng.random() < 0.3:
        desk.ticket.touches.append(rng.choice(desk.ticket.audits).at + rng.randrange(1, 2_000))
    return desk.ticket
