"""PostgreSQL servers as a company may have them: of another version, with an administrator who
makes the roles and a plain owner of the warehouse."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from answerable.runtime import postgres

OWNER, DATABASE = "warehouse_owner", "company"


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A server that is up, with a role and a database of the company's making."""

    port: int
    password: str

    def url(self, role: str) -> str:
        password = quote(self.password, safe="")
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def as_admin(self, statements: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(statements)

    def let_in(self, role: str) -> None:
        """Give the role its password, as an administrator does after `answerable grants`."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(self.password)
                )
            )


def of_debian() -> Path | None:
    """The programs of the newest server that Debian's packages have installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def serving(programs: Path, folder: Path) -> Iterator[OwnServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # what a URL, a template and a regular expression would each take for something else
    server = OwnServer(port, f"{secrets.token_urlsafe(12)}$1%2F@:/{{{{x}}}}#")
    data, password = folder / "data", folder / "password"
    password.write_text(server.password)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*postgres._as_ordinary_user(), str(programs / program), *arguments],
            check=True,
            cwd=folder,
            env={k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    how = ["--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync"]
    run("initdb", f"--pgdata={data}", "--encoding=UTF8", "--locale=C", *how)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(
            f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
            "fsync = off\n"
        )
    run("pg_ctl", "start", "--wait", f"--log={folder / 'log'}", f"--pgdata={data}")
    try:
        with psycopg.connect(server.url("postgres"), dbname="postgres", autocommit=True) as conn:
            conn.execute(f"create database {DATABASE}")
        yield server
    finally:
        run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={data}")
        shutil.rmtree(data, ignore_errors=True)
