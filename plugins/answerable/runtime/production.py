"""`answerable init`: what docker-compose needs before Airflow starts, on a server of one's own.

Two databases on one server: the warehouse and Airflow's own. Whoever they belong to, and their
passwords, are in the URLs that the services use.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from answerable.runtime.files import write_private
from answerable.settings import Settings
from answerable.warehouse import roles, setup
from answerable.warehouse.db import connect
from answerable.warehouse.names import Schemas

ADMIN = "ANSWERABLE_ADMIN_URL"
AIRFLOW = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
PAGES = "ANSWERABLE_PAGES_PASSWORD"
PAGES_FILE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
READERS = {
    "ANSWERABLE_READER_PASSWORD": roles.READER,
    "ANSWERABLE_PRIVATE_PASSWORD": roles.PRIVATE,
}


class InitError(RuntimeError):
    """Something is not said that it takes, or does not go together; the text says what."""


@dataclass(frozen=True, slots=True)
class Login:
    """A role with a database of its own, as a URL names them."""

    role: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str) -> "Login":
        parts = urlsplit(url)
        return cls(
            unquote(parts.username or ""), unquote(parts.password or ""), parts.path.lstrip("/")
        )


def init(
    settings: Settings,
    environ: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] = lambda text: None,
) -> None:
    """Make what is missing: roles, databases, schemas, Airflow's tables, the pages' password.

    Safe to run again, also to give roles other passwords. Raises InitError.
    """
    missing = [
        name for name in (ADMIN, AIRFLOW, "ANSWERABLE_WAREHOUSE_URL") if not environ.get(name)
    ]
    if missing:
        raise InitError(f"{', '.join(missing)} not set; docker-compose.yml says what they are")
    warehouse, airflow = Login.of(settings.warehouse_url), Login.of(environ[AIRFLOW])
    if warehouse.database == airflow.database or warehouse.role == airflow.role:
        raise InitError(
            "the warehouse and Airflow's tables share a database or a role; each has its own"
        )
    with psycopg.connect(environ[ADMIN], autocommit=True) as conn:
        for login in (warehouse, airflow):
            _make(conn, login)
            tell(f"role {login.role}, database {login.database}")
    with psycopg.connect(environ[ADMIN], dbname=warehouse.database, autocommit=True) as conn:
        conn.execute(roles.for_administrator(warehouse.database, warehouse.role))
        for name, role in READERS.items():
            if environ.get(name):
                _give_password(conn, role, environ[name])
                tell(f"role {role} may log in")
    with connect(settings) as conn:
        roles.refuse_superuser(conn)
        setup.prepare(conn)
        roles.grant(conn, Schemas.of(""))
    tell("the warehouse's schemas")
    done = subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=dict(environ))
    if done.returncode != 0:
        raise InitError(f"airflow db migrate ended with {done.returncode}; what it says is above")
    tell("Airflow's tables")
    if environ.get(PAGES) and environ.get(PAGES_FILE):
        # as Airflow's simple auth manager reads it: a user and a password
        write_private(Path(environ[PAGES_FILE]), json.dumps({"admin": environ[PAGES]}))
        tell("the password of Airflow's pages, user admin")


def _make(conn: psycopg.Connection, login: Login) -> None:
    role, database = sql.Identifier(login.role), sql.Identifier(login.database)
    if not conn.execute("select from pg_roles where rolname = %s", [login.role]).rowcount:
        conn.execute(sql.SQL("create role {} login").format(role))
    _give_password(conn, login.role, login.password)
    if not conn.execute("select from pg_database where datname = %s", [login.database]).rowcount:
        conn.execute(sql.SQL("create database {} owner {}").format(database, role))
    conn.execute(sql.SQL("revoke all on database {} from public").format(database))


def _give_password(conn: psycopg.Connection, role: str, password: str) -> None:
    # hashed here: the statement may come to stand in the server's log
    hashed = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    conn.execute(
        sql.SQL("alter role {} login password {}").format(
            sql.Identifier(role), sql.Literal(hashed.decode())
        )
    )
