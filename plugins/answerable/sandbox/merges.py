"""Customers who write about one matter twice, and agents who merge the tickets.

Drawn apart from the tickets' own lives. The help desk closes the one that is merged; what was to
come in its life does not. Of three tickets the second is merged twice over: a chain.
"""

from collections.abc import Iterator
from itertools import pairwise
from random import Random

from .company import ADMIN_ID, Person, User
from .records import Audit, Change, Comment, Ticket
from .tickets import spread, ticket_life

SHARE = 0.05  # of tickets that are written twice
_ANOTHER_SERIAL = 5_000  # far above what is born on a day


def doubles(
    seed: int, day: int, number: int, ticket: Ticket, person: Person, user: User
) -> Iterator[Ticket]:
    """The further tickets of a ticket's matter, and the merges: the ticket's own life, too."""
    rng = Random(f"{seed}|twice|{ticket.id}")
    if rng.random() >= SHARE or ticket.deleted_at is not None:
        return
    written = [ticket]
    for turn in range(2 if rng.random() < 0.25 else 1):
        via = ticket.via if rng.random() < 0.5 else rng.choice(("email", "web", "chat", "voice"))
        via = "email" if via == "twitter" else via
        born_at = written[-1].created_at + spread(rng, 260, 1.3)
        serial = number + _ANOTHER_SERIAL + turn * 1_500
        written.append(ticket_life(seed, day, serial, born_at, via, person, user))
    # mostly the newer one goes; each merge is later than the one before
    order = list(reversed(written)) if rng.random() < 0.6 else written
    since = 0
    for loser, survivor in pairwise(order):
        first = max(loser.created_at, survivor.created_at, since) + 2
        last = min(_ends_at(loser), _ends_at(survivor)) - 5
        if last <= first:  # nobody noticed while both were open
            break
        since = min(first + spread(rng, 420, 1.4), rng.randrange(first, last))
        _merge(rng, loser, survivor, since)
    yield from written[1:]


def _ends_at(ticket: Ticket) -> int:
    """When it is closed or deleted, after which nothing can be merged; else the end of time."""
    return next(
        (
            audit.at
            for audit in ticket.audits
            for change in audit.changes
            if change.name == "status" and change.value in ("closed", "deleted")
        ),
        2**40,
    )


def _merge(rng: Random, loser: Ticket, survivor: Ticket, at: int) -> None:
    state = {
        change.name: change.value
        for audit in survivor.audits
        if audit.at < at
        for change in audit.changes
    }
    held = state.get("assignee_id")
    agent = held if isinstance(held, int) else ADMIN_ID
    is_public = rng.random() < 0.3 and "twitter" not in (loser.via, survivor.via)
    # not every account's notes say by their `via` what they are
    says_via = rng.random() < 0.75

    loser.audits = [audit for audit in loser.audits if audit.at < at]
    loser.touches = [touch for touch in loser.touches if touch != loser.scrubbed_at]
    loser.spam_from = loser.deleted_at = loser.scrubbed_at = None
    loser.merged_at, loser.merged_into = at, survivor.id
    status = [
        change.value
        for audit in loser.audits
        for change in audit.changes
        if change.name == "status"
    ][-1]
    id_ = _audit_id(loser, len(loser.audits))
    text = f'This request was closed and merged into request #{survivor.id} "{survivor.subject}".'
    note = Comment(id_ + 1, agent, is_public, text, merge_of=(survivor.id,))
    closing = (Change("status", "closed", status),)
    loser.audits.append(Audit(id_, at, agent, closing, note))

    id_ = _audit_id(survivor, 250)  # after all that a ticket's own life writes
    text = f'Request #{loser.id} "{loser.subject}" was closed and merged into this request.'
    note = Comment(
        id_ + 1, agent, is_public, text, merge_of=(loser.id,), says_merge_by_via=says_via
    )
    survivor.audits.append(Audit(id_, at + rng.randrange(3), agent, (), note))
    survivor.audits.sort(key=lambda audit: audit.at)


def _audit_id(ticket: Ticket, place: int) -> int:
    return 7_000_000_000 + ticket.id * 8_192 + place * 32
