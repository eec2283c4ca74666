"""Secrets as they are and in the forms that programs make of them."""

import base64
import gzip
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import sql

from answerable.runtime import postgres


def forms(secret: str, login: str | None = None) -> set[bytes]:
    """The secret, URL-encoded, in hex and in base 64: alone, after a login as in a header, and
    anywhere within something longer."""
    data = secret.encode()
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), data.hex()}
    found |= {repr(secret)[1:-1], secret.replace("%", "%%")}
    found |= {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    if login is not None:
        found.add(base64.b64encode(f"{login}:{secret}".encode()).decode())
    for before in range(3):  # three bytes are four characters; those at the ends depend on others
        whole = base64.b64encode(b"x" * before + data)
        found.add(whole[(before and 4) : len(whole) - 4].decode())
    assert all(len(form) >= 8 for form in found), "too short to be looked for"
    return {form.encode() for form in found}


def in_files(folder: Path, secrets: Iterable[bytes]) -> set[Path]:
    """The files in the folder, unpacked where they are compressed, that hold one of the secrets."""
    secrets = list(secrets)
    found = set()
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":
            data += gzip.decompress(data)
        if any(secret in data for secret in secrets):
            found.add(path.relative_to(folder))
    return found


def in_databases(
    url: str, secrets: Iterable[bytes], skipped: Collection[str] = ()
) -> tuple[set[str], set[str]]:
    """Which tables of all databases of a server hold one of the secrets, and which were looked at:
    every column as text, ours and Airflow's. `url` is the administrator's."""
    secrets = list(secrets)
    found, asked = set(), set()
    with psycopg.connect(url, dbname="postgres") as conn:
        rows = conn.execute("select datname from pg_database where datallowconn").fetchall()
    for (database,) in rows:
        with psycopg.connect(url, dbname=database) as conn:
            tables = conn.execute(
                "select table_schema, table_name from information_schema.tables"
                " where table_type = 'BASE TABLE' and table_schema <> 'pg_catalog'"
            ).fetchall()
            for schema, table in tables:
                name = f"{database}.{schema}.{table}"
                if name in skipped:
                    continue
                asked.add(name)
                whole = sql.SQL("copy {} to stdout").format(sql.Identifier(schema, table))
                with conn.cursor().copy(whole) as copy:
                    data = b"".join(bytes(block) for block in copy)
                # bytea is told in hex, and a backslash doubled
                if any(secret in data or secret.hex().encode() in data for secret in secrets):
                    found.add(name)
    return found, asked


def admin(home: Path) -> str:
    """The URL of the embedded server's administrator, who sees all of it."""
    return postgres.cluster_of(home).url(postgres.ADMIN)
