"""What tests share: an embedded PostgreSQL for the session, and a fresh warehouse for each test."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from answerable.runtime import postgres
from answerable.settings import ROOT, Settings, environment
from answerable.warehouse import roles, setup
from answerable.warehouse.names import Schemas

hypothesis.settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

TEMPLATE = "template_of_tests"


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the user's and no address but loopback takes part in a test."""
    for name in list(os.environ):
        if name.startswith(("ANSWERABLE_", "AIRFLOW_CONN_")) or name in {"POLICY", "FILES", "DATE"}:
            monkeypatch.delenv(name)
    connect = socket.socket.connect

    def connect_to_loopback(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test wanted to connect to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)


@pytest.fixture(scope="session")
def pg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    """An embedded server of the session's own, on a port of its own, gone at the end."""
    home = tmp_path_factory.mktemp("pg")
    cluster = postgres.start(home, environ={}, is_durable=False)
    try:
        admin = cluster.url(postgres.ADMIN)
        with psycopg.connect(admin, dbname="postgres", autocommit=True) as conn:
            conn.execute(f"create database {TEMPLATE} owner {postgres.OWNER}")
            # two of a test's own connections that wait for each other are an error, no hang
            conn.execute("alter role all set lock_timeout = '3min'")
        with psycopg.connect(cluster.url(), dbname=TEMPLATE) as conn:
            setup.prepare(conn)
            roles.grant(conn, Schemas.of(""))
        yield cluster
    finally:
        postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def new_settings(
    pg: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Settings]:
    """Gives, at each call, settings with a home and a prepared warehouse of their own."""
    numbers = count(1)

    def make() -> Settings:
        database = f"test_{next(numbers)}"
        with psycopg.connect(pg.url(postgres.ADMIN), dbname="postgres", autocommit=True) as conn:
            conn.execute(
                sql.SQL("create database {} template {} owner {}").format(
                    *map(sql.Identifier, (database, TEMPLATE, postgres.OWNER))
                )
            )
        home = tmp_path_factory.mktemp("home")
        return Settings.from_environment(
            {
                "ANSWERABLE_HOME": str(home),
                "ANSWERABLE_REPORTS": str(home / "reports"),
                "ANSWERABLE_WAREHOUSE_URL": urlsplit(pg.url())
                ._replace(path=f"/{database}")
                .geturl(),
            }
        )

    return make


@pytest.fixture
def environ_restored() -> Iterator[None]:
    """Afterwards the environment is as it was: for what sets that of its process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@contextmanager
def environment_of(settings: Settings) -> Iterator[Settings]:
    """Within, `Settings.from_environment()` gives these settings, as a night's steps see it."""
    values = {
        "ANSWERABLE_HOME": str(settings.home),
        "ANSWERABLE_LANDING": settings.landing,
        "ANSWERABLE_REPORTS": str(settings.reports),
        "ANSWERABLE_WAREHOUSE_URL": settings.warehouse_url,
        "POLICY": str(settings.policy),
    }
    with environment(values):
        yield settings


@pytest.fixture(scope="session")
def using() -> Callable[[Settings], object]:
    """`with using(settings): ...`, for tests that need several warehouses."""
    return environment_of


@pytest.fixture
def settings(new_settings: Callable[[], Settings]) -> Iterator[Settings]:
    """A fresh, prepared warehouse and home, in the environment too."""
    with environment_of(new_settings()) as fresh:
        yield fresh


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection to the fresh warehouse of `settings`."""
    with psycopg.connect(settings.warehouse_url, options="-c TimeZone=UTC") as conn:
        yield conn


@pytest.fixture(scope="session")
def need_tool() -> Callable[[str], str]:
    """`need_tool("chromium")` gives its path; without it the test skips, or fails in CI."""

    def need(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            reason = f"needs {name}, which is not installed; `make system-packages` does it"
            if os.environ.get("REQUIRE_ALL") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        return found

    return need


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real files, named by REAL_DATA or lying beside the checkout; else a skip."""
    folder = Path(os.environ.get("REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the real files are not here: {folder} is no folder; name it with REAL_DATA")
    return folder
