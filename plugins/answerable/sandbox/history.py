"""The company's history, day by day.

What is born on a day depends on the seed, the size and the day alone, and is born with its whole
later life; a world at a present is that, cut there. So a later present only adds.
"""

from collections.abc import Iterator
from functools import lru_cache
from random import Random

from . import company, words
from .company import DAY, HISTORY_START, Person, User, people_by, person
from .merges import doubles
from .records import Day, Post, Ticket
from .threads import Pick, publishing_life, unprompted_life, x_life, x_ticket_life
from .tickets import ticket_life
from .undeleted import lose_and_find

TICKETS_A_DAY = 45.5
THREADS_A_DAY = 17.5
PUBLISHED_A_DAY = 4
UNPROMPTED_A_DAY = 5
FIRST_UNPROMPTED = 5_000  # numbers of a day's threads from here on, so that ids stay unique
_WEEKDAY = (1.22, 1.16, 1.1, 1.08, 1.04, 0.74, 0.66)
_DESK_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 18, 15, 15, 16, 16, 14, 12, 9, 8, 8, 6, 4, 2)
_X_HOURS = (4, 2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 13, 15, 16, 17, 15, 11, 7)
_CHAT_HOURS = (0, 0, 0, 0, 0, 0, 0, 0, 10, 15, 16, 15, 12, 12, 13, 14, 13, 8, 4, 2, 0, 0, 0, 0)
_VIA = ("email", "web", "chat", "twitter", "voice", "api")
_VIA_WEIGHTS = (36, 23, 13, 14, 9, 5)


@lru_cache(maxsize=4)
def world(seed: int = company.DEFAULT_SEED, size: float = company.DEFAULT_SIZE) -> "World":
    """The world of a seed and size, kept between calls."""
    return World(seed, size)


class World:
    """All days of one simulation, made when they are asked for."""

    def __init__(self, seed: int, size: float) -> None:
        self.seed = seed
        self.size = float(size)  # 1 and 1.0 name the same world
        self._days: dict[int, Day] = {}

    def day(self, number: int) -> Day:
        if number not in self._days:
            self._days[number] = self._born_on(number)
        return self._days[number]

    def days_before(self, present: int) -> Iterator[Day]:
        """Every day that has begun before the present."""
        last = -1 if present <= HISTORY_START else (present - 1 - HISTORY_START) // DAY
        for number in range(last + 1):
            yield self.day(number)

    def tickets_before(self, present: int) -> list[Ticket]:
        return [
            ticket
            for day in self.days_before(present)
            for ticket in day.tickets
            if ticket.created_at < present
        ]

    def posts_before(self, present: int) -> list[Post]:
        """Posts that one can read at the present: seen ones, what those refer to, and what a search
        for our brands finds."""
        born = [post for day in self.days_before(present) for post in day.posts]
        seen = [post for post in born if post.is_seen and post.at < present]
        referred = {post.replied_to for post in seen} | {post.quoted for post in seen}
        hidden = [
            post
            for post in born
            if not (post.is_seen or post.is_gone)
            and (
                any(version.id in referred for version in post.versions)
                or (post.at < present and words.brands_named(post.versions[0].text))
            )
        ]
        return seen + hidden

    def people_before(self, present: int) -> Iterator[Person]:
        day = max(0, (present - HISTORY_START + DAY - 1) // DAY)
        for number in range(people_by(day, self.size)):
            one = person(self.seed, self.size, number)
            if one.joined_at < present:
                yield one

    def _born_on(self, number: int) -> Day:
        rng = Random(f"{self.seed}|{self.size}|day|{number}")
        start = HISTORY_START + number * DAY
        date = company.utc(start).date()
        shape = _WEEKDAY[date.weekday()] * self.size
        if date.isoformat() in company.HOLIDAYS:
            shape *= 0.45
        elif date.month == 1 and date.day < 15:
            shape *= 1.12  # the weeks in which presents come back
        born = Day(number)
        serial = 0
        for _ in range(_volume(rng, TICKETS_A_DAY * shape)):
            serial += 1
            self._ticket(rng, born, serial, start)
        for _ in range(_volume(rng, THREADS_A_DAY * shape)):
            serial += 1
            born.posts += x_life(
                self.seed, number, serial, start + _second(rng, _X_HOURS), self._on_x(number)
            )
        for _ in range(_volume(rng, PUBLISHED_A_DAY * shape)):
            serial += 1
            born.posts += publishing_life(
                self.seed, number, serial, start + _second(rng, _CHAT_HOURS), self._on_x(number)
            )
        self._unprompted(born, shape, start)
        return born

    def _unprompted(self, born: Day, shape: float, start: int) -> None:
        """Who writes about us without writing to us: drawn apart from all else."""
        rng = Random(f"{self.seed}|{self.size}|unprompted|{born.number}")
        for number in range(_volume(rng, UNPROMPTED_A_DAY * shape)):
            born.posts += unprompted_life(
                self.seed,
                born.number,
                FIRST_UNPROMPTED + number,
                start + _second(rng, _X_HOURS),
                self._on_x(born.number),
            )

    def _ticket(self, rng: Random, born: Day, serial: int, start: int) -> None:
        via = rng.choices(_VIA, weights=_VIA_WEIGHTS)[0]
        hours = {"chat": _CHAT_HOURS, "voice": _CHAT_HOURS, "twitter": _X_HOURS}.get(
            via, _DESK_HOURS
        )
        at = start + _second(rng, hours)
        if via == "twitter":
            one, user = self._tied(rng, born.number, at)
            ticket, posts = x_ticket_life(self.seed, born.number, serial, at, one, user)
            born.posts += posts
        else:
            one, user = self._with_user(rng, born.number, at)
            ticket = ticket_life(self.seed, born.number, serial, at, via, one, user)
        born.tickets.append(ticket)
        born.tickets += doubles(self.seed, born.number, serial, ticket, one, user)
        lose_and_find(self.seed, ticket)

    def anybody(self, rng: Random, day: int) -> Person:
        """One who joined before the day; some write far more often than others."""
        number = int(people_by(day, self.size) * rng.random() ** 1.6)
        return person(self.seed, self.size, number)

    def _with_user(self, rng: Random, day: int, instant: int) -> tuple[Person, User]:
        while True:
            one = self.anybody(rng, day)
            users = one.users_at(instant)
            if users:
                return one, rng.choice(users)

    def _tied(self, rng: Random, day: int, instant: int) -> tuple[Person, User]:
        while True:
            one = self.anybody(rng, day)
            if one.x_tied_since is not None and one.x_tied_since < instant:
                return one, one.users[0]

    def _on_x(self, day: int) -> Pick:
        def pick(rng: Random) -> Person:
            while True:
                one = self.anybody(rng, day)
                if one.x_id is not None:
                    return one

        return pick


def _volume(rng: Random, mean: float) -> int:
    return max(0, round(rng.gauss(mean, mean**0.5)))


def _second(rng: Random, hours: tuple[int, ...]) -> int:
    return rng.choices(range(24), weights=hours)[0] * 3_600 + rng.randrange(3_600)
