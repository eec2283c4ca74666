"""Killed at random points of landing, COPY and commit, the server too: nothing twice, nothing lost.

| what happens                                   | where                                         |
| ---------------------------------------------- | --------------------------------------------- |
| process killed at a random moment              | here: 5 kills, 50 more under `slow`           |
| server stopped at once in mid-COPY, mid-commit | here, `slow`                                  |
| two processes load at once                     | here                                          |
| our clock jumps by hours                       | here                                          |
| 429 storms, 5xx bursts, broken answers         | test_load_faults.py                           |
| pages twice, out of order, empty, shrunk       | test_load_faults.py, unit/test_sources_paging |
| Retry-After in every spelling, redirects       | unit/test_sources_http.py                     |
| records of every odd kind                      | test_load.py, test_mutated.py                 |
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pulling
import pytest
from pulling import stored

from answerable import landing
from answerable.runtime import postgres
from answerable.sandbox.server import serve
from answerable.settings import ROOT, Settings
from answerable.warehouse import roles, setup
from answerable.warehouse.db import connect
from answerable.warehouse.load import load
from answerable.warehouse.names import Schemas

SIZE, PRESENT, RUN = 0.02, "2025-12-11", "night-1"


@pytest.fixture(scope="module")
def sandbox():
    with serve(size=SIZE, present=PRESENT) as handle:
        yield handle


@pytest.fixture(scope="module")
def undisturbed(new_settings, using, sandbox):
    settings = new_settings()
    with using(settings):
        pulling.begin(settings, RUN, PRESENT)
        pulling.pull(RUN, sandbox.airflow_connections())
    return stored(settings)


class Process:
    """A pull in a process of its own. `ready` when all is imported, so the rest is the pull."""

    def __init__(self, settings: Settings, sandbox) -> None:
        self.process = subprocess.Popen(
            [sys.executable, pulling.__file__, RUN, json.dumps(sandbox.airflow_connections())],
            env=os.environ
            | {
                "PYTHONPATH": f"{ROOT / 'plugins'}",
                "ANSWERABLE_HOME": str(settings.home),
                "ANSWERABLE_LANDING": settings.landing,
                "ANSWERABLE_WAREHOUSE_URL": settings.warehouse_url,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        self.started = time.monotonic()

    def kill_after(self, seconds: float) -> bool:
        """Whether it was killed before it was done."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
        return self.end() != 0

    def end(self) -> int:
        self.said = self.process.communicate(timeout=120)
        return self.process.returncode


def killed(new_settings, sandbox, kills: int, chance: random.Random) -> Settings:
    """A warehouse pulled by processes of which the first `kills` were killed."""
    settings = new_settings()
    pulling.begin(settings, RUN, PRESENT)
    for _ in range(kills):
        Process(settings, sandbox).kill_after(chance.uniform(0, 1.5))
    last = Process(settings, sandbox)
    assert last.end() == 0, last.said
    return settings


def test_killed_five_times_the_same_is_stored(new_settings, sandbox, undisturbed):
    settings = killed(new_settings, sandbox, 5, random.Random(5))
    assert stored(settings) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_fifty_random_points_the_same_is_stored(new_settings, sandbox, undisturbed, seed):
    settings = killed(new_settings, sandbox, 5, random.Random(seed))
    assert stored(settings) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["copy", "commit"])
def test_the_server_stopped_at_once_loses_and_doubles_nothing(
    tmp_path, sandbox, undisturbed, moment
):
    """Also where the answer to a commit never came: the ledger tells what was committed."""
    cluster = postgres.start(tmp_path, environ={}, is_durable=True)
    settings = Settings.from_environment(
        {"ANSWERABLE_HOME": str(tmp_path), "ANSWERABLE_WAREHOUSE_URL": cluster.url()}
    )
    statement = {"copy": "COPY raw.%", "commit": "COMMIT%"}[moment]
    stops = 0
    try:
        with connect(settings) as conn:
            setup.prepare(conn)
            roles.grant(conn, Schemas.of(""))
        pulling.begin(settings, RUN, PRESENT)
        for _ in range(3):
            process = Process(settings, sandbox)
            if not _stop_server_during(settings, cluster, tmp_path, process.process, statement):
                assert process.end() == 0, process.said
                break
            stops += 1
            assert process.end() != 0
            cluster = postgres.start(tmp_path, environ={}, is_durable=True)
        last = Process(settings, sandbox)
        assert last.end() == 0, last.said
        assert stops, f"the server was never seen at {statement}"
        assert stored(settings) == undisturbed
    finally:
        postgres.stop(tmp_path)


def _stop_server_during(
    settings: Settings, cluster, home: Path, process: subprocess.Popen, statement: str
) -> bool:
    """Stop it in immediate mode when a session is seen at the statement; False: the pull ended."""
    pids = list(home.rglob("postmaster.pid"))
    postmaster = int(pids[0].read_text().split()[0])
    with psycopg.connect(settings.warehouse_url, autocommit=True) as watching:
        while process.poll() is None:
            seen = watching.execute(
                "select 1 from pg_stat_activity where application_name = 'answerable'"
                " and query ilike %s and pid <> pg_backend_pid()",
                [statement],
            ).fetchone()
            landed = watching.execute("select exists (select from ops.batches)").fetchone()
            if seen and landed == (True,):
                os.kill(postmaster, signal.SIGQUIT)
                return True
    return False


def test_two_that_load_at_once_load_each_object_once(new_settings, using, sandbox, undisturbed):
    settings = new_settings()
    with using(settings):
        pulling.begin(settings, RUN, PRESENT)
        variables = sandbox.airflow_connections()
        both = [threading.Thread(target=pulling.pull, args=(RUN, variables)) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join(120)
        load(RUN)
    assert stored(settings) == undisturbed


def test_a_clock_that_jumps_changes_nothing(new_settings, using, sandbox, undisturbed, monkeypatch):
    chance = random.Random(2)

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=chance.choice([-2, 0, 2]))

    real = time.time
    monkeypatch.setattr(landing, "datetime", Jumping)
    monkeypatch.setattr(time, "time", lambda: real() + chance.choice([-7200, 0, 7200]))
    settings = new_settings()
    with using(settings):
        pulling.begin(settings, RUN, PRESENT)
        pulling.pull(RUN, sandbox.airflow_connections())
    assert stored(settings) == undisturbed
