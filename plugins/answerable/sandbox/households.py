"""What several people share: a couple's telephone, a family's address, a company's switchboard.

Drawn apart from people themselves, from their numbers alone. Nobody is made one by any of it; who
does so has made strangers one.
"""

from dataclasses import dataclass
from random import Random

DAY = 86_400
# couples who share an address, by the number of the first, and since when the company knows that
# they are two (None: since ever): rows of its policy say so
FAMILIES = {2: None, 24: "2025-12-08"}
# organizations whose switchboard the company has listed: of their people one alone had told it, and
# so it looked like that one's own
LISTED_SWITCHBOARDS = (390000000014, 390000000026, 390000000035)
_AREAS = ("113", "114", "115", "116", "117", "118", "121", "131", "141", "151")  # for fiction


@dataclass(frozen=True, slots=True)
class Common:
    """An identifier that is not one person's, carried by their account since an instant."""

    kind: str  # email, phone_number: the help desk's words
    value: str
    since: int


def landline(number: int) -> str:
    """Of the couple to which this person belongs."""
    couple = number // 2
    return f"+44{_AREAS[couple // 1_000 % len(_AREAS)]}4960{couple % 1_000:03d}"


def switchboard(organization_id: int) -> str:
    return f"+441614960{organization_id % 1_000:03d}"


def family_address(number: int) -> str:
    return f"family.{number // 2}@post.example"


def role_address(organization_id: int) -> str:
    return f"info@org{organization_id % 1_000}.example"


def common_to(seed: int, number: int, joined_at: int, organization_id: int | None) -> list[Common]:
    """What the help desk is told of a person that is not theirs alone."""
    found = []
    if Random(f"{seed}|couple|{number // 2}").random() < 0.04:
        found.append(Common("phone_number", national(landline(number)), joined_at))
    if number - number % 2 in FAMILIES:
        found.append(Common("email", family_address(number), joined_at))
    rng = Random(f"{seed}|office|{number}")
    if organization_id is not None:
        later = joined_at + rng.randrange(1, 20 * DAY)
        if rng.random() < 0.4:
            found.append(Common("phone_number", national(switchboard(organization_id)), later))
        if rng.random() < 0.15:
            found.append(Common("email", role_address(organization_id), later))
    return found


def calls_from_the_office(seed: int, call: int) -> bool:
    """Whether somebody of an organization calls from there."""
    return Random(f"{seed}|call from the office|{call}").random() < 0.3


def shop_address(seed: int, number: int, mail: str) -> str:
    """What a person gives a shop: some tell by it who passed it on.

    >>> shop_address(7, 18, "cora@mail.example")
    'cora+shop@mail.example'
    """
    if Random(f"{seed}|plus|{number}").random() >= 0.1:
        return mail
    local, _, domain = mail.partition("@")
    return f"{local}+shop@{domain}"


def national(number: str) -> str:
    """As people write it at home.

    >>> national("+441134960123")
    '0113 496 0123'
    """
    return f"0{number[3:6]} {number[6:9]} {number[9:]}"
