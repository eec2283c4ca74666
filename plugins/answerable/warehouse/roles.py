"""Who may do what in the warehouse.

An administrator makes roles (`for_administrator`); the owner, who may not, gives them their rights
on what is in the warehouse (`grant`). Roles that a server does not have are left out.
"""

from collections.abc import Collection, Mapping

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
READERS_SETTINGS = {"default_transaction_read_only": "on", "statement_timeout": "15min"}
SEARCH_PATHS = {READER: "marts", PRIVATE: "marts,private", BRAND_READER: "marts"}

# the brands of whoever asks, for the policies of tables that have one
MY_BRANDS = ("access", "my_brands")
POLICIES = ("their_brands", "everybody_else", "all_brands")
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
    # at once, also where the connection commits each statement: nobody is without rights in between
    with conn.transaction():
        _grant(conn, schemas)
    conn.commit()


def _grant(conn: psycopg.Connection, schemas: Schemas) -> None:
    conn.execute("select pg_advisory_xact_lock(%s)", [GRANT_LOCK])
    roles = _roles(conn)
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
    """Have readers of brands see of a published table the rows of their brands. Everybody else
    sees what they are granted. No commit.

    No policy takes rows away from readers of brands, each shows some: whatever becomes of one (a
    `drop ... cascade` takes it along), they see less and never more.
    """
    known = _roles(conn)
    is_wanted = has_brand and BRAND_READER in known
    policies = _policies(known) if is_wanted else {}
    name = sql.Identifier(schema, table)
    found = dict(
        conn.execute(
            "select polname, array(select rolname::text from pg_roles where oid = any (polroles)"
            " order by 1) from pg_policy where polrelid = %s::regclass and polname = any (%s)",
            [name.as_string(conn), list(POLICIES)],
        ).fetchall()
    )
    if found == {policy: to for policy, (to, _) in policies.items()}:
        return
    unguard(conn, schema, table)
    if policies:
        conn.execute(sql.SQL("alter table {} enable row level security").format(name))
    for policy, (to, shown) in policies.items():
        conn.execute(
            sql.SQL("create policy {} on {} for select to {} using ({})").format(
                sql.Identifier(policy),
                name,
                sql.SQL(", ").join(map(sql.Identifier, to)) if to else sql.SQL("public"),
                shown,
            )
        )


def _policies(known: Collection[str]) -> dict[str, tuple[list[str], sql.Composable]]:
    """Name -> to whom (nobody named: to all), and which rows it shows."""
    everybody_else = "not (select pg_has_role(current_user, {}, 'usage'))"
    return {
        "their_brands": (
            [BRAND_READER],
            sql.SQL("brand in (select brand from {})").format(sql.Identifier(*MY_BRANDS)),
        ),
        "everybody_else": ([], sql.SQL(everybody_else).format(sql.Literal(BRAND_READER))),
        # they are everybody else; but so the planner has nothing to ask and no order to keep
        "all_brands": (sorted({BUILDER, READER, PRIVATE} & set(known)), sql.SQL("true")),
    }


def unguard(conn: psycopg.Connection, schema: str, table: str) -> None:
    """Take a table from readers of brands, while its columns change; `guard` gives it back."""
    name = sql.Identifier(schema, table)
    if BRAND_READER in _roles(conn):
        conn.execute(sql.SQL("revoke all on {} from {}").format(name, sql.Identifier(BRAND_READER)))
    ours = conn.execute(
        "select polname from pg_policy where polrelid = %s::regclass and polname = any (%s)",
        [name.as_string(conn), list(POLICIES)],
    ).fetchall()
    for (policy,) in ours:
        conn.execute(sql.SQL("drop policy {} on {}").format(sql.Identifier(policy), name))
    if ours:
        conn.execute(sql.SQL("alter table {} disable row level security").format(name))


def _roles(conn: psycopg.Connection) -> set[str]:
    return {name for (name,) in conn.execute("select rolname from pg_roles")}


