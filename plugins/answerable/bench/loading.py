"""What loading costs: landing to raw, beside psql's \\copy and dlt, and a pull over a slow line.

The records are made like tickets, about 1.2 kB each. ANSWERABLE_BENCH_RECORDS says how many
(200,000); each measured part is a process of its own, so its peak of memory is its own.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from answerable.bench import BenchError, Figure, benchmark
from answerable.landing.batch import Batch
from answerable.landing.zone import Zone
from answerable.runtime import postgres
from answerable.settings import ROOT, Settings
from answerable.warehouse import setup
from answerable.warehouse.db import connect

RECORDS_DEFAULT = 200_000
RUN = "nightly-bench"
WORDS = (
    *("order", "parcel", "invoice", "refund", "account", "password", "delivery", "charge", "late"),
    *("cancel", "upgrade", "broken", "missing", "please", "thanks", "morning", "since", "address"),
)
LATENCY = 0.05  # seconds that the slow line takes for each answer
DLT = "dlt[postgres]==1.31.0"


@benchmark("loading")
def loading(work: Path) -> Iterator[Figure]:
    """Landing to raw for N ticket-like records, beside \\copy and dlt; a pull at 50 ms latency."""
    count = int(os.environ.get("ANSWERABLE_BENCH_RECORDS") or RECORDS_DEFAULT)
    cluster = postgres.start(work, environ={}, is_durable=True)
    try:
        settings = _settings(work, cluster)
        size = _land(settings, count)
        yield Figure("records", count, "records")
        yield Figure("bytes_per_record", size / count, "B")

        ours = _in_process("load", settings)
        yield Figure("rows_per_second", count / ours["seconds"], "rows/s")
        yield Figure("peak_rss_mib", ours["peak_rss_mib"], "MiB")

        seconds, rows = _copy(settings, cluster, work)
        if rows != count:
            raise BenchError(f"\\copy stored {rows} rows of {count}")
        yield Figure("copy_rows_per_second", count / seconds, "rows/s")
        yield Figure("copy_ratio", seconds / ours["seconds"], "of \\copy's speed")

        yield from _beside_dlt(work, settings, count, ours["seconds"])
        yield from _over_a_slow_line(settings)
    finally:
        postgres.stop(work)


def _settings(work: Path, cluster: postgres.Cluster) -> Settings:
    settings = Settings.from_environment(
        {"ANSWERABLE_HOME": str(work), "ANSWERABLE_WAREHOUSE_URL": cluster.url()}
    )
    with connect(settings) as conn:
        setup.prepare(conn)
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input) values"
            f" ('{RUN}', 'nightly', '2026-03-01', 'sandbox')"
        )
    return settings


# --- records -----------------------------------------------------------------------------------


def ticket(number: int, chance: random.Random) -> str:
    """A ticket as Zendesk writes one, about 1.2 kB; every 50th is an update of another."""
    id = number if number % 50 else max(1, number - 25)
    minute = number % 1440
    at = f"2026-02-{1 + number % 28:02d}T{minute // 60:02d}:{minute % 60:02d}:07Z"
    text = " ".join(chance.choices(WORDS, k=24))
    return json.dumps(
        {
            "url": f"https://company.zendesk.com/api/v2/tickets/{id}.json",
            "id": id,
            "external_id": None,
            "via": {"channel": "email", "source": {"from": {"address": f"p{id}@mail.example"},
                    "to": {"name": "Support", "address": "support@company.example"}, "rel": None}},
            "created_at": at,
            "updated_at": at,
            "generated_timestamp": 1_770_000_000 + number,
            "type": "incident",
            "subject": text[:60],
            "raw_subject": text[:60],
            "description": text,
            "priority": chance.choice(["low", "normal", "high", "urgent", None]),
            "status": chance.choice(["new", "open", "pending", "solved", "closed"]),
            "recipient": "support@company.example",
            "requester_id": 360_000_000_000 + id % 50_000,
            "submitter_id": 360_000_000_000 + id % 50_000,
            "assignee_id": 370_000_000_000 + id % 40,
            "organization_id": None,
            "group_id": 380_000_000_000 + id % 12,
            "collaborator_ids": [],
            "follower_ids": [],
            "has_incidents": False,
            "due_at": None,
            "tags": ["topic_billing", "gold", "web"],
            "custom_fields": [{"id": 25_000_000 + n, "value": None} for n in range(3)],
            "satisfaction_rating": {"score": "unoffered"},
            "brand_id": 390_000_000_000 + id % 3,
            "allow_channelback": False,
            "is_public": True,
        }
    )  # fmt: skip


def _land(settings: Settings, count: int) -> int:
    """Write the records to the landing zone as a walk would; gives how many bytes they are."""
    chance = random.Random(7)
    batch = Batch(
        zone=Zone.at(settings.landing),
        folder="zendesk/tickets/20260301T0000-000001",
        source="zendesk",
        source_kind="zendesk",
        stream="tickets",
        run_id=RUN,
        walk=1,
        cursor=None,
        now=lambda: "",
    )
    size = 0
    for first in range(1, count + 1, 1000):
        page = [ticket(number, chance) for number in range(first, min(first + 1000, count + 1))]
        size += sum(map(len, page))
        batch.add(page, f'{{"cursor": "{first}"}}')
        if batch.is_full:
            batch.close(is_last=False)
    batch.close(is_last=True)
    return size


# --- ours, in a process of its own -------------------------------------------------------------


def _in_process(what: str, settings: Settings) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "answerable.bench.loading", what],
        env=os.environ
        | {
            "ANSWERABLE_HOME": str(settings.home),
            "ANSWERABLE_LANDING": settings.landing,
            "ANSWERABLE_WAREHOUSE_URL": settings.warehouse_url,
            "PYTHONPATH": str(ROOT / "plugins"),
        },
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchError(f"{what} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def load_here() -> dict:
    from answerable.warehouse.load import load

    started = time.monotonic()
    receipt = load(RUN)
    seconds = time.monotonic() - started
    if receipt["quarantined"]:
        raise BenchError(f"{receipt['quarantined']} records were refused")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_rss_mib": peak, "rows": receipt["loaded"]}


# --- beside psql -------------------------------------------------------------------------------


def _copy(settings: Settings, cluster: postgres.Cluster, work: Path) -> tuple[float, int]:
    """The rows that are in raw now, through psql's \\copy into a table of the same shape."""
    file = work / "tickets.copy"
    with connect(settings) as conn:
        conn.execute("create table same_shape (like raw.zendesk_tickets including all)")
        with (
            conn.cursor().copy("copy raw.zendesk_tickets to stdout") as copy,
            file.open("wb") as out,
        ):
            for block in copy:
                out.write(block)
        conn.execute("checkpoint") if conn.autocommit else conn.commit()
    started = time.monotonic()
    done = subprocess.run(
        [
            str(postgres.binary("psql")),
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            f"--command=\\copy same_shape from '{file}'",
            "--command=analyze same_shape",
            cluster.url(),
        ],
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - started
    if done.returncode != 0:
        raise BenchError(f"psql ended with {done.returncode}: {done.stderr}")
    file.unlink()
    with connect(settings) as conn:
        count = conn.execute("select count(*) from same_shape").fetchone()
        conn.execute("drop table same_shape")
    return seconds, count[0] if count else 0


# --- beside dlt --------------------------------------------------------------------------------

DLT_PROGRAM = """
import gzip, json, pathlib, sys, time
import dlt

def records():
    for file in sorted(pathlib.Path(sys.argv[1]).glob("**/*.ndjson.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            yield [json.loads(line) for line in lines]

started = time.monotonic()
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(sys.argv[2]),
                        dataset_name="dlt_bench", pipelines_dir=sys.argv[3])
# kept whole, as our payload is: one JSON column
pipeline.run(
    dlt.resource(({"id": r["id"], "generated_timestamp": r["generated_timestamp"], "payload": r}
                  for page in records() for r in page), name="tickets",
                 columns={"payload": {"data_type": "json"}}, max_table_nesting=0)
)
print(time.monotonic() - started)
"""


def _beside_dlt(work: Path, settings: Settings, count: int, ours: float) -> Iterator[Figure]:
    """Absent, with the reason on standard error, where dlt cannot be installed."""
    environment = work / "dlt"
    python = environment / "bin" / "python"
    for command in (
        [sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, environment],
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, DLT],
    ):
        made = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
        if made.returncode != 0:
            why = (made.stderr.strip().splitlines() or ["no word"])[-1]
            print(f"loading.dlt_ratio is absent: dlt cannot be installed ({why})", file=sys.stderr)
            return
    program = work / "with_dlt.py"
    program.write_text(DLT_PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [str(python), str(program), settings.landing, settings.warehouse_url, str(work / "dlts")],
        env=os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false"},
        capture_output=True,
        text=True,
        cwd=work,
    )
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no word"])[-1]
        print(f"loading.dlt_ratio is absent: dlt failed ({why})", file=sys.stderr)
        return
    seconds = float(done.stdout.splitlines()[-1])
    with psycopg.connect(settings.warehouse_url) as conn:
        rows = conn.execute("select count(*) from dlt_bench.tickets").fetchone()
    if rows != (count,):
        raise BenchError(f"dlt stored {rows} rows of {count}")
    yield Figure("dlt_rows_per_second", count / seconds, "rows/s")
    yield Figure("dlt_ratio", seconds / ours, "times as fast as dlt")


