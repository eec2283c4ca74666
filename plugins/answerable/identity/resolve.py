"""Read the evidence that dbt gathered, write `identity.customers` and `identity.threads`."""

import os
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from answerable import progress, runs
from answerable.identity.components import (
    Evidence,
    Message,
    customers,
    threads,
)
from answerable.settings import Settings, SettingsError
from answerable.warehouse import db

TABLES = """
create schema if not exists {schema};
create table if not exists {schema}.customers (
    identifier_key text primary key,
    customer_key text not null,
    identifier_kind text not null,
    identifier text not null,
    source text not null,
    first_seen_at timestamp not null
);
create table if not exists {schema}.threads (
    interaction_key text primary key,
    conversation_key text not null,
    answers_interaction_key text
);
"""


def secret(settings: Settings, environ: Any = os.environ) -> bytes:
    """The secret behind customer keys: ANSWERABLE_IDENTITY_SECRET, else one made once and kept.

    With another secret every customer would get another key, so losing it is worse than a password.
    """
    named = environ.get("ANSWERABLE_IDENTITY_SECRET")
    if named:
        if len(named) < 16:
            raise SettingsError(
                f"ANSWERABLE_IDENTITY_SECRET has {len(named)} characters; it needs 16 or more"
            )
        return named.encode()
    file = settings.home / "identity_secret"
    if not file.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        made = settings.home / f".identity_secret.{os.getpid()}"
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(secrets.token_hex(32))
            out.flush()
            os.fsync(out.fileno())
        made.replace(file)
    return file.read_text(encoding="utf-8").strip().encode()


def resolve(run_id: str, settings: Settings | None = None) -> dict[str, int]:
    """Work out customers and threads anew from all evidence up to as_of, in one transaction."""
    settings = settings or Settings.from_environment()
    key = secret(settings)
    with progress.stage("identity") as stage, db.writer(settings, run_id) as conn:
        run = runs.get(conn, run_id)
        conn.execute(sql.SQL(TABLES).format(schema=sql.Identifier(run.schemas.identity)))
        evidence = [
            Evidence(
                account_key=account,
                identifier_key=identifier_key,
                kind=kind,
                identifier=identifier,
                source=source,
                first_seen_at=first_seen_at,
            )
            for account, identifier_key, kind, identifier, source, first_seen_at in _read(
                conn, run.schemas.build, "int_identity_evidence"
            )
        ]
        identifiers = _replace(
            conn,
            run.schemas.identity,
            "customers",
            (
                (c.identifier_key, c.customer_key, c.kind, c.identifier, c.source, c.first_seen_at)
                for c in customers(evidence, key)
            ),
        )
        messages = {
            key: Message(
                key=key,
                parent_key=parent,
                conversation_key=conversation,
                is_inbound=direction == "inbound",
            )
            for key, parent, conversation, direction in _read(
                conn, run.schemas.build, "int_thread_evidence"
            )
        }
        laid = _replace(
            conn,
            run.schemas.identity,
            "threads",
            ((t.key, t.conversation_key, t.answers_key) for t in threads(messages)),
        )
        customer_count = conn.execute(
            sql.SQL("select count(distinct customer_key) from {}").format(
                sql.Identifier(run.schemas.identity, "customers")
            )
        ).fetchone()[0]
        stage.count(identifiers=identifiers, customers=customer_count, messages=laid)
    return {"identifiers": identifiers, "customers": customer_count, "messages": laid}


def _read(conn: psycopg.Connection, schema: str, table: str) -> Iterator[tuple]:
    """All rows of a model, in the order of its columns, some thousands at a time.

    The connection can do nothing else until the last row was taken.
    """
    with conn.cursor(name=f"read_{table}") as cursor:
        cursor.itersize = 20_000
        cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
        yield from cursor


def _replace(conn: psycopg.Connection, schema: str, table: str, rows: Iterable[tuple]) -> int:
    """Put these rows in the place of the table's; the caller's transaction makes it one step."""
    target = sql.Identifier(schema, table)
    conn.execute(sql.SQL("delete from {}").format(target))
    count = 0
    with (
        conn.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} from stdin").format(target)) as copy,
    ):
        for row in rows:
            copy.write_row(row)
            count += 1
    conn.execute(sql.SQL("analyze {}").format(target))
    return count
