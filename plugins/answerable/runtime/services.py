"""Airflow's own processes for `make up`: started in sessions of their own, stopped by group."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from answerable.runtime import airflow, postgres
from answerable.runtime.files import write_private
from answerable.settings import Settings

COMPONENTS: dict[str, list[str]] = {
    "api-server": ["api-server", "--host", "127.0.0.1", "--port", "{port}"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # its log server would bind all interfaces
    "dag-processor": ["dag-processor"],
}


class IsUp(RuntimeError):
    """Airflow's scheduler is up, so nights are its to run."""


def refuse_while_up(settings: Settings, dag: str = "nightly") -> None:
    if running(settings):
        raise IsUp(
            f"Airflow is up and runs the nights: trigger `{dag}` on its pages "
            f"({url(settings)}), or `make down` first and call again."
        )


def running(settings: Settings) -> dict[str, psutil.Process]:
    """Our components that are alive, by name. A process number that was given anew is not ours."""
    found = {}
    for name in COMPONENTS:
        try:
            noted = json.loads(_pid_file(settings, name).read_text(encoding="utf-8"))
            process = psutil.Process(noted["pid"])
            if process.create_time() == noted["created"] and process.status() != "zombie":
                found[name] = process
        except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            continue
    return found


def url(settings: Settings) -> str:
    file = airflow.home_of(settings) / "port"
    return f"http://127.0.0.1:{file.read_text(encoding='utf-8').strip()}" if file.exists() else ""


def reached_at(settings: Settings) -> dict[str, str]:
    """Where Airflow's processes find each other."""
    base = url(settings)
    return (
        {
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
            "AIRFLOW__API__BASE_URL": base,
            "AIRFLOW__API__PORT": base.rpartition(":")[2],
        }
        if base
        else {}
    )


def up(settings: Settings, cluster: postgres.Cluster, *, patience_seconds: float = 120) -> str:
    """Start what is not running, wait until its pages answer, and give their URL."""
    home = airflow.home_of(settings)
    home.mkdir(parents=True, exist_ok=True)
    alive = running(settings)
    if not alive:
        airflow.end_dead_runs(cluster)
    port = _port(settings, is_ours="api-server" in alive)
    environ = os.environ | airflow.environment(settings, cluster) | reached_at(settings)
    if "api-server" not in alive:
        _start(settings, "api-server", port, environ)
    _wait(settings, port, patience_seconds)  # a task that finds no server to talk to fails
    for name in COMPONENTS:
        if name != "api-server" and name not in alive:
            _start(settings, name, port, environ)
    time.sleep(1)
    _refuse_gone(settings, COMPONENTS)
    return f"http://127.0.0.1:{port}"


def down(settings: Settings, *, patience_seconds: float = 20) -> list[str]:
    """End all components with all their children; gives the names of those that ran."""
    alive = running(settings)
    families = {name: [p, *p.children(recursive=True)] for name, p in alive.items()}
    for process in alive.values():
        _signal_group(process.pid, signal.SIGTERM)
    everybody = [p for family in families.values() for p in family]
    _, left = psutil.wait_procs(everybody, timeout=patience_seconds)
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)
    for name in COMPONENTS:
        _pid_file(settings, name).unlink(missing_ok=True)
    return list(alive)


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)  # each component leads a group of its own


def _start(settings: Settings, name: str, port: int, environ: dict[str, str]) -> None:
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"airflow-{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *(a.format(port=port) for a in COMPONENTS[name])],
            env=environ,
            cwd=airflow.home_of(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    write_private(_pid_file(settings, name), json.dumps({"pid": process.pid, "created": created}))


def _refuse_gone(settings: Settings, names: Iterable[str]) -> None:
    missing = sorted(set(names) - set(running(settings)))
    if missing:
        logs = ", ".join(str(settings.home / "logs" / f"airflow-{n}.log") for n in missing)
        down(settings)
        raise airflow.AirflowError(f"Airflow's {', '.join(missing)} ended at once; see {logs}")


def _wait(settings: Settings, port: int, patience_seconds: float) -> None:
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        _refuse_gone(settings, ["api-server"])
        try:
            # the pages for people, and the part that tasks talk to, which is built when first asked
            for path in ("/api/v2/monitor/health", "/execution/health"):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30).close()
            return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.5)
    down(settings)
    raise airflow.AirflowError(
        f"Airflow's pages did not answer on port {port} within {patience_seconds:.0f} s; "
        f"see {settings.home / 'logs' / 'airflow-api-server.log'}"
    )


def _port(settings: Settings, *, is_ours: bool) -> int:
    file = airflow.home_of(settings) / "port"
    named = os.environ.get("ANSWERABLE_AIRFLOW_PORT")
    kept = int(file.read_text(encoding="utf-8")) if file.exists() else None
    if is_ours and kept is not None:
        return kept
    if named:
        if _is_taken(int(named)):
            raise airflow.AirflowError(
                f"ANSWERABLE_AIRFLOW_PORT={named}: another program listens on this port; "
                "name a free one, or none and a free one is picked"
            )
        port = int(named)
    elif kept is not None and not _is_taken(kept):
        return kept
    else:
        port = next(p for p in range(8080, 9080) if not _is_taken(p))
    write_private(file, f"{port}\n")
    return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _pid_file(settings: Settings, name: str) -> Path:
    return airflow.home_of(settings) / f"{name}.pid"
