"""What each role may and may not do, asked of a real server."""

import psycopg
import pytest

from answerable.runtime import postgres
from answerable.settings import Settings
from answerable.warehouse import roles
from answerable.warehouse.names import Schemas


def as_role(pg: postgres.Cluster, settings: Settings, role: str) -> psycopg.Connection:
    database = settings.warehouse_url.rpartition("/")[2]
    return psycopg.connect(pg.url(role), dbname=database, autocommit=True)


def test_reader_reads_marts_made_later_and_nothing_else(pg, settings, warehouse):
    roles.grant(warehouse, Schemas.of(""))
    warehouse.execute("create table marts.later as select 1 as one")
    warehouse.execute("create table private.secret as select 1 as one")
    warehouse.commit()
    with as_role(pg, settings, roles.READER) as conn:
        assert conn.execute("select one from later").fetchall() == [(1,)]
        for statement in (
            "select * from private.secret",
            "select * from raw.zendesk_users",
            "select * from ops.runs",
            "create table marts.mine (a int)",
            "insert into marts.later values (2)",
            "create temp table mine (a int)",
        ):
            with pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
            ):
                conn.execute(statement)
    with as_role(pg, settings, roles.PRIVATE) as conn:
        assert conn.execute("select s.one from private.secret s join marts.later using (one)")


def test_reader_cannot_write_even_where_read_only_is_switched_off(pg, settings, warehouse):
    warehouse.execute("create table marts.later as select 1 as one")
    warehouse.commit()
    with as_role(pg, settings, roles.READER) as conn:
        conn.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("delete from marts.later")


def test_readers_of_a_night_read_its_replay_after_a_grant(pg, settings, warehouse):
    replay = Schemas.of("replay_20260301")
    warehouse.execute("create schema replay_20260301")
    roles.grant(warehouse, replay)
    warehouse.execute("create table replay_20260301.later as select 1 as one")
    warehouse.commit()
    with as_role(pg, settings, roles.READER) as conn:
        assert conn.execute("select * from replay_20260301.later").fetchall() == [(1,)]


@pytest.mark.parametrize("role", [roles.LOADER, roles.BUILDER, roles.READER, roles.PRIVATE])
def test_every_role_is_in_utc(pg, settings, role):
    with as_role(pg, settings, role) as conn:
        assert conn.execute("show timezone").fetchall() == [("UTC",)]


def test_builder_makes_tables_but_may_not_touch_raw(pg, settings):
    with as_role(pg, settings, roles.BUILDER) as conn:
        conn.execute("create table build.t (a int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("delete from raw.zendesk_users")
