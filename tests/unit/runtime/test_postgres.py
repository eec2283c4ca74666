"""The embedded server: what it survives, what it refuses, and who can reach it."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from answerable.runtime import postgres
from answerable.warehouse import roles as grants
from answerable.warehouse import setup
from answerable.warehouse.names import Schemas


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    postgres.stop(tmp_path)


def start(home: Path, **environ: str) -> postgres.Cluster:
    return postgres.start(home, environ=environ, is_durable=False)


def listening(pid: int) -> set[tuple[str, int]]:
    found = set()
    own = psutil.Process(pid)
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # the server's helpers come and go
            found |= {
                (conn.laddr.ip, conn.laddr.port)
                for conn in process.net_connections("inet")
                if conn.status == psutil.CONN_LISTEN
            }
    return found


def test_listens_on_loopback_only_and_on_no_socket_file(home):
    cluster = start(home)
    pid = postgres._postmaster_pid(cluster)
    assert listening(pid) == {("127.0.0.1", postgres.kept_port(cluster))}
    assert [c for c in psutil.Process(pid).net_connections("unix") if c.laddr] == []


def test_no_file_with_a_password_is_readable_for_others(home):
    cluster = start(home)
    files = list(cluster.folder.glob("*url*"))
    assert {f.name for f in files} == {
        "url",
        "airflow.url",
        *(f"url.{role}" for role in (postgres.ADMIN, *postgres.ROLES)),
    }
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    assert stat.S_IMODE(cluster.data.stat().st_mode) == 0o700
    assert not (cluster.folder / "initdb.password").exists()


def test_a_wrong_password_is_refused(home):
    cluster = start(home)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.url(), password="wrong")


def test_nobody_but_the_administrator_is_a_superuser_or_makes_roles(home):
    cluster = start(home)
    with psycopg.connect(cluster.url(), autocommit=True) as conn:
        mighty = conn.execute(
            "select rolname from pg_roles where rolsuper or rolcreaterole or rolcreatedb"
            " or rolreplication or rolbypassrls"
        ).fetchall()
        assert mighty == [(postgres.ADMIN,)]
        for statement in (
            "create role mine",
            "create database mine",
            "alter role answerable superuser",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)


def test_a_server_of_before_whose_owner_was_its_superuser_gets_a_plain_owner(home, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(postgres, "ADMIN", postgres.OWNER)
        patch.setattr(postgres, "_take_superuser_from_owner", lambda cluster, port: None)
        patch.setattr(postgres.roles, "for_administrator", lambda *names: "")
        cluster = start(home)
        with psycopg.connect(cluster.url()) as conn:
            assert conn.execute("select rolsuper from pg_roles where rolname = user").fetchone()[0]
            setup.prepare(conn)
            conn.execute(
                "insert into ops.watermarks (source, stream, cursor) values ('a', 'b', 'c')"
            )
    assert not cluster.url_file(postgres.ADMIN).exists()
    url = cluster.url()
    start(home)
    assert cluster.url() == url
    with psycopg.connect(url) as conn:
        query = "select rolsuper or rolcreaterole from pg_roles where rolname = user"
        assert conn.execute(query).fetchall() == [(False,)]
        assert conn.execute("select cursor from ops.watermarks").fetchall() == [("c",)]
        setup.prepare(conn)  # all of it is the owner's: it may be altered
        grants.grant(conn, Schemas.of(""))
        conn.execute("alter table raw.quarantine add column more text")
        conn.execute("drop view ops.walks")
        conn.execute("create schema another")
    assert postgres.is_running(cluster)
    with psycopg.connect(cluster.url(postgres.ADMIN)) as conn:
        query = "select rolname from pg_roles where rolsuper"
        assert conn.execute(query).fetchall() == [(postgres.ADMIN,)]


def test_survives_a_power_cut_with_what_was_committed_and_keeps_its_port(home):
    cluster = start(home)
    port = postgres.kept_port(cluster)
    with psycopg.connect(cluster.url()) as conn:
        conn.execute("create table kept as select 7 as seven")
    postgres.kill_hard(home)
    start(home)
    with psycopg.connect(cluster.url()) as conn:
        assert conn.execute("select seven from kept").fetchall() == [(7,)]
    assert postgres.kept_port(cluster) == port


def test_a_pid_file_that_names_a_stranger_does_not_keep_it_from_starting(home):
    cluster = start(home)
    postgres.stop(home)
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n1\n5432\n\n\n")
    start(home)
    assert postgres.is_running(cluster)


def test_a_kept_port_that_is_taken_is_left_and_told(home):
    cluster = start(home)
    kept = postgres.kept_port(cluster)
    postgres.stop(home)
    told: list[str] = []
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", kept))
        other.listen()
        postgres.start(home, environ={}, tell=told.append, is_durable=False)
        assert postgres.kept_port(cluster) != kept
        assert f":{kept}/" not in "".join(f.read_text() for f in cluster.folder.glob("*url*"))
        assert len(told) == 1 and str(kept) in told[0]
        assert postgres.is_running(cluster)


def test_a_named_port_that_is_taken_is_an_error_that_names_it(home):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with pytest.raises(postgres.PostgresError, match=f"ANSWERABLE_DB_PORT={port}: another"):
            start(home, ANSWERABLE_DB_PORT=port)


def test_another_port_is_refused_while_the_server_runs(home):
    start(home)
    with pytest.raises(postgres.PostgresError, match="already runs on port"):
        start(home, ANSWERABLE_DB_PORT="6543")


@pytest.mark.parametrize("value", ["fifty", "0", "70000"])
def test_a_port_that_is_none_is_refused(home, value):
    with pytest.raises(postgres.PostgresError, match="expected a number from 1 to 65535"):
        start(home, ANSWERABLE_DB_PORT=value)


def test_data_of_another_major_version_is_refused_by_name(home):
    cluster = postgres.cluster_of(home)
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(postgres.PostgresError, match="made by PostgreSQL 15, this installation"):
        start(home)


def test_a_folder_of_something_else_is_not_overwritten(home):
    cluster = postgres.cluster_of(home)
    cluster.data.mkdir(parents=True)
    (cluster.data / "letters.txt").write_text("dear")
    with pytest.raises(postgres.PostgresError, match="no PostgreSQL data folder"):
        start(home)
    assert (cluster.data / "letters.txt").read_text() == "dear"


def test_a_full_disk_is_refused_before_anything_is_made(home, monkeypatch):
    usage = shutil.disk_usage(home)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=postgres.GIB))
    with pytest.raises(postgres.PostgresError, match=r"1\.00 GiB free.*at least 2\.00 GiB"):
        start(home)
    assert not (home / "postgres" / "data").exists()


def test_a_call_killed_while_making_leaves_nothing_in_the_way(home):
    half = home / "postgres" / "data.making.123"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    cluster = start(home)
    assert postgres.is_running(cluster) and not half.exists()


def test_a_signal_to_the_process_group_that_started_it_leaves_it_up(home, tmp_path):
    program = (
        "import os, signal, sys; sys.path.insert(0, 'plugins')\n"
        "from pathlib import Path\nfrom answerable.runtime import postgres\n"
        f"postgres.start(Path({str(home)!r}), environ={{}}, is_durable=False)\n"
        "os.killpg(0, signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        start_new_session=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == -9
    assert postgres.is_running(postgres.cluster_of(home))
