"""Who there is in the sandbox's company: brands, teams, agents, accounts, customers.

Everything is invented. What a customer is like depends on the seed and the customer's number
alone, so that a day can be simulated without the days before it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from .households import common_to

DAY = 86_400
DEFAULT_SEED = 7
DEFAULT_SIZE = 1.0
SMALL = 0.75  # ten days of it are about 500 cases


def at(text: str) -> int:
    """Epoch seconds of an ISO text in UTC: at("2025-12-01") or at("2025-12-01T09:00:00")."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def utc(instant: int) -> datetime:
    """The instant as this project keeps it: a datetime without zone, in UTC."""
    return datetime.fromtimestamp(instant, UTC).replace(tzinfo=None)


def iso(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


HISTORY_START = at("2025-12-01")
BEFORE_HISTORY = at("2025-11-03T09:00:00")  # when the help desk was set up

HOST = "tidewell.zendesk.example"  # the host that links in bodies name: never the one asked
ZENDESK_LOGIN = "nightly@tidewell.example"
ZENDESK_TOKEN = "sandbox-zendesk-token"
X_TOKEN = "sandbox-x-token"


@dataclass(frozen=True, slots=True)
class Brand:
    id: int
    key: str
    name: str


BRANDS = (
    Brand(360000500001, "tidewell", "Tidewell"),
    Brand(360000500002, "bramblebox", "Bramblebox"),
    Brand(360000500003, "nookly", "Nookly"),
)


@dataclass(frozen=True, slots=True)
class Group:
    """A team; the help desk calls it a group. Hours are those of its people, by weekday."""

    id: int
    name: str
    department: str
    zone: str
    weekdays: tuple[int, ...]
    opens: int  # minutes after local midnight
    closes: int
    keeps_holidays: bool


WEEK = (0, 1, 2, 3, 4)
ALL_WEEK = (0, 1, 2, 3, 4, 5, 6)
GROUPS = (
    Group(360001000001, "Care London", "customer_service", "Europe/London", WEEK, 510, 1080, True),
    Group(360001000002, "Care Berlin", "customer_service", "Europe/Berlin", WEEK, 510, 1080, True),
    Group(
        360001000003, "Technical Care", "customer_service", "Europe/Berlin", WEEK, 540, 1080, True
    ),
    Group(360001000004, "Voice Desk", "customer_service", "Europe/Berlin", WEEK, 540, 1080, True),
    Group(360001000005, "Brand Studio", "marketing", "Europe/London", WEEK, 570, 1050, True),
    Group(360001000006, "Campaigns", "marketing", "Europe/London", WEEK, 570, 1050, True),
    Group(360001000007, "Press Desk", "pr", "Europe/London", WEEK, 540, 1110, True),
    Group(360001000008, "Sales Desk", "sales", "Europe/London", WEEK, 540, 1080, True),
    Group(360001000009, "Product Feedback", "product", "Europe/Berlin", WEEK, 570, 1020, True),
    Group(360001000010, "Social Hub", "social_hub", "Europe/London", ALL_WEEK, 480, 1320, False),
)
GROUP = {group.name: group for group in GROUPS}
GROUP_BY_ID = {group.id: group for group in GROUPS}
HOLIDAYS = ("2025-12-25", "2025-12-26", "2026-01-01", "2026-12-25", "2026-12-26", "2027-01-01")


@dataclass(frozen=True, slots=True)
class Agent:
    """One of our people. `teams` tells since which instant (of history) they are in which team."""

    id: int
    name: str
    teams: tuple[tuple[int, str], ...]

    def team_at(self, instant: int) -> str | None:
        held = None
        for since, team in self.teams:
            if since <= instant:
                held = team
        return held


def _agents() -> tuple[Agent, ...]:
    first = BEFORE_HISTORY
    rows: list[tuple[str, list[tuple[int, str]]]] = [
        ("Agda Mockford", [(first, "Care London")]),
        ("Bertil Sampleby", [(first, "Care London")]),
        ("Cosima Pretendle", [(first, "Care London")]),
        ("Dorrit Makebelieve", [(first, "Care London"), (at("2025-12-05"), "Social Hub")]),
        ("Egon Fictus", [(first, "Care Berlin")]),
        ("Frieda Beispiel", [(first, "Care Berlin")]),
        ("Gunnar Nomatch", [(first, "Care Berlin"), (at("2026-01-12"), "Technical Care")]),
        ("Hedda Placeholder", [(first, "Technical Care")]),
        ("Ivo Testerman", [(first, "Technical Care")]),
        ("Jorunn Dummett", [(first, "Technical Care")]),
        ("Kasimir Loremson", [(first, "Voice Desk")]),
        ("Lotte Ipsumdottir", [(first, "Voice Desk")]),
        ("Malte Inventado", [(first, "Brand Studio")]),
        ("Nele Fabricatus", [(first, "Brand Studio"), (at("2026-02-01"), "Social Hub")]),
        ("Oskar Notreal", [(first, "Campaigns")]),
        ("Petra Phantasm", [(first, "Press Desk")]),
        ("Quirin Unperson", [(first, "Press Desk")]),
        ("Ragna Standin", [(first, "Sales Desk")]),
        ("Sixten Proforma", [(first, "Sales Desk")]),
        ("Tilda Hypothet", [(first, "Product Feedback")]),
        ("Urban Simulacre", [(first, "Product Feedback")]),
        ("Vendela Mannequin", [(first, "Social Hub")]),
        ("Wilmar Cardboard", [(first, "Social Hub")]),
        ("Xenia Paperman", [(first, "Social Hub")]),
        ("Pernille Tidewell", []),  # the CEO: answers now and then, is in no team
    ]
    return tuple(
        Agent(371000000101 + number, name, tuple(teams))
        for number, (name, teams) in enumerate(rows)
    )


AGENTS = _agents()
AGENT_BY_ID = {agent.id: agent for agent in AGENTS}
BOT_ID = 371000000199
ADMIN_ID = 371000000198  # sets the help desk up and deletes tickets
SYSTEM_ID = -1  # how the help desk names its own rules and automations


@dataclass(frozen=True, slots=True)
class Account:
    """One of our accounts on X; `teams` as with Agent."""

    id: str
    handle: str
    name: str
    teams: tuple[tuple[int, str], ...]

    def team_at(self, instant: int) -> str | None:
        held = None
        for since, team in self.teams:
            if since <= instant:
                held = team
        return held


CARE = Account(
    "1402000000000000101",
    "TidewellCare",
    "Tidewell Care",
    ((BEFORE_HISTORY, "Care London"), (at("2025-12-08"), "Social Hub")),
)
BRAND = Account("1402000000000000102", "Tidewell", "Tidewell", ((BEFORE_HISTORY, "Brand Studio"),))
CEO = Account(
    "1402000000000000103",
    "PernilleTidewell",
    "Pernille Tidewell",
    ((at("2026-01-19"), "Press Desk"),),  # from then on the press desk writes it
)
BRAMBLEBOX = Account(
    "1402000000000000104", "Bramblebox", "Bramblebox", ((BEFORE_HISTORY, "Campaigns"),)
)
ACCOUNTS = (CARE, BRAND, CEO, BRAMBLEBOX)
ACCOUNT_BY_ID = {account.id: account for account in ACCOUNTS}

_NOT_OURS = " ".join(f"-from:{account.handle}" for account in ACCOUNTS)
# what the connection to X says beside host and token; a search is named after its brand
X_EXTRA = {
    "own_user_ids": [account.id for account in ACCOUNTS],
    "search": {brand.key: f"{brand.key} -is:retweet {_NOT_OURS}" for brand in BRANDS},
    "refresh_days": 2,
}


def agents_of(team: str, instant: int) -> list[Agent]:
    return [agent for agent in AGENTS if agent.team_at(instant) == team]


def at_work(group: Group, instant: int, rng: Random) -> int:
    """The instant, or a little after the next opening where nobody of the group works then."""
    zone = ZoneInfo(group.zone)
    local = datetime.fromtimestamp(instant, zone)
    minute = local.hour * 60 + local.minute
    for ahead in range(15):
        day = local.date() + timedelta(days=ahead)
        free = day.weekday() not in group.weekdays
        free = free or (group.keeps_holidays and day.isoformat() in HOLIDAYS)
        if free or (ahead == 0 and minute >= group.closes):
            continue
        if ahead == 0 and minute >= group.opens:
            return instant
        opening = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(
            minutes=group.opens
        )
        return int(opening.timestamp()) + rng.randrange(30, 5_400)
    raise AssertionError(f"{group.name} never works in the fortnight after {iso(instant)}")


@dataclass(frozen=True, slots=True)
class Organization:
    id: int
    name: str
    tier: str | None
    created_at: int


ORGANIZATIONS = tuple(
    Organization(
        390000000001 + number,
        f"{a} {b} {c}",
        (None, "standard", "standard", "gold", "vip")[number % 5],
        BEFORE_HISTORY + number * 3_607,
    )
    for number, (a, b, c) in enumerate(
        (a, b, c)
        for a in ("Imaginary", "Nonesuch", "Hypothetical", "Fictitious", "Madeup")
        for b, c in (
            ("Tins", "Ltd"),
            ("Umbrellas", "GmbH"),
            ("Kettles", "plc"),
            ("Ladders", "AB"),
            ("Buttons", "LLP"),
            ("Lanterns", "Oy"),
            ("Ferries", "SA"),
            ("Acorns", "BV"),
        )
    )
)


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Ada Bo Cora Dag Elva Finn Gro Hal Ines Jory Kaja Lorn Mira Nils Orla Pim Quill "
    "Rosa Sten Tova Ulla Vigo Wanda Xaver Yrsa Zeno Anouk Bram Celeste Dario Edda "
    "Floris Greta Hugo Ilse Jonna"
)
_LAST = _words(
    "Imagina Nonesuch Fabulatus Madeupson Pretendley Whatnot Phantomby Unrealski "
    "Fictoria Mirageau Figmentov Notaperson Allegedly Supposely Makebelievesen "
    "Dreamtova Inventini Hypothesen Placeholdt Examplar Sampleton Dummert Mockingham "
    "Virtualis Neverborn Storybrook Chimaera Utopianski Feigner Simulacra"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity of a help desk user, known since an instant."""

    id: int
    kind: str  # email, twitter, phone_number: the help desk's words
    value: str
    since: int
    is_primary: bool


@dataclass(frozen=True, slots=True)
class User:
    """A customer's account at the help desk. One person may have two."""

    id: int
    name: str
    created_at: int
    organization: Organization | None
    identities: tuple[Identity, ...]
    changes: tuple[int, ...]  # instants at which the record changed


@dataclass(frozen=True, slots=True)
class Person:
    """One true customer, whatever number of accounts and addresses they have."""

    number: int
    name: str
    joined_at: int
    users: tuple[User, ...]
    x_id: str | None
    x_handle: str | None
    x_tied_since: int | None  # since when a help desk user lists the handle

    @property
    def key(self) -> str:
        return f"person:{self.number}"

    def users_at(self, instant: int) -> list[User]:
        return [user for user in self.users if user.created_at < instant]


def number_of(one: Person) -> str:
    """Everybody has one, known to the help desk or not; all of this form are kept for fiction."""
    return f"+1{200 + one.number // 100 % 600}55501{one.number % 100:02d}"


def readable(number: str | None) -> str | None:
    """
    >>> readable("+12005550100")
    '+1 (200) 555-0100'
    """
    return number and f"{number[:2]} ({number[2:5]}) {number[5:8]}-{number[8:]}"


def people_by(day: int, size: float) -> int:
    """How many people have joined before the day with this number."""
    return round((1_500 + 22 * max(day, 0)) * max(size, 0.05))


def joined_day(number: int, size: float) -> int:
    """The day on which this person joined; negative: before history."""
    scale = max(size, 0.05)
    if number < round(1_500 * scale):
        return -1
    day = max(0, int((number / scale - 1_500) / 22) - 1)
    while people_by(day + 1, size) <= number:
        day += 1
    return day


@lru_cache(maxsize=200_000)
def person(seed: int, size: float, number: int) -> Person:
    """The person with this number: the same for ever."""
    rng = Random(f"{seed}|person|{number}")
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    day = joined_day(number, size)
    joined = (
        BEFORE_HISTORY + rng.randrange(0, 27 * DAY)
        if day < 0
        else HISTORY_START + day * DAY + rng.randrange(0, DAY)
    )
    kind = rng.random()
    has_desk = kind < 0.78  # writes mails, fills forms, chats or calls
    has_x = kind >= 0.50
    handle = f"{first}{number}_{last}"[:15] if rng.random() < 0.5 else f"{last}{number}"
    mail = f"{first}.{last}{number}@{rng.choice(('mail', 'post', 'inbox'))}.example".lower()
    organization = rng.choice(ORGANIZATIONS) if rng.random() < 0.3 else None
    late = joined + rng.randrange(2 * DAY, 60 * DAY)
    tied: int | None = None
    users: list[User] = []
    if has_desk:
        identities = [Identity(385000000000 + number * 20, "email", mail, joined, True)]
        if rng.random() < 0.25:  # all numbers of this form are kept free for fiction
            phone = f"+1{200 + number // 100 % 600}55501{number % 100:02d}"
            identities.append(
                Identity(385000000001 + number * 20, "phone_number", phone, joined, False)
            )
        if rng.random() < 0.14:
            second = f"{first[0]}{last}.{number}@work.example".lower()
            since = joined if rng.random() < 0.5 else late
            identities.append(Identity(385000000002 + number * 20, "email", second, since, False))
        if has_x:
            draw = rng.random()
            if draw < 0.8:  # the others are never tied: no source tells
                tied = joined if draw < 0.6 else late + DAY
                value = handle.upper() if rng.random() < 0.1 else handle
                identities.append(
                    Identity(385000000003 + number * 20, "twitter", value, tied, False)
                )
        identities += [
            Identity(385000000004 + number * 20 + place, one.kind, one.value, one.since, False)
            for place, one in enumerate(
                common_to(seed, number, joined, organization and organization.id)
            )
        ]
        users.append(
            _user(380000000000 + number * 10, f"{first} {last}", joined, organization, identities)
        )
        if rng.random() < 0.06:  # a second account, later found to list the same address
            opened = joined + rng.randrange(3_600, 20 * DAY)
            own = f"{last}.{first}.{number}@second.example".lower()
            shared = opened if rng.random() < 0.5 else opened + rng.randrange(DAY, 40 * DAY)
            again = [
                Identity(385000000010 + number * 20, "email", own, opened, True),
                Identity(385000000011 + number * 20, "email", mail.title(), shared, False),
            ]
            users.append(
                _user(
                    380000000001 + number * 10, f"{first[0]}. {last}", opened, organization, again
                )
            )
    return Person(
        number,
        f"{first} {last}",
        joined,
        tuple(users),
        str(1_510_000_000_000_000_000 + number * 7_919) if has_x else None,
        handle if has_x else None,
        tied,
    )


def _user(
    id_: int, name: str, created_at: int, organization: Organization | None, ids: list[Identity]
) -> User:
    changes = sorted({created_at, *(one.since for one in ids)})
    return User(id_, name, created_at, organization, tuple(ids), tuple(changes))
