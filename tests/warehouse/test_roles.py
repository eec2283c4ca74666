"""What each role may and may not do, asked of a real server."""

import psycopg
import pytest
from marts_by_hand import AS_OF, make_build, models, start_run

from answerable.runtime import postgres
from answerable.settings import Settings
from answerable.warehouse import db, roles
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import publish

REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
EVERYBODY = (roles.LOADER, roles.BUILDER, roles.READER, roles.PRIVATE, roles.OWNER)
LOADER, BUILDER, READER, PRIVATE, OWNER = EVERYBODY
SEE_MARTS = {BUILDER, READER, PRIVATE, OWNER}

# statement -> the roles that may; all others are refused. Each is tried where read-only is off.
ALLOWED: dict[str, set[str]] = {
    # raw
    "select * from raw.zendesk_users": {LOADER, BUILDER, OWNER},
    "select * from raw.quarantine": {LOADER, BUILDER, OWNER},
    "insert into raw.zendesk_users values ('s', 'k', 1, 1, 1, 'h', '{}')": {LOADER, OWNER},
    "copy raw.zendesk_users from program 'true'": set(),
    "delete from raw.zendesk_users": {LOADER, OWNER},
    "truncate raw.zendesk_users": {LOADER, OWNER},
    "drop table raw.zendesk_users": {OWNER},
    "alter table raw.zendesk_users add column mine text": {OWNER},
    "create table raw.mine (a int)": {OWNER},
    # the ledger; identity columns take their numbers from sequences
    "insert into ops.batches (source, source_kind, stream, object, sha256, record_count,"
    " loaded_count, superseded_count, quarantined_count)"
    " values ('s', 'x', 'posts', 'o', 'h', 0, 0, 0, 0)": {LOADER, OWNER},
    "insert into raw.quarantine (batch_id, source, stream, position, reason, untouched)"
    " select batch_id, 's', 't', 1, 'r', '' from ops.batches": {LOADER, OWNER},
    "select setval('ops.batches_batch_id_seq', 1)": {OWNER},
    "select * from ops.batches": {LOADER, BUILDER, OWNER},
    "update ops.runs set is_full = true": {LOADER, OWNER},
    "delete from ops.runs where false": {OWNER},
    "select * from ops.walks": {LOADER, OWNER},
    "select * from ops.oauth_tokens": {LOADER, OWNER},
    "select * from ops.undo_private_interaction_texts": {OWNER},
    "select * from ops.undo_marts_fct_cases": {OWNER},
    "update ops.publications set can_undo = true": {OWNER},
    "insert into ops.accepted_exceptions (table_name, rule, most_rows, from_night, until_night,"
    " reason, owner) values ('t', 'r', 1, '2026-01-01', '2026-01-02', 'r', 'o')": {OWNER},
    "delete from ops.check_results": {OWNER},
    "insert into ops.reader_brands values ('answerable_reader', 'north')": {OWNER},
    "create table ops.mine (a int)": {OWNER},
    # what dbt works in
    "select * from build.fct_cases": {BUILDER, OWNER},
    "insert into build.int_dirty_cases values ('k')": {BUILDER, OWNER},
    "create table build.mine (a int)": {BUILDER, OWNER},
    "create table identity.mine (a int)": {BUILDER, OWNER},
    # what is published
    "select * from marts.fct_cases": SEE_MARTS,
    "select * from marts.publication": SEE_MARTS,
    "copy marts.fct_cases to stdout": SEE_MARTS,
    "insert into marts.fct_cases (case_key) values ('mine')": {OWNER},
    "delete from marts.fct_cases": {OWNER},
    "create table marts.mine (a int)": {OWNER},
    "create view marts.mine as select 1": {OWNER},
    "create function marts.mine() returns int language sql return 1": {OWNER},
    "alter table marts.fct_cases disable row level security": {OWNER},
    "lock table marts.fct_cases in access exclusive mode": {OWNER},
    "select * from private.customer_identities": {BUILDER, PRIVATE, OWNER},
    "select * from private.interaction_texts": {BUILDER, PRIVATE, OWNER},
    "delete from private.interaction_texts": {OWNER},
    "select * from access.my_brands": {OWNER},
    # the database and the server
    "create temporary table mine (a int)": {OWNER},
    "create table public.mine (a int)": {OWNER},
    "create schema mine": {OWNER},
    "set role answerable_private": {PRIVATE, OWNER},
    "set role answerable_loader": {LOADER, OWNER},
    "set role answerable_brand_reader": set(),
    "set role answerable": {OWNER},
    "set session authorization answerable": {OWNER},
    "set role postgres": set(),
    "create role mine": set(),
    "alter role answerable_reader superuser": set(),
    "create extension postgres_fdw": set(),
    "copy (select 1) to program 'true'": set(),
    "select pg_read_file('PG_VERSION')": set(),
    "select * from pg_authid": set(),
    "select pg_reload_conf()": set(),
    "set log_statement = 'all'": set(),
}


def as_role(pg: postgres.Cluster, settings: Settings, role: str) -> psycopg.Connection:
    database = settings.warehouse_url.rpartition("/")[2]
    return psycopg.connect(pg.url(role), dbname=database, autocommit=True)


