"""Nights under Airflow's own scheduler: each task in a process of its own."""

import time

import psutil
import pytest

from answerable.runtime import services
from answerable.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(new_house):
    return new_house()


@pytest.fixture(scope="module")
def up(house):
    house.night("DATE=2025-12-11")
    done = house.make("up")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def components(house) -> dict[str, psutil.Process]:
    return services.running(Settings.from_environment({"ANSWERABLE_HOME": str(house.home)}))


def test_everything_listens_on_loopback_only(house, up):
    assert set(components(house)) == {"api-server", "scheduler", "dag-processor"}
    listening = {
        (name, conn.laddr.ip)
        for name, process in components(house).items()
        for member in (process, *process.children(recursive=True))
        for conn in member.net_connections("inet")
        if conn.status == psutil.CONN_LISTEN
    }
    assert listening == {("api-server", "127.0.0.1")}
    assert "http://127.0.0.1:" in up


def test_a_call_of_make_nightly_leaves_the_night_to_the_scheduler(house, up):
    done = house.make("nightly")
    assert "Airflow is up and runs the nights" in done.stdout
    assert "Error 75" in done.stderr


def test_the_scheduler_runs_the_night_that_is_due(house, up):
    until = time.monotonic() + 400
    while time.monotonic() < until:
        rows = house.query(
            "select status, report_path from ops.runs where run_no = 2", "ROLE=owner"
        )
        if rows and (rows[0]["report_path"] or rows[0]["status"] == "failed"):
            break
        time.sleep(5)
    assert rows[0]["status"] == "published" and rows[0]["report_path"].endswith(".html")
    assert house.query("select as_of from publication") == [{"as_of": "2025-12-12 00:00:00"}]


def test_down_leaves_no_process_behind(house, up):
    processes = [
        member
        for process in components(house).values()
        for member in (process, *process.children(recursive=True))
    ]
    assert len(processes) > 3
    house.make("down")
    assert components(house) == {}
    assert [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
