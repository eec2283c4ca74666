"""Read the evidence that dbt gathered, write who is one customer and what is one thread."""

import os
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from answerable import progress, runs
from answerable.identity.customers import (
    Evidence,
    Resolution,
    Rule,
    customer_key,
    nights_by,
)
from answerable.identity.customers import resolve as resolve_customers
from answerable.identity.identifiers import given
from answerable.identity.threads import Message, threads
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
alter table {schema}.customers
    add column if not exists own_customer_key text,
    add column if not exists last_seen_at timestamp,
    add column if not exists shared_because text;
create table if not exists {schema}.said (
    account_identifier_key text not null,
    identifier_key text not null,
    source text not null,
    evidence text not null,
    told_in text not null,
    first_seen_at timestamp not null,
    last_seen_at timestamp not null,
    primary key (account_identifier_key, identifier_key, source)
);
create table if not exists {schema}.refusals (
    account_own_key text not null,
    identifier_own_key text not null,
    rule text not null,
    primary key (account_own_key, identifier_own_key)
);
create table if not exists {schema}.changes (
    changed_on date not null,
    customer_key text not null,
    became_customer_key text not null,
    change text not null,
    cause text not null,
    rule text,
    account_identifier_key text,
    identifier_key text,
    source text,
    primary key (changed_on, customer_key, became_customer_key)
);
create table if not exists {schema}.threads (
    interaction_key text primary key,
    conversation_key text not null,
    answers_interaction_key text
);
"""
EPOCH = datetime(1970, 1, 1)


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
        counts = _customers(conn, run, key, ZoneInfo(settings.company_timezone))
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
        counts["messages"] = _replace(
            conn,
            run.schemas.identity,
            "threads",
            ("interaction_key", "conversation_key", "answers_interaction_key"),
            ((t.key, t.conversation_key, t.answers_key) for t in threads(messages)),
        )
        stage.count(**counts)
    return counts


def _customers(
    conn: psycopg.Connection, run: runs.Run, key: bytes, zone: ZoneInfo
) -> dict[str, int]:
    evidence = Evidence()
    oldest = _gather(conn, run.schemas.build, evidence)
    said = _said(conn, run.schemas.build, evidence)
    first_night, boundaries = _nights(oldest, run.as_of, zone)
    nights_of = nights_by(boundaries, first_night)
    resolution = resolve_customers(
        evidence,
        _rules(conn, run.schemas.build, nights_of),
        first_night + len(boundaries) - 1,
        nights_of,
    )
    return _write(conn, run.schemas.identity, resolution, said, key)


def _gather(conn: psycopg.Connection, schema: str, evidence: Evidence) -> int:
    """All evidence of accounts; gives the oldest instant, in seconds."""
    query = sql.SQL(
        "copy (select account_identifier_key, identifier_key, identifier_kind, identifier, source,"
        " evidence, extract(epoch from first_seen_at)::bigint,"
        " extract(epoch from last_seen_at)::bigint from {}) to stdout"
    ).format(sql.Identifier(schema, "int_identity_evidence"))
    oldest = 0
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types([*["text"] * 6, "int8", "int8"])
        for row in copy.rows():
            evidence.add(*row)
            oldest = min(oldest, row[6]) if oldest else row[6]
    return oldest


Said = dict[tuple[str, str, str], tuple[str, str, str, int, int]]


def _said(conn: psycopg.Connection, schema: str, evidence: Evidence) -> Said:
    """What customers gave as their own in messages; it is evidence like any other."""
    said: Said = {}
    for account, source, interaction_key, sent_at, region, phrases, text in _read(
        conn, schema, "int_identity_messages"
    ):
        at = _seconds(sent_at)
        for kind, value in given(text, phrases.split("|"), region):
            name = account, f"{kind}:{value}", source
            known = said.get(name)
            if known is None or (at, interaction_key) < (known[3], known[2]):
                said[name] = kind, value, interaction_key, at, max(at, known[4] if known else at)
            else:
                said[name] = (*known[:4], max(at, known[4]))
    for (account, identifier_key, source), (kind, value, _, first, last) in said.items():
        evidence.add(account, identifier_key, kind, value, source, "message", first, last)
    return said


def _nights(oldest: int, as_of: datetime, zone: ZoneInfo) -> tuple[int, list[int]]:
    """The as_of of each night since the day of the oldest evidence, in seconds, and the number of
    the first of them: that of its day."""
    last = as_of.replace(tzinfo=UTC).astimezone(zone).date()
    day = min(max(_instant(oldest).date(), date(1900, 1, 2)) - timedelta(days=1), last)
    first = day.toordinal()
    boundaries = []
    while day <= last:
        boundaries.append(_seconds(runs.start_of_day(day, zone)))
        day += timedelta(days=1)
    return first, boundaries


def _rules(conn: psycopg.Connection, schema: str, nights_of: Any) -> Iterator[Rule]:
    """The user's rows; nights know those of the days before them."""
    for (
        rule, kind, identifier, other_kind, other, most, text, from_at, until_at,
    ) in _read(conn, schema, "stg_policy__identity_rules"):  # fmt: skip
        from_night, until_night = nights_of([_seconds(from_at), _seconds(until_at)])
        yield Rule(
            rule=rule,
            kind=kind,
            identifier=identifier,
            other_kind=other_kind,
            other_identifier=other,
            most_accounts=most,
            from_night=int(from_night),
            until_night=int(until_night),
            text=text,
        )


