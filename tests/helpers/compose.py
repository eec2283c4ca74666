"""docker-compose.yml as an engine would read it, and its commands on this machine in its stead."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from answerable.runtime import postgres
from answerable.settings import ROOT

FILE = ROOT / "docker-compose.yml"
_variable = re.compile(
    r"\$\{(?P<name>\w+)(?:(?P<how>:?[-?])(?P<rest>[^}]*))?\}|\$(?P<other>\w+|\$|.?)"
)


class NotSaid(ValueError):
    """A variable that the file asks for is not set."""


def interpolated(value: Any, environ: Mapping[str, str]) -> Any:
    """The value with what `${NAME}`, `${NAME:-else}` and `${NAME:?why}` stand for.

    >>> interpolated(["${A}", "${B:-b}", "x${C:?needed}y"], {"A": "1", "C": "3"})
    ['1', 'b', 'x3y']
    """
    if isinstance(value, dict):
        return {key: interpolated(inner, environ) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, environ) for inner in value]
    if not isinstance(value, str):
        return value

    def one(found: re.Match[str]) -> str:
        if found["name"] is None:
            raise NotSaid(f"{value!r}: only ${{NAME}} is known here")
        said = environ.get(found["name"], "")
        if said:
            return said
        if found["how"] == ":-":
            return found["rest"]
        raise NotSaid(f"{found['name']}: {found['rest'] or 'not set'}")

    return _variable.sub(one, value)


def project(environ: Mapping[str, str]) -> dict[str, Any]:
    return interpolated(yaml.safe_load(FILE.read_text(encoding="utf-8")), environ)


@dataclass
class Machine:
    """Services' commands as processes here: other addresses and folders, else as the file says."""

    services: dict[str, Any]
    home: Path
    ports: dict[str, int]  # by what the file calls it, as "database:5432"
    running: dict[str, subprocess.Popen] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """A text of the file with what is here in the place of what is in a container."""
        for address, port in self.ports.items():
            name, _, inside = address.partition(":")
            text = text.replace(f"{name}:{inside}", f"127.0.0.1:{port}")
            text = text.replace(f"127.0.0.1:{inside}", f"127.0.0.1:{port}")
        for inside, there in {
            "/var/lib/answerable": str(self.home),
            "/opt/answerable": str(ROOT),
            "/etc/answerable/policy": str(ROOT / "dbt_project" / "seeds" / "policy"),
        }.items():
            text = text.replace(inside, there)
        return text

    def environ(self, name: str) -> dict[str, str]:
        kept = {k: os.environ[k] for k in ("HOME", "LANG", "TMPDIR") if k in os.environ}
        bins = [Path(sys.executable).parent, postgres.binary("psql").parent]
        said = self.services[name].get("environment", {})
        return (
            kept
            | {
                # what the image says (Dockerfile)
                "PATH": os.pathsep.join([*map(str, bins), os.environ["PATH"]]),
                "PYTHONPATH": str(ROOT / "plugins"),
                "PYTHONUNBUFFERED": "1",
                # nothing but a container has these addresses to itself
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(
                    self.ports["scheduler:8974"]
                ),
                "PGPORT": str(self.ports["database:5432"]),
            }
            | {key: self.here(str(value)) for key, value in said.items()}
        )

    def command(self, name: str) -> list[str]:
        command = [self.here(str(word)) for word in self.services[name]["command"]]
        if name == "api-server":
            # in a container of its own it listens on all addresses; here on this machine's only
            command[command.index("--host") + 1] = "127.0.0.1"
            command[command.index("--port") + 1] = str(self.ports["api-server:8080"])
        return command

    def start(self, name: str) -> None:
        with (self.home / f"{name}.txt").open("ab") as said:
            self.running[name] = subprocess.Popen(
                self.command(name),
                env=self.environ(name),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, name: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(name),
            env=self.environ(name),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def is_healthy(self, name: str) -> bool:
        check = self.services[name]["healthcheck"]
        kind, *words = check["test"]
        assert kind == "CMD"
        done = subprocess.run(
            [self.here(word) for word in words],
            env=self.environ(name),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        return done.returncode == 0

    def wait_healthy(self, name: str, seconds: float = 180) -> None:
        until = time.monotonic() + seconds
        while not self.is_healthy(name):
            process = self.running.get(name)
            if (process and process.poll() is not None) or time.monotonic() > until:
                raise AssertionError(f"{name} is not well:\n{self.said(name)[-4000:]}")
            time.sleep(1)

    def said(self, name: str) -> str:
        file = self.home / f"{name}.txt"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