def _grant_brands(conn: psycopg.Connection, schemas: Schemas) -> None:
    """Readers of brands get the tables that `guard` has seen to, and no others."""
    tables = conn.execute(
        """
        select nspname, relname, relrowsecurity and exists (
            select from pg_policy where polrelid = pg_class.oid and polname = 'their_brands'
        )
        from pg_class
        join pg_namespace on relnamespace = pg_namespace.oid
        where nspname = any (%s) and relkind in ('r', 'p', 'v', 'm')
        """,
        [[schemas.marts, MY_BRANDS[0]]],
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


def give_brands(conn: psycopg.Connection, role: str, brands: Collection[str]) -> bool:
    """Have the role, a reader of brands, see these brands and no others. Commits.

    Says whether an administrator has to make it one first (`for_brand_reader`). Raises GrantError
    where it would see everything by what else it is in.
    """
    if forbidden := sorted(set(brands) & set(NO_BRANDS)):
        raise GrantError(f"{forbidden[0]!r} is no brand: it is what sums over brands say")
    if BRAND_READER not in _roles(conn):
        raise GrantError(
            f"there is no role {BRAND_READER} on this server; `answerable grants` prints the SQL "
            "that makes it, for an administrator"
        )
    held = conn.execute(
        "select held.rolname from pg_roles as asked join pg_roles as held"
        " on pg_has_role(asked.oid, held.oid, 'member')"
        " where asked.rolname = %s and (held.rolsuper or held.rolbypassrls"
        " or held.rolname = any(%s) or held.rolname = current_user) order by 1",
        [role, [LOADER, BUILDER, READER, PRIVATE]],
    ).fetchone()
    if held:
        raise GrantError(
            f"{role} is {held[0]} or in it, so it sees more than its brands; take a role of its own"
        )
    with conn.transaction():
        conn.execute("delete from ops.reader_brands where reader = %s", [role])
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.reader_brands (reader, brand) values (%s, %s)",
                [(role, brand) for brand in sorted(set(brands))],
            )
    conn.commit()
    is_one = conn.execute(
        "select from pg_roles where rolname = %s and pg_has_role(oid, %s, 'usage')",
        [role, BRAND_READER],
    ).rowcount
    return not is_one


def brands_in_use(conn: psycopg.Connection) -> set[str]:
    """The brands that readers find in what is published."""
    if conn.execute("select to_regclass('marts.fct_interactions')").fetchone() == (None,):
        return set()
    rows = conn.execute("select distinct brand from marts.fct_interactions where brand is not null")
    return {brand for (brand,) in rows}


def for_administrator(database: str, owner: str = OWNER) -> str:
    """The SQL that makes the roles, for a role that may. It may be run again; no password in it."""
    lines = [
        f"-- As an administrator, in the database {_name(database)}. What is there already stays.",
        "-- No password is set: \\password in psql does it, for each role that is to log in.",
        _made(owner),
    ]
    lines += [_made(role) for role in (LOADER, BUILDER, READER, PRIVATE)]
    lines += [_made(BRAND_READER, "nologin")]
    groups = ", ".join(map(_name, (LOADER, BUILDER, READER, PRIVATE)))
    everybody = f"{groups}, {_name(BRAND_READER)}"
    lines += [
        # conditional, since few may change these at all
        f"do $$ begin\n    if exists (select from pg_roles where rolname = {_text(owner)}\n"
        "        and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls))"
        f" then\n        alter role {_name(owner)} nosuperuser nocreaterole nocreatedb"
        " noreplication nobypassrls;\n    end if;\nend $$;",
        f"revoke all on database {_name(database)} from public;",
        f"grant connect, create, temporary on database {_name(database)} to {_name(owner)};",
        f"grant connect on database {_name(database)} to {everybody};",
        "-- so that the owner's steps can do what they do with the rights of one of these",
        f"grant {groups} to {_name(owner)};",
    ]
    for role in (LOADER, BUILDER, READER, PRIVATE):
        lines += _begins_with(role, session_of(role))
    return "\n".join(lines) + "\n"


def for_brand_reader(role: str) -> str:
    """The SQL that makes a role a reader of brands; which ones, is said by `give_brands`."""
    lines = [_made(role), f"grant {_name(BRAND_READER)} to {_name(role)};"]
    return "\n".join(lines + _begins_with(role, session_of(BRAND_READER))) + "\n"


def session_of(role: str) -> dict[str, str]:
    """The settings with which a session of the role begins."""
    if role not in SEARCH_PATHS:
        return {"timezone": "UTC"}
    return {"timezone": "UTC"} | READERS_SETTINGS | {"search_path": SEARCH_PATHS[role]}


def _begins_with(role: str, settings: Mapping[str, str]) -> list[str]:
    return [
        # the list of a search path is no one text
        f"alter role {_name(role)} set {name} = {value if name == 'search_path' else _text(value)};"
        for name, value in settings.items()
    ]


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
