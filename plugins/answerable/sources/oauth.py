"""OAuth 2: access tokens that expire, and refresh tokens that are good for one use."""

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from answerable.sources import x, zendesk
from answerable.sources.account import Account
from answerable.sources.body import NotJson
from answerable.sources.connection import Connection
from answerable.sources.errors import (
    CredentialsRefused,
    RequestRejected,
    SourceError,
    SpecError,
)
from answerable.sources.http import Client, Limits

SOON = 60.0  # seconds; a token that expires within is renewed before it is used
OURS = {
    "zendesk": (zendesk.TOKEN_PATH, zendesk.TOKEN_FORMAT),
    "x": (x.TOKEN_PATH, x.TOKEN_FORMAT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How a connection comes by tokens: its extra's `oauth`."""

    path: str
    is_form: bool
    client_id: str
    client_secret: str | None = field(repr=False)
    seed: str = field(repr=False)  # the refresh token that it all begins with

    @classmethod
    def of(cls, connection: Connection) -> "Grant | None":
        given = connection.extra.get("oauth")
        if given is None:
            return None
        where = f"connection {connection.name!r}: extra oauth"
        known = {"token_path", "client_id", "client_secret", "refresh_token"}
        if not isinstance(given, dict) or (set(given) - known):
            raise SpecError(f"{where} is an object with {', '.join(sorted(known))}")
        missing = [name for name in ("client_id", "refresh_token") if not given.get(name)]
        if missing:
            raise SpecError(f"{where}: {', '.join(missing)} missing")
        if any(not isinstance(value, str) for value in given.values()):
            raise SpecError(f"{where}: each member is a text")
        path, format = OURS.get(connection.kind, ("", "form"))
        path = given.get("token_path") or path
        if not path.startswith("/") or path.startswith("//"):
            raise SpecError(f"{where}: token_path is a path on the connection's own host")
        return cls(
            path=path,
            is_form=format == "form",
            client_id=given["client_id"],
            client_secret=given.get("client_secret") or None,
            seed=given["refresh_token"],
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair as its source gave it."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: float | None  # seconds since 1970, by our clock; None: not told

    def is_good(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at - SOON


class Spent(CredentialsRefused):
    """The source does not take the refresh token (any more)."""


@dataclass(frozen=True, slots=True)
class _Client:
    """Who we are when we ask for tokens: not whom the tokens are for."""

    _header: str = field(repr=False)

    def header(self) -> str:
        return self._header

    def renewed(self, refused: str) -> str | None:
        return None


def exchange(
    connection: Connection,
    grant: Grant,
    refresh: str,
    now: Callable[[], float] = time.time,
) -> Tokens:
    """A new pair for a refresh token, which is used up by it. Raises Spent where it was before."""
    asked = {"grant_type": "refresh_token", "refresh_token": refresh}
    header = ""
    if grant.is_form and grant.client_secret:
        pair = f"{grant.client_id}:{grant.client_secret}".encode()
        header = f"Basic {b64encode(pair).decode('ascii')}"
    else:
        asked["client_id"] = grant.client_id
        if grant.client_secret:
            asked["client_secret"] = grant.client_secret
    client = Client(connection, Limits.of(connection), account=Account(connection, _Client(header)))
    try:
        if grant.is_form:
            body = client.post(grant.path, data=asked)
        else:
            body = client.post(grant.path, json=asked)
        access, new = body.value("access_token"), body.value("refresh_token")
        lasts = body.value("expires_in")
    except (RequestRejected, CredentialsRefused) as error:
        raise Spent(f"{error}: the refresh token is not taken") from None
    except NotJson as error:
        raise SourceError(f"{connection.name}: POST {grant.path}: {error}") from None
    finally:
        client.close()
    if not _is_token(access) or not _is_token(new):
        raise SourceError(
            f"{connection.name}: POST {grant.path}: answered without an access_token and a "
            "refresh_token"
        )
    is_number = isinstance(lasts, int | float) and not isinstance(lasts, bool)
    return Tokens(access, new, now() + lasts if is_number else None)


def _is_token(value: Any) -> bool:
    """Whether it can stand in a header."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value)