def _write(
    conn: psycopg.Connection, schema: str, resolution: Resolution, said: Said, secret: bytes
) -> dict[str, int]:
    evidence = resolution.evidence
    own = [customer_key(each, secret) for each in evidence.keys]
    customer = resolution.customer.tolist()
    first, last = resolution.first.tolist(), resolution.last.tolist()
    names = sorted(evidence.sources)
    named_by = resolution.source.tolist()
    shared = {
        node: why if why in ("unreadable", "accounts", "kept_apart") else "rule"
        for node, why in resolution.shared_because.items()
    }
    identifiers = _replace(
        conn,
        schema,
        "customers",
        (
            *("identifier_key", "customer_key", "own_customer_key", "identifier_kind"),
            *("identifier", "source", "first_seen_at", "last_seen_at", "shared_because"),
        ),
        (
            (
                raw,
                own[customer[node]],
                own[node],
                evidence.kinds[node],
                evidence.values[node],
                names[named_by[node]],
                _instant(first[node]),
                _instant(last[node]),
                shared.get(node),
            )
            for raw, node in resolution.raw_keys()
        ),
    )
    # what names an identifier names it as some source writes it
    written: dict[int, str] = {}
    for raw, node in resolution.raw_keys():
        written[node] = min(raw, written.get(node, raw))
    _replace(
        conn,
        schema,
        "said",
        (
            *("account_identifier_key", "identifier_key", "source", "evidence", "told_in"),
            *("first_seen_at", "last_seen_at"),
        ),
        (
            *(
                (*name[:2], name[2], "message", told_in, _instant(one), _instant(other))
                for name, (_, _, told_in, one, other) in said.items()
            ),
            *(
                (
                    written[a],
                    written[b],
                    "policy",
                    "rule",
                    rule,
                    *[_instant(max(first[a], first[b]))] * 2,
                )
                for a, b, rule in resolution.said_by_rules
                if a in written and b in written
            ),
        ),
    )
    refused = {(own[r.account], own[r.identifier]): r.rule for r in resolution.refusals}
    _replace(
        conn,
        schema,
        "refusals",
        ("account_own_key", "identifier_own_key", "rule"),
        ((*pair, rule) for pair, rule in refused.items()),
    )
    changes = _replace(
        conn,
        schema,
        "changes",
        (
            *("changed_on", "customer_key", "became_customer_key", "change", "cause", "rule"),
            *("account_identifier_key", "identifier_key", "source"),
        ),
        (
            (
                date.fromordinal(one.night),
                own[one.old],
                own[one.new],
                one.change,
                one.cause,
                one.rule,
                written.get(one.account),
                written.get(one.identifier),
                one.source,
            )
            for one in resolution.changes
        ),
    )
    shown = {customer[node] for _, node in resolution.raw_keys()}
    return {"identifiers": identifiers, "customers": len(shown), "changes": changes}


def _seconds(instant: datetime) -> int:
    return int((instant - EPOCH).total_seconds())


def _instant(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def _read(conn: psycopg.Connection, schema: str, table: str) -> Iterator[tuple]:
    """All rows of a model, in the order of its columns, as they come: by COPY, whose query
    PostgreSQL works on with all cores, as it does not with a cursor's.

    The connection can do nothing else until the last row was taken.
    """
    query = sql.SQL("select * from {}").format(sql.Identifier(schema, table))
    with conn.cursor() as cursor:
        columns = cursor.execute(query + sql.SQL(" limit 0")).description
        with cursor.copy(sql.SQL("copy ({}) to stdout").format(query)) as copy:
            copy.set_types([column.type_code for column in columns])
            yield from copy.rows()


def _replace(
    conn: psycopg.Connection,
    schema: str,
    table: str,
    columns: Iterable[str],
    rows: Iterable[tuple],
) -> int:
    """Put these rows in the place of the table's; the caller's transaction makes it one step."""
    target = sql.Identifier(schema, table)
    conn.execute(sql.SQL("truncate {}").format(target))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    count = 0
    with (
        conn.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} ({}) from stdin").format(target, names)) as copy,
    ):
        for row in rows:
            copy.write_row(row)
            count += 1
    conn.execute(sql.SQL("analyze {}").format(target))
    return count
