"""Who may do what in the warehouse. Roles that a server does not have are left out."""

import psycopg
from psycopg import sql

from answerable.warehouse.names import OPS, RAW, Schemas

LOADER = "answerable_loader"
BUILDER = "answerable_builder"
READER = "answerable_reader"
PRIVATE = "answerable_private"

# of the loader and the owner alone, whatever else may be done in its schema
LOADERS_OWN = (OPS, "oauth_tokens")

READ = "select"
WRITE = "select, insert, update, delete, truncate"
GRANT_LOCK = 0x616E737765720003


def rights(schemas: Schemas) -> list[tuple[str, str, str, bool]]:
    """(role, schema, rights on its tables, may create in it), the whole of it."""
    return [
        (LOADER, RAW, WRITE, False),
        (LOADER, OPS, WRITE, False),
        (BUILDER, RAW, READ, False),
        (BUILDER, OPS, WRITE, False),
        (BUILDER, schemas.build, WRITE, True),
        (BUILDER, schemas.identity, WRITE, True),
        (READER, schemas.marts, READ, False),
        (PRIVATE, schemas.marts, READ, False),
        (PRIVATE, schemas.private, READ, False),
    ]


def grant(conn: psycopg.Connection, schemas: Schemas) -> None:
    """Give each role its rights on what is in the schemas now and on what their owner will add.

    Safe to call at any time. Commits.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", [GRANT_LOCK])
    roles = {name for (name,) in conn.execute("select rolname from pg_roles")}
    existing = {name for (name,) in conn.execute("select nspname from pg_namespace")}
    for role, schema, on_tables, may_create in rights(schemas):
        if role not in roles or schema not in existing:
            continue
        names = {
            "role": sql.Identifier(role),
            "schema": sql.Identifier(schema),
            "on_tables": sql.SQL(on_tables),
            "on_schema": sql.SQL("usage, create" if may_create else "usage"),
        }
        for statement in (
            "grant {on_schema} on schema {schema} to {role}",
            "grant {on_tables} on all tables in schema {schema} to {role}",
            "alter default privileges in schema {schema} grant {on_tables} on tables to {role}",
        ):
            conn.execute(sql.SQL(statement).format(**names))
    if conn.execute("select to_regclass(%s)", [".".join(LOADERS_OWN)]).fetchone() != (None,):
        others = sorted({BUILDER, READER, PRIVATE} & roles)
        conn.execute(
            sql.SQL("revoke all on {} from {}").format(
                sql.Identifier(*LOADERS_OWN),
                sql.SQL(", ").join([sql.SQL("public"), *map(sql.Identifier, others)]),
            )
        )
    for role in {LOADER, BUILDER, READER, PRIVATE} & roles:
        conn.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(conn.info.dbname), sql.Identifier(role)
            )
        )
        conn.execute(sql.SQL("alter role {} set timezone = 'UTC'").format(sql.Identifier(role)))
    for role, path in {READER: "marts", PRIVATE: "marts, private"}.items():
        if role in roles:
            for setting, value in (
                ("default_transaction_read_only", "on"),
                ("statement_timeout", "'15min'"),
                ("search_path", path),
            ):
                conn.execute(
                    sql.SQL("alter role {} set {} = {}").format(
                        sql.Identifier(role), sql.SQL(setting), sql.SQL(value)
                    )
                )
    conn.commit()
