"""The sandbox as the input of a night: its server on loopback, how to connect to it, and what its
tools without an API deliver.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from answerable.settings import Settings
from answerable.sources import Connection

SOURCES = ("zendesk", "x")


def stand_ins() -> list[dict]:
    """The sandbox's accounts where no server is up: enough to tell which streams they have."""
    from answerable.sandbox.company import X_EXTRA

    extras = {"x": X_EXTRA}
    return [
        {"name": name, "kind": name, "host": "127.0.0.1", "extra": extras.get(name, {})}
        for name in SOURCES
    ]


@contextmanager
def serving(as_of: datetime, environ: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """Serve the company as it is at `as_of` (UTC without zone).

    Gives its accounts as Airflow reads them: {"AIRFLOW_CONN_ZENDESK": "{json}", ...}.
    """
    from answerable.sandbox import server

    seed, size = _chosen(environ)
    handle = server.serve(seed=seed, size=size, present=as_of.replace(tzinfo=UTC))
    try:
        yield handle.airflow_connections()
    finally:
        handle.close()


def exports(settings: Settings) -> dict[str, tuple[Path, Path]]:
    """The described exports of its tools, by source: the description and the watched folder."""
    from answerable.sandbox.exports import DESCRIPTIONS, SOURCES

    return {
        source: (DESCRIPTIONS / f"{source}.yml", _folder(settings) / source) for source in SOURCES
    }


def deliver(
    settings: Settings, as_of: datetime, environ: Mapping[str, str] = os.environ
) -> list[Path]:
    """Bring the folders of `exports` to `as_of` (UTC without zone); gives the new files."""
    from answerable.sandbox.exports import deliver as bring
    from answerable.sandbox.history import world

    present = int(as_of.replace(tzinfo=UTC).timestamp())
    return bring(_folder(settings), world(*_chosen(environ)), present)


def _chosen(environ: Mapping[str, str]) -> tuple[int, float]:
    from answerable.sandbox import company

    return (
        int(environ.get("ANSWERABLE_SANDBOX_SEED") or company.DEFAULT_SEED),
        float(environ.get("ANSWERABLE_SANDBOX_SIZE") or company.DEFAULT_SIZE),
    )


def _folder(settings: Settings) -> Path:
    return settings.home / "sandbox" / "exports"


def connections(served: Mapping[str, str]) -> list[Connection]:
    """All accounts of `serving`, as a night takes them."""
    return [Connection.from_dict(account(source, served)) for source in SOURCES]


def account(source: str, served: Mapping[str, str]) -> dict:
    """One account of `serving` as `Connection.from_dict` reads it."""
    given = json.loads(served[f"AIRFLOW_CONN_{source.upper()}"])
    extra = dict(given.get("extra") or {})
    return {
        "name": source,
        "kind": given["conn_type"],
        "scheme": extra.pop("scheme", "https"),
        "extra": extra,
    } | {name: given.get(name) for name in ("host", "port", "login", "password")}