@pytest.fixture(scope="module")
def published(pg, new_settings, using):
    """A warehouse in which a night without rows is published."""
    settings = new_settings()
    with using(settings), psycopg.connect(settings.warehouse_url) as conn:
        make_build(conn)
        start_run(conn, "run-1", AS_OF)
        conn.commit()
        publish("run-1", models=models(), settings=settings)
    database = settings.warehouse_url.rpartition("/")[2]
    with psycopg.connect(pg.url(postgres.ADMIN), dbname=database) as conn:
        conn.execute(roles.for_administrator(database))
    return settings


@pytest.mark.parametrize("statement", ALLOWED)
def test_each_statement_is_for_those_who_may_and_no_others(pg, published, statement):
    may = set()
    for role in EVERYBODY:
        with as_role(pg, published, role) as conn:
            conn.execute("set default_transaction_read_only = off")
            try:
                with conn.transaction(force_rollback=True):
                    if statement.startswith("copy marts"):
                        with conn.cursor().copy(statement) as rows:
                            list(rows)
                    else:
                        conn.execute(statement)
                may.add(role)
            except psycopg.errors.InsufficientPrivilege:
                pass
    assert may == ALLOWED[statement]


@pytest.mark.parametrize("role", [READER, PRIVATE])
def test_a_reader_begins_read_only_with_a_timeout_and_finds_marts(pg, published, role):
    with as_role(pg, published, role) as conn:
        shown = {
            name: conn.execute(f"show {name}").fetchone()[0]
            for name in ("default_transaction_read_only", "statement_timeout", "search_path")
        }
        assert shown == {
            "default_transaction_read_only": "on",
            "statement_timeout": "15min",
            "search_path": {READER: "marts", PRIVATE: "marts, private"}[role],
        }
        assert conn.execute("select count(*) from fct_cases").fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("select lo_create(0)")
        conn.execute("set statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("select pg_sleep(5)")


def test_readers_see_marts_made_later(pg, settings, warehouse):
    roles.grant(warehouse, Schemas.of(""))
    warehouse.execute("create table marts.later as select 1 as one")
    warehouse.execute("create table private.secret as select 1 as one")
    warehouse.commit()
    with as_role(pg, settings, READER) as conn:
        assert conn.execute("select one from later").fetchall() == [(1,)]
        with pytest.raises(REFUSED):
            conn.execute("select * from private.secret")
    with as_role(pg, settings, PRIVATE) as conn:
        assert conn.execute("select s.one from private.secret s join marts.later using (one)")


def test_readers_of_a_night_read_its_replay_after_a_grant(pg, settings, warehouse):
    replay = Schemas.of("replay_20260301")
    warehouse.execute("create schema replay_20260301")
    roles.grant(warehouse, replay)
    warehouse.execute("create table replay_20260301.later as select 1 as one")
    warehouse.commit()
    with as_role(pg, settings, READER) as conn:
        assert conn.execute("select * from replay_20260301.later").fetchall() == [(1,)]


@pytest.mark.parametrize("role", [LOADER, BUILDER, READER, PRIVATE])
def test_every_role_is_in_utc(pg, settings, role):
    with as_role(pg, settings, role) as conn:
        assert conn.execute("show timezone").fetchall() == [("UTC",)]


def test_what_loader_and_builder_had_of_ops_before_is_taken_from_them(pg, settings, warehouse):
    for role in (LOADER, BUILDER):
        warehouse.execute(f"grant all on all tables in schema ops to {role}")
        warehouse.execute(f"alter default privileges in schema ops grant all on tables to {role}")
    warehouse.commit()
    roles.grant(warehouse, Schemas.of(""))
    warehouse.execute("create table ops.undo_private_later as select 1 as one")
    warehouse.commit()
    for role in (LOADER, BUILDER):
        with as_role(pg, settings, role) as conn:
            for table in ("publications" if role == BUILDER else "check_results",
                          "undo_private_later"):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(f"select * from ops.{table}")


def test_a_step_does_what_it_does_as_the_role_that_it_names(settings, warehouse):
    with db.connect(settings, role=LOADER) as conn:
        assert conn.execute("select current_user, session_user").fetchone() == (LOADER, OWNER)
        conn.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from build.int_dirty_cases")


def test_where_the_owner_cannot_become_a_role_it_stays_the_owner(pg, settings):
    with db.connect(settings, role=roles.BRAND_READER) as conn:
        assert conn.execute("select current_user").fetchone() == (OWNER,)


def test_rights_are_given_at_once_or_not_at_all(pg, settings, warehouse, monkeypatch):
    """A backfill lands as the loader while a night gives rights anew."""
    warehouse.autocommit = True

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(roles, "_grant_brands", killed)
    monkeypatch.setitem(roles.OPS_RIGHTS, LOADER, {})
    with pytest.raises(KeyboardInterrupt):
        roles.grant(warehouse, Schemas.of(""))
    with as_role(pg, settings, LOADER) as conn:
        assert conn.execute("select count(*) from ops.batches").fetchone() == (0,)
