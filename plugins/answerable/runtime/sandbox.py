"""The sandbox as the input of a night: its server on loopback, and how to connect to it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

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
    from answerable.sandbox import company, server

    handle = server.serve(
        seed=int(environ.get("ANSWERABLE_SANDBOX_SEED") or company.DEFAULT_SEED),
        size=float(environ.get("ANSWERABLE_SANDBOX_SIZE") or company.DEFAULT_SIZE),
        present=as_of.replace(tzinfo=UTC),
    )
    try:
        yield handle.airflow_connections()
    finally:
        handle.close()


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
