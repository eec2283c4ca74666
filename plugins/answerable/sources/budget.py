"""What reading costs where a source charges for each resource, and what a night may spend on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from answerable.sources.body import Body
from answerable.sources.connection import Connection
from answerable.sources.errors import BudgetSpent, SpecError

ANY = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Prices, and the most that one night may cost or read; None: as much as there is."""

    prices: Mapping[str, Decimal]
    money: Decimal | None = None
    reads: int | None = None
    owner: str | None = None  # id of the account that owns the app: its timelines are cheaper

    @classmethod
    def of(cls, connection: Connection, prices: Mapping[str, str]) -> "Budget":
        """The defaults, with what the connection's extra says in `prices` and `budget`."""
        where = f"connection {connection.name!r}"
        given = connection.extra.get("prices") or {}
        budget = connection.extra.get("budget") or {}
        owner = connection.extra.get("app_owner_id")
        for name, value, known in (
            ("prices", given, {*prices}),
            ("budget", budget, {"money", "reads"}),
        ):
            if not isinstance(value, Mapping) or {*value} - known:
                raise SpecError(f"{where}: {name} is an object with {', '.join(sorted(known))}")
        reads = budget.get("reads")
        if reads is not None and (isinstance(reads, bool) or not isinstance(reads, int)):
            raise SpecError(f"{where}: budget: reads is a whole number of resources a night")
        return cls(
            prices={
                name: _money(given.get(name, price), f"{where}: prices: {name}")
                for name, price in prices.items()
            },
            money=None
            if budget.get("money") is None
            else _money(budget["money"], f"{where}: budget: money"),
            reads=reads,
            owner=None if owner is None else str(owner),
        )

    @property
    def is_limited(self) -> bool:
        return self.money is not None or self.reads is not None

    def price_of(self, path: str, resource: str) -> Decimal:
        """What a post or a user costs, read from a path."""
        if resource == "post" and self.owner and path.startswith(f"/2/users/{self.owner}/"):
            return self.prices["owned_post"]
        return self.prices[resource]

    def room(self, spent: "Spent", path: str, least: int, beside: int) -> int:
        """How many posts may be asked of a path, if each brings its author, and so many other posts
        with theirs. Raises BudgetSpent where that is fewer than `least`."""
        rooms = [ANY]
        if self.reads is not None:
            rooms.append((self.reads - spent.reads) // (2 * (1 + beside)))
        if self.money is not None:
            looked_up = self.price_of("", "post") + self.price_of("", "user")
            dearest = self.price_of(path, "post") + self.price_of("", "user") + beside * looked_up
            if dearest > 0:
                rooms.append(int((self.money - spent.money) // dearest))
        if min(rooms) < least:
            raise BudgetSpent(f"the night's budget is spent: {self.told(spent)}")
        return min(rooms)

    def told(self, spent: "Spent") -> str:
        limits = []
        if self.reads is not None:
            limits.append(f"{spent.reads:,} of {self.reads:,} reads")
        if self.money is not None:
            limits.append(f"{spent.money.normalize():f} of {self.money.normalize():f}")
        return ", ".join(limits)


@dataclass(slots=True)
class Spent:
    """What a night has read of one account so far."""

    reads: int = 0
    money: Decimal = field(default_factory=Decimal)


def resources(body: Body) -> dict[str, str]:
    """What an answer is charged for: "post:1", "user:2", ... and which of the prices holds."""
    found = {f"post:{one.get('id')}": "post" for _, one in body.objects("data")}
    included = body.inner("includes")
    found |= {f"post:{one.get('id')}": "post" for _, one in included.objects("tweets")}
    return found | {f"user:{one.get('id')}": "user" for _, one in included.objects("users")}


def _money(value: Any, what: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise SpecError(f"{what} is an amount, such as 0.005")
    return amount
