"""Who may do what in the warehouse.

An administrator makes roles (`for_administrator`); the owner, who may not, gives them their rights
on what is in the warehouse (`grant`). Roles that a server does not have are left out.
"""

import psycopg
from psycopg import sql

from answerable.warehouse.names import OPS, RAW, Schemas

OWNER = "answerable"
LOADER = "answerable_loader"
BUILDER = "answerable_builder"
READER = "answerable_reader"
PRIVATE = "answerable_private"
BRAND_READER = "answerable_brand_reader"  # nobody logs in as it: whoever is in it sees their brands

READ = "select"
WRITE = "select, insert, update, delete, truncate"
GRANT_LOCK = 0x616E737765720003

# What the engine keeps beside the data, table by table: what publications took out lies there too,
# names and texts with it, and is the owner's alone.
OPS_RIGHTS = {
    LOADER: {
        "batches": WRITE,
        "holes": WRITE,
        "oauth_tokens": WRITE,
        "reads": WRITE,
        "stream_runs": WRITE,
        "watermarks": WRITE,
        "publications": READ,
        "purges": READ,
        "raw_rebuilds": READ,
        "runs": "select, update",
        "walks": READ,
    },
    BUILDER: {"batches": READ, "runs": READ},
}

# what a session of a reader begins with; that they may not write does not rest on it
READERS_SETTINGS = {"default_transaction_read_only": "on", "statement_timeout": "'15min'"}
SEARCH_PATHS = {READER: "marts", PRIVATE: "marts, private"}

# the brands of whoever asks, for the policies of tables that have one
MY_BRANDS = ("access", "my_brands")
EVERYBODY_ELSE, THEIR_BRANDS = "everybody_else", "their_brands"
NO_BRANDS = ("(all)", "(none)")  # what sums over brands, and rows without one, say in its place


class GrantError(ValueError):
    """A role or a brand that cannot be used so; the text says why."""


def rights(schemas: Schemas) -> list[tuple[str, str, str, bool]]:
    """(role, schema, rights on its tables, may create in it), but for `ops` and readers of brands.

    The builder reads what is published, which an increment compares with.
    """
    return [
        (LOADER, RAW, WRITE, False),
        (BUILDER, RAW, READ, False),
        (BUILDER, schemas.build, WRITE, True),
        (BUILDER, schemas.identity, WRITE, True),
        (BUILDER, schemas.marts, READ, False),
        (BUILDER, schemas.private, READ, False),
        (READER, schemas.marts, READ, False),
        (PRIVATE, schemas.marts, READ, False),
        (PRIVATE, schemas.private, READ, False),
    ]


def refuse_superuser(conn: psycopg.Connection) -> None:
    """Raises GrantError where the warehouse's owner could do anything on the whole server."""
    (name, is_super) = conn.execute(
        "select rolname, rolsuper from pg_roles where rolname = session_user"
    ).fetchone()
    if is_super:
        raise GrantError(
            f"ANSWERABLE_WAREHOUSE_URL connects as {name}, a superuser of that server; name a role "
            "that is none. `answerable grants --owner NAME` prints the SQL that makes one"
        )


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
    if OPS in existing:
        for role in sorted({LOADER, BUILDER, READER, PRIVATE, BRAND_READER} & roles):
            _grant_ops(conn, role)
    if BRAND_READER in roles:
        _grant_brands(conn, schemas)
    conn.commit()


def _grant_ops(conn: psycopg.Connection, role: str) -> None:
    names = {"ops": sql.Identifier(OPS), "role": sql.Identifier(role)}
    # once the loader and the builder had all that was in it and was to come
    for statement in (
        "revoke all on all tables in schema {ops} from {role}",
        "alter default privileges in schema {ops} revoke all on tables from {role}",
        "revoke all on schema {ops} from {role}",
    ):
        conn.execute(sql.SQL(statement).format(**names))
    if role not in OPS_RIGHTS:
        return
    conn.execute(sql.SQL("grant usage on schema {ops} to {role}").format(**names))
    for table, on_table in OPS_RIGHTS[role].items():
        if conn.execute("select to_regclass(%s)", [f"{OPS}.{table}"]).fetchone() != (None,):
            conn.execute(
                sql.SQL("grant {} on {} to {}").format(
                    sql.SQL(on_table), sql.Identifier(OPS, table), sql.Identifier(role)
                )
            )


# -- readers of brands --------------------------------------------------------------------------


