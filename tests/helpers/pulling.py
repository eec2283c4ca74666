"""Pull the sandbox in a process of its own, so that it can be killed: python pulling.py URL.."""

import json
import sys

from answerable.landing import land
from answerable.settings import Settings
from answerable.sources import Connection, streams_of
from answerable.warehouse.db import connect
from answerable.warehouse.load import load
from answerable.warehouse.setup import RAW_STREAMS

QUICK = {"attempts": 8, "first_wait": 0.01, "longest_wait": 0.05, "read": 5.0}


def accounts(variables: dict[str, str]) -> list[Connection]:
    """The sandbox's accounts, which do not wait long."""
    found = []
    for name, text in variables.items():
        given = json.loads(text)
        extra = {**given.pop("extra"), "limits": QUICK}
        extra.pop("refresh_days", None)  # what it asks for is what the nights before stored
        kind = given.pop("conn_type")
        source = name.removeprefix("AIRFLOW_CONN_").lower()
        found.append(Connection.from_dict({**given, "name": source, "kind": kind, "extra": extra}))
    return found


def begin(settings: Settings, run: str, as_of: str) -> None:
    with connect(settings) as conn:
        conn.execute("update ops.runs set status = 'published'")
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input)"
            " values (%s, 'nightly', %s, 'sandbox')",
            [run, as_of],
        )


def pull(run: str, variables: dict[str, str]) -> None:
    for account in accounts(variables):
        for each in streams_of(account):
            land(run, account.name, each.name, account)
    load(run)


def stored(settings: Settings) -> dict[str, list]:
    """What raw holds, without the places where it lies, and where the walks stand."""
    with connect(settings) as conn:
        found = {
            f"{kind}_{stream}": conn.execute(
                f"select record_key, version, record_hash from raw.{kind}_{stream} order by 1, 2, 3"
            ).fetchall()
            for kind, streams in RAW_STREAMS.items()
            if kind != "file"
            for stream in streams
        }
        found["watermarks"] = conn.execute(
            "select source, stream, cursor from ops.watermarks order by 1, 2"
        ).fetchall()
        found["quarantine"] = conn.execute("select count(*) from raw.quarantine").fetchall()
    return found


if __name__ == "__main__":
    from answerable.landing import batch
    from answerable.warehouse import load as loading

    batch.RECORDS = 100  # more objects and more chunks to die between
    loading.CHUNK_RECORDS = 40
    print("ready", flush=True)
    pull(sys.argv[1], json.loads(sys.argv[2]))
    print("done", flush=True)
