"""One account of a source, as its streams share it while they are walked at the same time."""

import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from answerable.sources.connection import Connection
from answerable.sources.errors import SpecError, Stopped

MINUTE = 60.0


class Credentials(Protocol):
    """What a request says about who we are."""

    def header(self) -> str:
        """The Authorization header that is good now."""

    def renewed(self, refused: str) -> str | None:
        """Another one after `refused` was answered with 401; None where there is no other."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Credentials that stand in the connection and stay as they are."""

    _header: str = field(repr=False)

    @classmethod
    def of(cls, connection: Connection) -> "Fixed":
        """Those that this connection's kind takes."""
        if connection.password is None:
            raise SpecError(f"connection {connection.name!r}: no password (the API token)")
        if connection.kind == "x" or connection.extra.get("auth") == "bearer":
            return cls(f"Bearer {connection.password}")
        if not connection.login:
            raise SpecError(
                f"connection {connection.name!r}: no login (the e-mail of the API user)"
            )
        is_whole = connection.login.endswith("/token")
        user = connection.login if is_whole else f"{connection.login}/token"
        pair = f"{user}:{connection.password}".encode()
        return cls(f"Basic {b64encode(pair).decode('ascii')}")

    def header(self) -> str:
        return self._header

    def renewed(self, refused: str) -> str | None:
        return None


class Pace:
    """When requests may go out, for all streams that count against the same limits.

    Where a limit has a number, no more than that many go out in any minute. A refusal (429) of one
    stream holds all that count against the same limit: they would only be refused, too.
    """

    def __init__(
        self,
        per_minute: Mapping[str, int] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._now = monotonic or time.monotonic
        self._sent = {name: deque[float](maxlen=n) for name, n in (per_minute or {}).items()}
        self._held: dict[str, float] = {}
        self._lock = threading.Lock()

    def book(self, limits: Sequence[str]) -> float:
        """Seconds until a request may go out, which counts from then on."""
        with self._lock:
            now = at = self._now()
            counted = [self._sent[name] for name in limits if name in self._sent]
            for sent in counted:
                if len(sent) == sent.maxlen:
                    at = max(at, sent[0] + MINUTE)
            for sent in counted:
                sent.append(at)
            return at - now

    def held(self, limits: Sequence[str]) -> float:
        """Seconds until none of these limits is held any more."""
        with self._lock:
            now = self._now()
            return max(0.0, *(self._held.get(name, now) - now for name in limits), 0.0)

    def hold(self, limit: str, seconds: float) -> None:
        """Let nobody ask for so long. Limits are those of a minute: what wants a longer wait means
        something else, and the others find out for themselves."""
        if seconds > MINUTE:
            return
        with self._lock:
            self._held[limit] = max(self._held.get(limit, 0.0), self._now() + seconds)


@dataclass(slots=True)
class Account:
    """Guards what the walks of one account's streams have in common."""

    connection: Connection
    credentials: Credentials
    pace: Pace = field(default_factory=Pace)
    _stop: threading.Event = field(default_factory=threading.Event)

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped when the walks are to end."""
        if self._stop.wait(seconds):
            raise Stopped(f"{self.connection.name}: stopped while waiting")

    def refuse_when_stopped(self) -> None:
        if self._stop.is_set():
            raise Stopped(f"{self.connection.name}: stopped")

    def stop(self) -> None:
        """Have every walk of this account end at its next request, keeping what it has."""
        self._stop.set()
