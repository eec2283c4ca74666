"""`answerable grants`: what it prints, and whom it lets see which brands."""

import psycopg
import pytest
from typer.testing import CliRunner

from answerable.cli import app
from answerable.runtime import postgres


def run(*arguments: str):
    return CliRunner().invoke(app, ["grants", *arguments])


def test_it_prints_the_roles_of_the_url_without_asking_the_server(monkeypatch):
    monkeypatch.setenv("ANSWERABLE_WAREHOUSE_URL", "postgresql://ow%20ner:s3cr3t%24@127.0.0.1:1/Db")
    done = run()
    assert done.exit_code == 0
    assert 'grant connect, create, temporary on database "Db" to "ow ner";' in done.output
    assert 'create role "answerable_brand_reader" nologin;' in done.output
    assert "s3cr3t" not in done.output
    assert 'on database "Db" to "another";' in run("--owner", "another").output


def test_what_it_prints_can_be_run_by_who_may_only_make_roles(pg, settings):
    """On a managed server the administrator is no superuser."""
    database = settings.warehouse_names[0]
    with psycopg.connect(pg.url(postgres.ADMIN), autocommit=True) as conn:
        conn.execute("create role manager login createrole password 'of a test'")
        conn.execute("create database managed owner manager")
    try:
        url = settings.warehouse_url.replace(f"/{database}", "/managed")
        with psycopg.connect(url, user="manager", password="of a test") as conn:
            # roles of this server are not its own to change: others of the same making
            printed = run("--owner", "managed_owner").output.replace(database, "managed")
            conn.execute(printed.replace("answerable_", "managed_"))
            conn.execute(printed.replace("answerable_", "managed_"))
            rights = "has_database_privilege('managed_owner', 'managed', 'create')"
            assert conn.execute(f"select {rights}").fetchone() == (True,)
    finally:
        with psycopg.connect(pg.url(postgres.ADMIN), autocommit=True) as conn:
            conn.execute("drop database managed with (force)")


def test_a_role_gets_its_brands_and_the_sql_that_makes_it(settings, warehouse):
    done = run("--role", "bi_west", "--brand", "tidewell", "--brand", "nookly")
    assert done.exit_code == 0, done.output
    assert 'create role "bi_west" login;' in done.stdout
    assert 'grant "answerable_brand_reader" to "bi_west";' in done.stdout
    assert "bi_west sees nookly, tidewell." in done.stderr
    rows = warehouse.execute("select reader, brand from ops.reader_brands order by 2").fetchall()
    assert rows == [("bi_west", "nookly"), ("bi_west", "tidewell")]


def test_without_a_brand_it_sees_none(settings, warehouse):
    run("--role", "bi_west", "--brand", "tidewell")
    assert "bi_west sees no brand." in run("--role", "bi_west").stderr
    assert warehouse.execute("select count(*) from ops.reader_brands").fetchone() == (0,)


@pytest.mark.parametrize("brand", ["tidewel", "(all)", ""])
def test_a_brand_that_is_none_is_refused(settings, warehouse, brand):
    done = run("--role", "bi_west", "--brand", brand)
    assert done.exit_code == 1
    assert "there are bramblebox, nookly, tidewell" in done.stderr
    assert warehouse.execute("select count(*) from ops.reader_brands").fetchone() == (0,)