def guard(conn: psycopg.Connection, schema: str, table: str, *, has_brand: bool) -> None:
    """Have readers of brands see of a published table the rows of their brands, or nothing of one
    that has no brand. Everybody else sees what they are granted. No commit.

    Nobody but the table's owner sees a row that no policy shows. So whatever becomes of the second
    policy (a `drop ... cascade` takes it along), readers of brands see less and never more.
    """
    names = {
        "table": sql.Identifier(schema, table),
        "brand_reader": sql.Identifier(BRAND_READER),
        "brand_readers": sql.Literal(BRAND_READER),
        "my_brands": sql.Identifier(*MY_BRANDS),
        "everybody_else": sql.Identifier(EVERYBODY_ELSE),
        "their_brands": sql.Identifier(THEIR_BRANDS),
    }
    is_wanted = has_brand and _has_brand_readers(conn)
    count, is_enabled = conn.execute(
        "select (select count(*) from pg_policy where polrelid = pg_class.oid"
        " and polname = any (%s)), relrowsecurity from pg_class where oid = %s::regclass",
        [[EVERYBODY_ELSE, THEIR_BRANDS], names["table"].as_string(conn)],
    ).fetchone()
    if (count == 2 and is_enabled) if is_wanted else count == 0:
        return
    statements = ["drop policy if exists {everybody_else} on {table}"]
    statements += ["drop policy if exists {their_brands} on {table}"]
    if is_wanted:
        statements += [
            "alter table {table} enable row level security",
            "create policy {everybody_else} on {table} for select"
            " using (not pg_has_role(current_user, {brand_readers}, 'usage'))",
            "create policy {their_brands} on {table} for select to {brand_reader}"
            " using (brand in (select brand from {my_brands}))",
        ]
    else:
        statements += ["alter table {table} disable row level security"]
    for statement in statements:
        conn.execute(sql.SQL(statement).format(**names))


def unguard(conn: psycopg.Connection, schema: str, table: str) -> None:
    """Take a table from readers of brands, while its columns change; `guard` gives it back."""
    if _has_brand_readers(conn):
        conn.execute(
            sql.SQL("revoke all on {} from {}").format(
                sql.Identifier(schema, table), sql.Identifier(BRAND_READER)
            )
        )
    for policy in (EVERYBODY_ELSE, THEIR_BRANDS):
        conn.execute(
            sql.SQL("drop policy if exists {} on {}").format(
                sql.Identifier(policy), sql.Identifier(schema, table)
            )
        )


def _has_brand_readers(conn: psycopg.Connection) -> bool:
    return bool(conn.execute("select from pg_roles where rolname = %s", [BRAND_READER]).rowcount)


def _grant_brands(conn: psycopg.Connection, schemas: Schemas) -> None:
    """Readers of brands get the tables that `guard` has seen to, and no others."""
    tables = conn.execute(
        """
        select nspname, relname, relrowsecurity and (
            select count(*) from pg_policy
            where polrelid = pg_class.oid and polname = any (%s)
        ) = 2
        from pg_class
        join pg_namespace on relnamespace = pg_namespace.oid
        where nspname = any (%s) and relkind in ('r', 'p', 'v', 'm')
        """,
        [[EVERYBODY_ELSE, THEIR_BRANDS], [schemas.marts, MY_BRANDS[0]]],
    ).fetchall()
    role = sql.Identifier(BRAND_READER)
    for schema in sorted({schema for schema, _, _ in tables}):
        conn.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), role))
    for schema, table, is_guarded in tables:
        is_theirs = (schema, table) == MY_BRANDS or is_guarded
        conn.execute(
            sql.SQL("grant select on {} to {}" if is_theirs else "revoke all on {} from {}").format(
                sql.Identifier(schema, table), role
            )
        )


# -- what we may not do ourselves ----------------------------------------------------------------


def for_administrator(database: str, owner: str = OWNER) -> str:
    """The SQL that makes the roles, for a role that may. It may be run again; no password in it."""
    lines = [_made(owner)]
    lines += [_made(role) for role in (LOADER, BUILDER, READER, PRIVATE)]
    lines += [_made(BRAND_READER, "nologin")]
    groups = ", ".join(map(_name, (LOADER, BUILDER, PRIVATE)))
    everybody = ", ".join(map(_name, (LOADER, BUILDER, READER, PRIVATE, BRAND_READER)))
    lines += [
        # conditional, since few may change these at all
        f"do $$ begin\n    if exists (select from pg_roles where rolname = {_text(owner)}\n"
        "        and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls))"
        f" then\n        alter role {_name(owner)} nosuperuser nocreaterole nocreatedb"
        " noreplication nobypassrls;\n    end if;\nend $$;",
        f"revoke all on database {_name(database)} from public;",
        f"grant connect, create, temporary on database {_name(database)} to {_name(owner)};",
        f"grant connect on database {_name(database)} to {everybody};",
        "-- the owner's steps do what they do as the least of these that serves",
        f"grant {groups} to {_name(owner)};",
    ]
    for role in (LOADER, BUILDER, READER, PRIVATE):
        lines.append(f"alter role {_name(role)} set timezone = 'UTC';")
    for role, path in SEARCH_PATHS.items():
        lines += _settings(role, path)
    return "\n".join(lines) + "\n"


def for_administrator_brand_reader(role: str) -> str:
    """The SQL that makes a role a reader of brands; which ones, is said by `give_brands`."""
    lines = [_made(role), f"grant {_name(BRAND_READER)} to {_name(role)};"]
    lines += [f"alter role {_name(role)} set timezone = 'UTC';"]
    return "\n".join(lines + _settings(role, "marts")) + "\n"


def _settings(role: str, path: str) -> list[str]:
    said = READERS_SETTINGS | {"search_path": path}
    return [f"alter role {_name(role)} set {name} = {value};" for name, value in said.items()]


def _made(role: str, can: str = "login") -> str:
    if "$" in role:
        raise GrantError(f"role {role!r}: choose a name without '$'")
    return (
        f"do $$ begin\n    if not exists (select from pg_roles where rolname = {_text(role)}) then"
        f"\n        create role {_name(role)} {can};\n    end if;\nend $$;"
    )


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
