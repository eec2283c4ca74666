"""What customers say when the help desk asks them how it went, a day after a ticket was solved."""

from random import Random

from .company import DAY
from .records import Rating, Said, Ticket

HOUR = 3_600
_GOOD = ("Quick and kind, thank you.", "All sorted, could not ask for more.")
_BAD = ("Took far too long.", "Still not solved. Write to me at ask.me@mail.example.")


def rating_of(seed: int, ticket: Ticket) -> Rating | None:
    """The rating of a ticket, whole; None where nobody was asked. Its draws are its own."""
    rng = Random(f"{seed}|rating|{ticket.id}")
    solved = next(
        (
            audit.at
            for audit in ticket.audits
            for change in audit.changes
            if change.name == "status" and change.value == "solved"
        ),
        None,
    )
    if solved is None or ticket.via == "twitter" or rng.random() < 0.3:
        return None
    said = [Said(solved + DAY, "offered")]
    if rng.random() < 0.5:
        likes = rng.random() < 0.72
        said.append(_answer(rng, said[-1].at + rng.randrange(10 * 60, 8 * DAY), likes))
        if rng.random() < 0.15:  # thinks again
            said.append(_answer(rng, said[-1].at + rng.randrange(HOUR, 5 * DAY), not likes))
    return Rating(352_000_000_000 + ticket.id, tuple(said))


def _answer(rng: Random, at: int, likes: bool) -> Said:
    comment = rng.choice(_GOOD if likes else _BAD) if rng.random() < 0.4 else None
    return Said(at, "good" if likes else "bad", comment)
