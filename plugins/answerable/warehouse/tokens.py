"""Tokens of accounts, kept encrypted: whoever walks finds the pair that is good now.

A refresh token is used up by its first use, so of each exchange one answer exists, and it is
stored before anything else is done with it. In between lies the one gap that no order closes: the
source has answered and we died before storing it. `asked_at` tells that this may have happened:
the next exchange tries the stored token all the same, for the request may never have arrived and
some sources take it once more; where it is refused, a person has to grant access again.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import psycopg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from answerable.settings import Settings
from answerable.sources.account import Credentials
from answerable.sources.connection import Connection
from answerable.sources.errors import CredentialsRefused, SourceError, SpecError
from answerable.sources.oauth import Grant, Spent, Tokens, exchange
from answerable.warehouse.db import connect
from answerable.warehouse.roles import LOADER

KEY = "ANSWERABLE_TOKEN_KEY"
MAKE_ONE = (
    'make one with .venv/bin/python -c "from cryptography.fernet import Fernet; '
    'print(Fernet.generate_key().decode())" and keep it where you keep passwords'
)
STORED_WITHIN = 60.0  # seconds that a database which is away gets to come back


def credentials_of(
    connection: Connection, settings: Settings, environ: Mapping[str, str] = os.environ
) -> Credentials | None:
    """The credentials of a connection that has tokens renewed; None for those that are fixed."""
    grant = Grant.of(connection)
    if grant is None:
        return None
    return Renewed(connection, grant, settings, box_of(connection.name, environ))


def box_of(source: str, environ: Mapping[str, str]) -> MultiFernet:
    """What encrypts: the first of the keys; what decrypts: each of them."""
    given = [each for each in environ.get(KEY, "").split(",") if each]
    if not given:
        raise SpecError(
            f"connection {source!r}: its extra has oauth, whose tokens are kept encrypted, and "
            f"{KEY} is not set; {MAKE_ONE}"
        )
    try:
        return MultiFernet([Fernet(each) for each in given])
    except ValueError:
        raise SpecError(f"{KEY}: not a key (32 bytes in URL-safe base 64); {MAKE_ONE}") from None


class Renewed:
    """Credentials that are renewed when they expire or are refused, once for all who walk.

    Threads wait for each other here, processes at the database: who comes second finds the pair
    that the first one got.
    """

    def __init__(
        self,
        connection: Connection,
        grant: Grant,
        settings: Settings,
        box: MultiFernet,
        exchange: Callable[[Connection, Grant, str], Tokens] = exchange,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._connection, self._grant, self._settings, self._box = connection, grant, settings, box
        self._exchange, self._now = exchange, now
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None

    def header(self) -> str:
        tokens = self._tokens
        if tokens is None or not tokens.is_good(self._now()):
            tokens = self._other_than(None)
        return f"Bearer {tokens.access}"

    def renewed(self, refused: str) -> str | None:
        return f"Bearer {self._other_than(refused.removeprefix('Bearer ')).access}"

    def _other_than(self, refused: str | None) -> Tokens:
        """A pair that is good as far as we know and not the refused one."""

        def is_one(tokens: Tokens | None) -> bool:
            return tokens is not None and tokens.access != refused and tokens.is_good(self._now())

        with self._lock:
            if self._tokens is not None and is_one(self._tokens):
                return self._tokens
            with connect(self._settings, autocommit=True, role=LOADER) as conn:
                # held until the connection ends, over the exchange and what is committed around it
                conn.execute(
                    "select pg_advisory_lock(hashtextextended(%s, 0))",
                    [f"answerable tokens {self._connection.name}"],
                )
                stored, refresh, asked_at = self._stored(conn)
                if stored is None or not is_one(stored):
                    self._note_that_we_ask(conn, refresh)
                    try:
                        stored = self._exchange(self._connection, self._grant, refresh)
                    except Spent as error:
                        raise CredentialsRefused(f"{error}. {self._advice(asked_at)}") from None
                    self._store(conn, stored)
                self._tokens = stored
                return stored

    def _stored(self, conn: psycopg.Connection) -> tuple[Tokens | None, str, datetime | None]:
        """The pair that is stored, the refresh token to use, and when an exchange began of which
        nobody knows how it ended."""
        row = conn.execute(
            "select access_token, refresh_token, extract(epoch from expires_at)::float, asked_at"
            " from ops.oauth_tokens where source = %s and seed_sha256 = %s",
            [self._connection.name, self._seed()],
        ).fetchone()
        if row is None:  # the first time, or somebody granted access anew
            return None, self._grant.seed, None
        access, refresh, expires_at, asked_at = row
        kept = self._opened(refresh)
        tokens = None if access is None else Tokens(self._opened(access), kept, expires_at)
        return tokens, kept, asked_at

    def _note_that_we_ask(self, conn: psycopg.Connection, refresh: str) -> None:
        """Before the source is asked: so the database is there, and whoever finds this knows."""
        conn.execute(
            "insert into ops.oauth_tokens as t (source, seed_sha256, refresh_token, asked_at)"
            " values (%s, %s, %s, now()) on conflict (source) do update set asked_at = now(),"
            " access_token = case when t.seed_sha256 = excluded.seed_sha256"
            " then t.access_token end,"
            " seed_sha256 = excluded.seed_sha256, refresh_token = excluded.refresh_token",
            [self._connection.name, self._seed(), self._box.encrypt(refresh.encode())],
        )

    def _store(self, conn: psycopg.Connection, tokens: Tokens) -> None:
        """Nothing is done with a new pair before it is stored: there is no other copy of it."""
        until = time.monotonic() + STORED_WITHIN
        while True:
            try:
                self._write(conn, tokens)
                return
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise SourceError(
                        f"{self._connection.name}: new tokens were given and the database was away "
                        f"for {STORED_WITHIN:.0f} s, so they are lost. {self._grant_again()}"
                    ) from None
                time.sleep(0.5)
            try:
                conn = connect(self._settings, autocommit=True, role=LOADER)
            except psycopg.OperationalError:
                continue

    def _write(self, conn: psycopg.Connection, tokens: Tokens) -> None:
        expires_at = tokens.expires_at
        conn.execute(
            "update ops.oauth_tokens set access_token = %s, refresh_token = %s, expires_at = %s,"
            " renewed_at = now(), asked_at = null where source = %s",
            [
                self._box.encrypt(tokens.access.encode()),
                self._box.encrypt(tokens.refresh.encode()),
                None if expires_at is None else datetime.fromtimestamp(expires_at, UTC),
                self._connection.name,
            ],
        )

    def _opened(self, kept: bytes) -> str:
        try:
            return self._box.decrypt(bytes(kept)).decode()
        except InvalidToken:
            raise SpecError(
                f"connection {self._connection.name!r}: its tokens in ops.oauth_tokens cannot be "
                f"read with {KEY}; set the key that they were written with (several are told apart "
                f"by commas, the first writes), or: {self._grant_again()}"
            ) from None

    def _seed(self) -> str:
        text = f"{self._connection.name}\n{self._grant.seed}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _advice(self, asked_at: datetime | None) -> str:
        if asked_at is None:
            return self._grant_again()
        return (
            f"An exchange that began at {asked_at:%Y-%m-%d %H:%M:%S} UTC was cut off before its "
            f"answer was stored, so the source may have given the next token to nobody. "
            f"{self._grant_again()}"
        )

    def _grant_again(self) -> str:
        return (
            "Grant access again and put the new refresh token into the connection's extra "
            "(oauth.refresh_token)"
        )
