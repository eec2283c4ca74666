"""The commands of docker-compose.yml, in its order, with its environment, on this machine: an
empty server, roles and tables, Airflow's parts, a night, a stop and another start."""

import json
import os
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import compose
import psycopg
import pytest

from answerable.runtime import postgres

pytestmark = pytest.mark.slow

FIRST, SECOND = "2026-03-01", "2026-03-02"  # the sandbox's first night, and the next
PARTS = ("api-server", "scheduler", "dag-processor")
PATIENCE = 120  # seconds, as stop_grace_period has it


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([compose.ROOT / "scripts" / "make-env"], cwd=folder, check=True)
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())


@pytest.fixture(scope="module")
def machine(tmp_path_factory, secrets):
    home = tmp_path_factory.mktemp("production")
    names = ("database:5432", "api-server:8080", "scheduler:8974")
    services = compose.project(secrets)["services"]
    machine = compose.Machine(services, home, dict(zip(names, free_ports(3), strict=True)))
    # a small company, and no waiting between tries
    services["scheduler"]["environment"] |= {
        "ANSWERABLE_SANDBOX_SIZE": "0.05",
        "ANSWERABLE_RETRIES": "0",
    }
    with database(machine, home / "database"):
        yield machine
        stop(machine)


@contextmanager
def database(machine: compose.Machine, folder: Path) -> Iterator[None]:
    """The server as its image starts it: initdb with the arguments given, then the command."""
    folder.mkdir()
    said = machine.services["database"]["environment"]
    (folder / "password").write_text(said["POSTGRES_PASSWORD"])
    as_user = postgres._as_ordinary_user()
    initdb = [postgres.binary("initdb"), f"--pgdata={folder}/data", "--username=postgres"]
    initdb += [f"--pwfile={folder}/password", "--no-sync"]
    initdb += shlex.split(said["POSTGRES_INITDB_ARGS"])
    subprocess.run([*as_user, *initdb], check=True, capture_output=True)
    program, *options = machine.services["database"]["command"]
    port = machine.ports["database:5432"]
    options += ["-D", f"{folder}/data", "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    options += ["-c", "unix_socket_directories=", "-c", "dynamic_shared_memory_type=mmap"]
    with (machine.home / "database.txt").open("ab") as log:
        process = subprocess.Popen(
            [*as_user, postgres.binary(program), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    machine.running["database"] = process
    try:
        machine.wait_healthy("database", 60)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def stop(machine: compose.Machine) -> None:
    for name in reversed(PARTS):
        if process := machine.running.pop(name, None):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


def start(machine: compose.Machine) -> None:
    for name in PARTS:  # in the order in which they wait for each other
        machine.start(name)
        if name == "api-server":
            machine.wait_healthy(name)
    for name in PARTS:
        machine.wait_healthy(name)


@pytest.fixture(scope="module")
def begun(machine):
    done = machine.run("init")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def up(machine, begun):
    for name in PARTS:
        assert not machine.is_healthy(name), name
    start(machine)


def as_admin(machine, query: str, database: str = "postgres") -> list[tuple]:
    url = machine.here(machine.services["init"]["environment"]["ANSWERABLE_ADMIN_URL"])
    with psycopg.connect(url, dbname=database, autocommit=True) as conn:
        return conn.execute(query).fetchall()


def test_init_makes_two_databases_and_roles_that_are_no_superusers(machine, begun, secrets):
    assert "✓ Airflow's tables" in begun.stdout
    assert as_admin(machine, "select rolname from pg_roles where rolsuper order by 1") == [
        ("postgres",)
    ]
    owners = as_admin(
        machine,
        "select datname, pg_get_userbyid(datdba) from pg_database where not datistemplate"
        " order by 1",
    )
    assert owners == [
        ("airflow", "airflow"),
        ("answerable", "answerable"),
        ("postgres", "postgres"),
    ]
    schemas = as_admin(machine, "select nspname from pg_namespace", "answerable")
    assert {("raw",), ("ops",), ("marts",), ("private",)} <= set(schemas)
    # each into its own database, and none without its password
    for role, name in (("reader", "READER"), ("private", "PRIVATE")):
        url = machine.here(f"postgresql://answerable_{role}@database:5432/answerable")
        with psycopg.connect(url, password=secrets[f"ANSWERABLE_{name}_PASSWORD"]) as conn:
            assert conn.execute("select current_user").fetchone() == (f"answerable_{role}",)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, password="another")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(url, dbname="airflow", password=secrets[f"ANSWERABLE_{name}_PASSWORD"])
    passwords = machine.home / "airflow" / "passwords.json"
    assert passwords.stat().st_mode & 0o777 == 0o600
    for secret in secrets.values():
        assert secret not in begun.stdout + begun.stderr


def test_init_may_be_run_again(machine, begun):
    again = machine.run("init")
    assert again.returncode == 0, again.stderr[-3000:]


def test_what_is_missing_is_named(machine, begun):
    environ = machine.environ("init")
    del environ["ANSWERABLE_ADMIN_URL"]
    done = subprocess.run(
        machine.command("init"), env=environ, capture_output=True, text=True, cwd=machine.home
    )
    assert done.returncode == 1 and "ANSWERABLE_ADMIN_URL not set" in done.stderr


def test_nobody_signs_in_without_the_password(machine, up, secrets):
    base = f"http://127.0.0.1:{machine.ports['api-server:8080']}"

    def sign_in(password: str) -> int:
        request = urllib.request.Request(
            f"{base}/auth/token",
            data=json.dumps({"username": "admin", "password": password}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            return urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as refused:
            return refused.code

    assert sign_in(secrets["ANSWERABLE_PAGES_PASSWORD"]) == 201
    assert sign_in("another") == 401
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{base}/api/v2/dags", timeout=30)


def published(machine) -> list[tuple]:
    return as_admin(machine, "select as_of::text from ops.publications order by 1", "answerable")


def wait_for_nights(machine, count: int) -> None:
    until = time.monotonic() + 400
    while len(published(machine)) < count:
        state = as_admin(machine, "select status from ops.runs order by run_no desc limit 1",
                         "answerable")  # fmt: skip
        assert state != [("failed",)] and time.monotonic() < until, machine.said("scheduler")[
            -5000:
        ]
        time.sleep(3)


def test_a_night_is_published_and_a_restart_goes_on_with_the_next(machine, up, secrets):
    wait_for_nights(machine, 1)  # the scheduler begins with the newest that is due
    assert published(machine) == [(f"{FIRST} 00:00:00",)]
    url = machine.here("postgresql://answerable_reader@database:5432/answerable")
    with psycopg.connect(url, password=secrets["ANSWERABLE_READER_PASSWORD"]) as conn:
        assert conn.execute("select count(*) from fct_cases").fetchone()[0] > 20
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select count(*) from private.customer_identities")
    until = time.monotonic() + 60
    while not (machine.home / "reports" / "latest.html").exists():
        assert time.monotonic() < until
        time.sleep(1)
    stop(machine)
    for name in PARTS:
        assert not machine.is_healthy(name)
    assert machine.run("init").returncode == 0
    start(machine)
    asked = ["python", "-m", "airflow", "dags", "trigger", "nightly", "--conf"]
    subprocess.run(
        [*asked, json.dumps({"as_of": SECOND})],
        env=machine.environ("scheduler"),
        capture_output=True,
        check=True,
    )
    wait_for_nights(machine, 2)
    assert published(machine)[-1] == (f"{SECOND} 00:00:00",)


def test_no_secret_is_in_what_was_said_or_written(machine, up, secrets):
    for path in machine.home.rglob("*"):
        if "database/data" in str(path) or not path.is_file() or path.is_symlink():
            continue
        if path.name in ("passwords.json", "password"):
            continue
        data = path.read_bytes()
        for name, secret in secrets.items():
            assert secret.encode() not in data, (path, name)
