"""Nights as a user runs them: `make nightly` in a folder of its own."""

import csv
import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from answerable.runtime import postgres
from answerable.settings import ROOT

FIRST_DAY = "2025-12-11"  # ten days into the sandbox's history
# what differs between two warehouses that saw the same
OWN = {"publication": {"published_at", "run_id", "sources"}}


@dataclass
class House:
    """One checkout's worth of state: a home folder, and `make` called on it."""

    home: Path
    root: Path = ROOT
    more: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None  # number of the user who calls make; None: who we are

    @property
    def environ(self) -> dict[str, str]:
        dropped = ("ANSWERABLE_", "AIRFLOW", "PYTEST", "PYTHONPATH", "MAKE", "MFLAGS")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return (
            kept
            | {
                "ANSWERABLE_HOME": str(self.home),
                "ANSWERABLE_REPORTS": str(self.home / "reports"),
                "ANSWERABLE_IDENTITY_SECRET": "the same in each house",
                "ANSWERABLE_SANDBOX_SIZE": "0.3",
                "ANSWERABLE_RETRIES": "0",
            }
            | self.more
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        """`make ...` in a process group of its own."""
        return subprocess.Popen(
            ["make", *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **self._as_user,
        )

    @property
    def _as_user(self) -> dict[str, object]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def make(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["make", *arguments],
            cwd=self.root,
            env=self.environ,
            input=stdin or "",
            capture_output=True,
            text=True,
            **self._as_user,
        )

    def night(self, *arguments: str) -> str:
        done = self.make("nightly", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str, *arguments: str) -> list[dict[str, str]]:
        done = self.make("psql", *arguments, stdin=sql)
        assert done.returncode == 0, done.stdout + done.stderr
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def published(self, marts: str = "marts", private: str = "private") -> dict[str, list[tuple]]:
        """Every row of every published table, as texts in order, without what may differ."""
        found = {}
        with psycopg.connect(postgres.cluster_of(self.home).url()) as conn:
            tables = conn.execute(
                "select table_schema, table_name, array_agg(column_name::text order by column_name)"
                " from information_schema.columns where table_schema in (%s, %s) group by 1, 2",
                [marts, private],
            ).fetchall()
            for schema, table, columns in tables:
                kept = ", ".join(f'"{c}"::text' for c in columns if c not in OWN.get(table, ()))
                rows = conn.execute(f'select {kept} from "{schema}"."{table}"').fetchall()
                found[table] = sorted(rows, key=repr)
        return found

    def stop(self) -> None:
        self.make("down")


class Watch:
    """Notes every socket that the processes of a night open, while it lasts."""

    def __init__(self, house: House, process: subprocess.Popen) -> None:
        self.listening: set[tuple[str, str]] = set()
        self.remote: set[str] = set()
        self._house, self._process, self._ended = house, process, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            for process in self._family():
                with suppress(psutil.Error):
                    for conn in process.net_connections("inet"):
                        if conn.status == psutil.CONN_LISTEN:
                            self.listening.add((process.name(), conn.laddr.ip))
                        elif conn.raddr:
                            self.remote.add(conn.raddr.ip)

    def _family(self) -> list[psutil.Process]:
        found = []
        server = postgres._postmaster_pid(postgres.cluster_of(self._house.home))
        for pid in filter(None, (self._process.pid, server)):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                found += [process, *process.children(recursive=True)]
        return found


def wait_for(process: subprocess.Popen, words: str, seconds: float = 240) -> str:
    """Read what the process says up to the line that holds `words`; fails if it ends before."""
    said = ""
    until = time.monotonic() + seconds
    for line in process.stdout:
        said += line
        if words in line:
            return said
        assert time.monotonic() < until, said
    raise AssertionError(f"ended without saying {words!r}:\n{said}")


def kill_group(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
