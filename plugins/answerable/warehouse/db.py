"""Connections to the warehouse."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from answerable.settings import Settings

WRITER_LOCK = 0x616E737765720001  # one number for "somebody writes the warehouse"

# What a session of ours is like, whatever machine and server are used to. libpq takes what its
# environment says before any option, so a user's PGTZ would move every instant.
ENVIRONMENT = {"PGTZ": "UTC", "PGDATESTYLE": "ISO, MDY"}
OPTIONS = "-c TimeZone=UTC -c IntervalStyle=postgres -c extra_float_digits=1"


class NotRunning(RuntimeError):
    """The run that wants to write is not the one that may."""


def connect(
    settings: Settings, *, autocommit: bool = False, role: str | None = None
) -> psycopg.Connection:
    """A connection as the warehouse's owner, in UTC whatever the machine's zone; with the rights
    of `role` alone, where the owner can become that."""
    os.environ.update(ENVIRONMENT)
    conn = psycopg.connect(
        settings.warehouse_url,
        autocommit=True,
        options=OPTIONS,
        application_name="answerable",
    )
    if role is not None:
        become(conn, role)
    conn.autocommit = autocommit
    return conn


def become(conn: psycopg.Connection, role: str) -> bool:
    """From here on the connection may do what the role may, and says whether it can become that.

    In a transaction that is rolled back it would be the owner's again.
    """
    how = "set" if conn.info.server_version >= 160000 else "member"
    query = "select from pg_roles where rolname = %s and pg_has_role(oid, %s)"
    if not conn.execute(query, [role, how]).rowcount:
        return False
    conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    return True


def tables(
    conn: psycopg.Connection, schemas: Sequence[str], kinds: Sequence[str] = ("r",)
) -> list[tuple[str, str]]:
    """(schema, table) of what these schemas hold, in order; of kinds as pg_class names them."""
    return conn.execute(
        "select nspname, relname from pg_class join pg_namespace on relnamespace = pg_namespace.oid"
        " where nspname = any (%s) and relkind = any (%s) order by 1, 2",
        [list(schemas), list(kinds)],
    ).fetchall()


@contextmanager
def writer(
    settings: Settings, run_id: str, *, shared: bool = False, role: str | None = None
) -> Iterator[psycopg.Connection]:
    """A connection that holds the writer lock for the run `run_id` as long as the block lasts.

    A night that was killed may leave a process behind which still writes; the next night must
    not start to before that one is gone. Sessions of one run may share the lock (landing does).
    Raises NotRunning when the run was ended or another took its place in the meantime.
    """
    suffix = "_shared" if shared else ""
    with connect(settings, autocommit=True, role=role) as conn:
        conn.execute(f"select pg_advisory_lock{suffix}(%s)", [WRITER_LOCK])
        row = conn.execute("select status from ops.runs where run_id = %s", [run_id]).fetchone()
        if row is None or row[0] != "running":
            raise NotRunning(
                f"run {run_id}: expected it to be running, found "
                f"{row[0] if row else 'no such run'}; another call ended it"
            )
        conn.autocommit = False
        yield conn
        conn.commit()
