"""The warehouse is lost: made again from the landing zone alone, or from a dump, to the same hash;
and the nights after it are as if nothing had happened."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from trials import FIRST, SECOND, THIRD, unlike

from answerable.runtime import postgres
from answerable.warehouse import hashes, rebuild, roles, setup
from answerable.warehouse.db import connect
from answerable.warehouse.names import Schemas

pytestmark = pytest.mark.slow

LOST = ("raw", "ops", "build", "marts", "private", "identity", "access")


def seen(trials) -> dict[str, str]:
    with connect(trials.settings) as conn:
        return {each.table: each.hash for each in hashes.published(conn)}


def lose_everything(trials) -> None:
    for schema in LOST:
        trials.execute(f"drop schema if exists {schema} cascade")
    shutil.rmtree(trials.home / "dbt", ignore_errors=True)


@pytest.fixture
def two_nights(trials) -> dict[str, str]:
    """What is published after two nights, in increments."""
    trials.undisturbed(SECOND)
    trials.back_to(SECOND)
    before = seen(trials)
    assert len(before) > 20 and "all of them" in before
    return before


@pytest.mark.parametrize("how", ["REBUILD=raw", "left to the night"])
def test_from_the_landing_zone_alone(trials, two_nights, how):
    landed = sorted(str(path) for path in (trials.home / "landing").rglob("*"))
    lose_everything(trials)
    with connect(trials.settings) as conn:
        setup.prepare(conn)
        roles.grant(conn, Schemas.of(""))
    if how == "REBUILD=raw":
        rebuilt = rebuild.rebuild_raw(trials.settings)
        assert rebuilt["objects"] > 20 and rebuilt["loaded"] > 500
    with trials.sources(SECOND) as handle:
        trials.good_night(SECOND, handle)
        asked = [target for target, _ in handle.requests]
    assert seen(trials) == two_nights
    assert unlike(trials.published(), trials.undisturbed(SECOND)) == {}
    # what was landed is not asked for again: each stream goes on where it stood
    cursors = [target for target in asked if "/incremental/tickets/cursor" in target]
    assert cursors and not any("start_time" in target for target in cursors)
    assert set(landed) <= {str(path) for path in (trials.home / "landing").rglob("*")}
    # one night has read all; what is of nights before is gone
    assert trials.runs() == [("nightly", "published")]
    with trials.sources(THIRD) as handle:
        trials.good_night(THIRD, handle)
    assert unlike(trials.published(), trials.undisturbed(THIRD)) == {}


def test_from_a_dump(trials, two_nights, tmp_path):
    dump = tmp_path / "warehouse.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", url=trials.cluster.url())
    with trials._databases() as conn:
        warehouse = sql.Identifier(postgres.WAREHOUSE)
        conn.execute(sql.SQL("drop database {} with (force)").format(warehouse))
        conn.execute(
            sql.SQL("create database {} owner {}").format(warehouse, sql.Identifier(postgres.OWNER))
        )
    shutil.rmtree(trials.home / "dbt", ignore_errors=True)
    admin = trials.cluster.url(postgres.ADMIN)
    run("pg_restore", "--exit-on-error", f"--dbname={postgres.WAREHOUSE}", dump, url=admin)
    assert seen(trials) == two_nights
    assert [status for _, status in trials.runs()] == ["published", "published"]
    # rights came along: the dump has them, roles are the server's
    with psycopg.connect(trials.cluster.url("answerable_reader")) as conn:
        assert conn.execute("select count(*) from marts.fct_cases").fetchone()[0] > 10
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select count(*) from raw.zendesk_tickets")
    with trials.sources(THIRD) as handle:
        trials.good_night(THIRD, handle)
    assert unlike(trials.published(), trials.undisturbed(THIRD)) == {}
    # an increment, no rebuild
    assert trials.ask("select is_full from ops.runs order by run_no desc limit 1") == [(False,)]


def run(program: str, *arguments: str | Path, url: str) -> None:
    from psycopg.conninfo import conninfo_to_dict

    said = conninfo_to_dict(url)
    environ = os.environ | {
        "PGHOST": str(said["host"]),
        "PGPORT": str(said["port"]),
        "PGUSER": str(said["user"]),
        "PGPASSWORD": str(said["password"]),
        "PGDATABASE": str(said["dbname"]),
    }
    subprocess.run([postgres.binary(program), *arguments], env=environ, check=True)


def test_a_hash_tells_one_changed_cell(trials, two_nights):
    assert FIRST < SECOND
    trials.execute("update marts.fct_cases set priority = 'another' where case_key = (select"
                   " min(case_key) from marts.fct_cases)")  # fmt: skip
    after = seen(trials)
    assert {table for table in after if after[table] != two_nights[table]} == {
        "marts.fct_cases", "all of them",
    }  # fmt: skip
