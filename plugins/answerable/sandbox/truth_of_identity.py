"""Who is behind each identifier at a present, and what of it the sources' evidence lets one know.

A part of the truth, under its rules: nothing of models or policy seeds; what the company says is
shared, and who it says are two, stands here a second time, by hand.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import phone, sales
from .company import Person, at, number_of, person, readable
from .history import World
from .households import FAMILIES, LISTED_SWITCHBOARDS, family_address, switchboard
from .records import Post
from .repairs import Repair, repairs_before
from .truth_of_exports import Identifier, identifiers_of

NOBODY = "several people"
Groups = tuple[frozenset[Identifier], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What one tool knows of one person: an account, and what it carries."""

    tool: str
    account: Identifier
    carried: frozenset[Identifier]
    person: int


def true_customers(
    world: World, posts: list[Post], now: int
) -> tuple[dict[Identifier, str], Groups, Groups]:
    """Whose each identifier is, and the groups that evidence ties: what can be believed of it, and
    what whoever knew whose each identifier is could still not tell without evidence."""
    records = list(records_of(world, posts, now))
    people: dict[Identifier, set[int]] = defaultdict(set)
    for one in records:
        for each in {one.account} | one.carried:
            people[each].add(one.person)
    customers = {
        each: f"person:{min(who)}" if len(who) == 1 else NOBODY for each, who in people.items()
    }
    of_many = {each for each, who in customers.items() if who == NOBODY}
    return customers, _tied(records, _nobody_s(records, now)), _tied(records, of_many)


def records_of(world: World, posts: list[Post], now: int) -> Iterator[Record]:
    """What each tool knows of whom at a present."""
    wrote = {post.person for post in posts if post.person is not None}
    given = set(_given(world, now))
    people: dict[int, Person] = {one.number: one for one in world.people_before(now)}
    people |= {number: person(world.seed, world.size, number) for number in wrote}
    for number, one in people.items():
        for user in one.users:
            if user.created_at < now:
                known = {_identifier(i.kind, i.value) for i in user.identities if i.since < now}
                if user.id in given:
                    known.add(("phone", number_of(one)))
                yield Record("zendesk", ("zendesk_user", str(user.id)), frozenset(known), number)
        if number in wrote and one.x_id and one.x_handle:
            handle = frozenset({("x_handle", one.x_handle.lower())})
            yield Record("x", ("x_user", one.x_id), handle, number)
    for told in phone.told_before(world, now):
        call = told.call
        if call.phone and call.person is not None:
            yield Record("switchboard", ("phone", call.phone), frozenset(), call.person)
    for entry in (told.entry for told in sales.told_before(world, now)):
        if known := identifiers_of(entry):
            yield Record("salesbook", known[0], frozenset(known[1:]), entry.person)
    for repair in repairs_before(world, now):
        known = {("email", repair.email)} if repair.email else set()
        if _gives_number(repair, now):
            number = number_of(person(world.seed, world.size, repair.person))
            known.add(("phone", number))
        account = ("workshop_user", repair.customer)
        yield Record("workshop", account, frozenset(known), repair.person)


def _given(world: World, now: int) -> Iterator[int]:
    """Accounts at the help desk that gave their number in a message that nobody else reads."""
    for ticket in world.tickets_before(now):
        if ticket.via == "twitter":
            continue
        number = readable(number_of(person(world.seed, world.size, ticket.person))) or ""
        for audit in ticket.audits:
            comment = audit.comment
            is_theirs = comment is not None and comment.author_id in ticket.author_persons
            if audit.at < now and is_theirs and number in comment.text:
                yield comment.author_id


def _gives_number(repair: Repair, now: int) -> bool:
    return any(
        note.told_at < now and note.author == repair.customer and "My number is" in note.text
        for note in repair.notes
    )


def _identifier(kind: str, value: str) -> Identifier:
    if kind == "phone_number":
        digits = value.replace(" ", "")
        return "phone", f"+44{digits[1:]}" if digits.startswith("0") else digits
    return ("x_handle" if kind == "twitter" else kind), value.lower()


def _nobody_s(records: Iterable[Record], now: int) -> set[Identifier]:
    """What the company takes for nobody's: a number that two accounts of one tool carry, an
    address of three, what is a role's by its name, what it has listed, and what would tie two of
    whom it knows that they are two."""
    carriers: dict[tuple[Identifier, str, str], set[Identifier]] = defaultdict(set)
    for one in records:
        known_by = one.account[0] if one.account[0] in ("email", "phone", "x_handle") else ""
        for each in one.carried:
            carriers[each, one.tool, known_by].add(one.account)
    found = {
        each
        for (each, _, _), accounts in carriers.items()
        if len(accounts) > (1 if each[0] in ("phone", "x_handle") else 2)
    }
    found |= {each for each, _, _ in carriers if each[0] == "email" and each[1][:5] == "info@"}
    found |= {("phone", switchboard(number)) for number in LISTED_SWITCHBOARDS}
    for first, known_since in FAMILIES.items():
        address = ("email", family_address(first))
        if known_since is None or at(known_since) < now:
            found |= {address} if len(carriers[address, "zendesk", ""]) > 1 else set()
    return found


def _tied(records: Iterable[Record], nobody_s: set[Identifier]) -> Groups:
    """What accounts carry, joined; what is nobody's is alone."""
    above: dict[Identifier, Identifier] = {}

    def top(one: Identifier) -> Identifier:
        while above.setdefault(one, one) != one:
            one = above[one]
        return one

    for record in records:
        top(record.account)
        for each in record.carried:
            top(each)
            if each not in nobody_s and record.account not in nobody_s:
                above[top(each)] = top(record.account)
    groups: dict[Identifier, set[Identifier]] = defaultdict(set)
    for one in list(above):
        groups[top(one)].add(one)
    return tuple(frozenset(group) for group in groups.values())
