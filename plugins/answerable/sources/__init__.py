"""Where customer data comes from: sources as descriptions. Adding one adds a row to KINDS."""

from collections.abc import Mapping

from answerable.sources import x, zendesk
from answerable.sources.account import Account, Credentials, Fixed, Pace
from answerable.sources.connection import Connection
from answerable.sources.errors import SourceError, SpecError
from answerable.sources.stream import Stream

KINDS: dict[str, tuple[Stream, ...]] = {"zendesk": zendesk.STREAMS, "x": x.STREAMS}
# how many streams of a source are walked at the same time, and the limits that they share
AT_ONCE: dict[str, int] = {"zendesk": zendesk.AT_ONCE, "x": x.AT_ONCE}
LIMITS: dict[str, dict[str, int]] = {"zendesk": zendesk.LIMITS, "x": x.LIMITS}
MOST_AT_ONCE = 16
# of kinds that charge for what is read: what a resource costs, where the connection says nothing
PRICES: dict[str, dict[str, str]] = {"x": x.PRICES}

__all__ = [
    "KINDS",
    "PRICES",
    "Account",
    "Connection",
    "SourceError",
    "SpecError",
    "Stream",
    "account_of",
    "at_once",
    "stream",
    "streams_of",
]


def _of_kind(kind: str) -> tuple[Stream, ...]:
    if kind not in KINDS:
        raise SpecError(f"unknown kind of source {kind!r}; known: {', '.join(KINDS)}")
    return KINDS[kind]


def streams_of(connection: Connection) -> tuple[Stream, ...]:
    """The streams that are walked: not those that a walk brings along, nor those that nobody asked
    for in the connection's extra."""
    return tuple(
        each
        for each in _of_kind(connection.kind)
        if not each.walked_with and not (each.is_optional and not connection.extra.get(each.per))
    )


def stream(kind: str, name: str) -> Stream:
    """The description of one stream. Raises SpecError when there is none."""
    for each in _of_kind(kind):
        if each.name == name:
            return each
    raise SpecError(f"{kind} has no stream {name!r}; it has {[s.name for s in KINDS[kind]]}")


def at_once(connection: Connection) -> int:
    """How many streams are walked at the same time: the extra's `streams_at_once`, else as many as
    its kind of source takes."""
    given = connection.extra.get("streams_at_once")
    if given is None:
        return AT_ONCE.get(connection.kind, 1)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_AT_ONCE:
        raise SpecError(
            f"connection {connection.name!r}: extra streams_at_once is {given!r}; expected a whole "
            f"number from 1 to {MOST_AT_ONCE}"
        )
    return given


def account_of(connection: Connection, credentials: Credentials | None = None) -> Account:
    """What the walks of a connection's streams share. Its extra's `requests_per_minute` sets limits
    of our own; without it we go by the source's answers."""
    given = connection.extra.get("requests_per_minute") or {}
    known = {name for each in _of_kind(connection.kind) for name in each.limits}
    known |= LIMITS.get(connection.kind, {}).keys()
    where = f"connection {connection.name!r}: extra requests_per_minute"
    if not isinstance(given, Mapping):
        raise SpecError(f"{where} is an object: name of a limit and number")
    for name, number in given.items():
        if name not in known:
            raise SpecError(f"{where}: no limit {name!r}; {connection.kind} has {sorted(known)}")
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise SpecError(f"{where}: {name} is {number!r}; expected a whole number above 0")
    return Account(connection, credentials or Fixed.of(connection), Pace(given))