# --- over a slow line --------------------------------------------------------------------------


def _over_a_slow_line(settings: Settings) -> Iterator[Figure]:
    """All streams of the sandbox, source after source as in `make nightly`, each as many at once as
    it takes, with 50 ms before each answer."""
    from answerable.landing import land
    from answerable.landing.together import together
    from answerable.sandbox.server import Fault, serve
    from answerable.sources import Connection, account_of, at_once, streams_of

    with connect(settings) as conn:
        conn.execute("update ops.runs set status = 'published'")
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input) values"
            " ('nightly-slow', 'nightly', '2026-03-02', 'sandbox')"
        )

    def pull(faults: list) -> dict[str, tuple[float, int, list[int]]]:
        """For each source: seconds, how many went at once, requests of each stream."""
        told = {}
        with serve(size=0.3, present="2026-03-01", faults=faults) as handle:
            for variable, text in handle.airflow_connections().items():
                given = json.loads(text)
                kind = given.pop("conn_type")
                # its own landing zone and its own name, so that nothing was pulled before
                name = f"{variable.removeprefix('AIRFLOW_CONN_').lower()}_{len(faults)}"
                connection = Connection.from_dict({**given, "name": name, "kind": kind})
                shared, streams = account_of(connection), streams_of(connection)

                def one(stream: str, connection=connection, shared=shared) -> int:
                    receipt = land(
                        *("nightly-slow", connection.name, stream, connection),
                        settings=settings,
                        account=shared,
                    )
                    if receipt["status"] != "landed":
                        raise BenchError(f"{stream}: {receipt['error']}")
                    return receipt["requests"]

                started = time.monotonic()
                after = {each.name: each.after for each in streams}
                done = together(list(after), after, at_once(connection), one)
                seconds = time.monotonic() - started
                for result in done.values():
                    if isinstance(result, Exception):
                        raise result
                told[kind] = (seconds, at_once(connection), list(done.values()))
        return told

    pull([Fault("never", times=0)] * 2)  # the company is made at the first request
    fast = pull([])
    slow = pull([Fault(".*", kind="slow", seconds=LATENCY, times=10**9)])
    seconds = ideal = 0.0
    for kind, (taken, most, asked) in slow.items():
        # a walk's requests follow one another; of walks `most` go at a time, at best evenly
        best = fast[kind][0] + LATENCY * max(max(asked), sum(asked) / most)
        yield Figure(f"slow_line_ratio.{kind}", taken / best, f"times the ideal at {most} at once")
        seconds, ideal = seconds + taken, ideal + best
    yield Figure("slow_line_seconds", seconds, "s")
    yield Figure("slow_line_ideal_seconds", ideal, "s")
    yield Figure("slow_line_ratio", seconds / ideal, "times the ideal")


if __name__ == "__main__":
    print(json.dumps({"load": load_here}[sys.argv[1]]()))
