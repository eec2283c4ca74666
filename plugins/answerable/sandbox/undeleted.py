"""Tickets that somebody deletes by mistake and that come back, drawn apart from their lives."""

from itertools import pairwise
from random import Random

from .company import ADMIN_ID, DAY
from .records import Audit, Change, Ticket

SHARE = 0.04
HOUR = 3_600


def lose_and_find(seed: int, ticket: Ticket) -> None:
    """Delete the ticket and restore it between two of its updates, if it is one of those."""
    rng = Random(f"{seed}|brought_back|{ticket.id}")
    if rng.random() >= SHARE or ticket.deleted_at is not None or ticket.merged_at is not None:
        return
    status, quiet = "new", []
    for one, after in pairwise(ticket.audits):
        status = {change.name: str(change.value) for change in one.changes}.get("status", status)
        if status not in ("solved", "closed") and after.at - one.at > 4 * HOUR:
            quiet.append((one.at, after.at, status))
    if not quiet:
        return
    begins, ends, status = rng.choice(quiet)
    gone = begins + rng.randrange(HOUR, (ends - begins) // 2)
    back = min(gone + rng.randrange(600, 2 * DAY), ends - 60)
    first_id = 7_000_000_000 + ticket.id * 8_192 + 240 * 32
    ticket.audits += [
        Audit(first_id, gone, ADMIN_ID, (Change("status", "deleted", status),), None),
        Audit(first_id + 32, back, ADMIN_ID, (Change("status", status, "deleted"),), None),
    ]
    ticket.audits.sort(key=lambda audit: audit.at)
    ticket.lost = (gone, back)
