"""What a publication costs, and what readers feel while the next night is built.

The warehouse is that of the `sla` benchmark, published; then every message is a minute later, which
makes messages, clocks and reports others, and all is built anew. SIZES names the number of tickets
(50,000).
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import psycopg

from answerable import identity, runs
from answerable.bench import BenchError, Figure, benchmark
from answerable.bench.sla import AS_OF, build, fill, new_warehouse, plan, write_policy
from answerable.runtime import postgres
from answerable.settings import Settings
from answerable.warehouse import db, dbt
from answerable.warehouse.publish import publish

TICKETS = "50000"
AT_REST = 20  # seconds
# what a dashboard asks: a report, and a mart of which it reads every row
TILES = (
    "select day, channel, sum(met_count), sum(breached_count)"
    " from marts.rpt_sla_compliance_daily group by 1, 2",
    "select department, metric, outcome, count(*), avg(elapsed_seconds)"
    " from marts.fct_sla_clocks group by 1, 2, 3",
)


@benchmark("publish")
def publishing(work: Path) -> Iterator[Figure]:
    """Seconds of a publication a million rows changed; readers at rest and beside a build."""
    tickets = int(os.environ.get("SIZES", TICKETS).split(",")[0])
    policy = write_policy(work / "policy")
    postgres.start(work, environ={})
    try:
        base = Settings.from_environment(
            {"ANSWERABLE_HOME": str(work), "POLICY": str(policy), "ANSWERABLE_REPORTS": str(work)}
        )
        settings = new_warehouse(base, "publish")
        run = plan(settings, AS_OF)
        build(settings, run, "first")
        fill(settings, tickets)
        _built(settings, run)
        seconds, rows = _published(settings, run)
        yield Figure("first_rows", rows, "rows")
        yield Figure("first_seconds_per_million_rows", seconds / rows * 1e6, "s")

        at_rest = _asked_until(settings, lambda: time.sleep(AT_REST))
        night = _next_night(settings)
        beside = _asked_until(settings, lambda: _built(settings, night))
        for name, waits in (("at_rest", at_rest), ("beside_a_build", beside)):
            yield Figure(f"reader_p95_seconds.{name}", _p95(waits), "s")
        yield Figure("reader_p95_ratio", _p95(beside) / _p95(at_rest), "")

        seconds, rows = _published(settings, night)
        yield Figure("changed_rows", rows, "rows")
        yield Figure("seconds_per_million_changed_rows", seconds / rows * 1e6, "s")
    finally:
        postgres.stop(work)


def _built(settings: Settings, run: runs.Run) -> None:
    build(settings, run, "evidence")
    identity.resolve(run.run_id, settings=settings)
    build(settings, run, "rest")


def _published(settings: Settings, run: runs.Run) -> tuple[float, int]:
    """Seconds, and rows taken out or put in."""
    started = time.monotonic()
    receipt = publish(run.run_id, settings=settings)
    seconds = time.monotonic() - started
    with db.connect(settings) as conn:
        conn.execute("update ops.runs set report_path = '-' where run_id = %s", [run.run_id])
    return seconds, receipt["rows_in"] + receipt["rows_out"]


def _next_night(settings: Settings) -> runs.Run:
    night = plan(settings, AS_OF + timedelta(days=1))
    with db.connect(settings) as conn:
        conn.execute(
            "update ops.runs set is_full = true, fingerprint = %s where run_id = %s",
            [dbt.fingerprint(settings), night.run_id],
        )
        conn.execute(
            "update build.stg_zendesk__comments"
            " set commented_at = commented_at + interval '1 minute'"
        )
        conn.commit()
        return runs.get(conn, night.run_id)


def _asked_until(settings: Settings, done: Callable[[], None]) -> Sequence[float]:
    """What each tile of a dashboard took, asked over and over while `done` is at work."""
    stop = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        with psycopg.connect(settings.warehouse_url, autocommit=True) as reader:
            while not stop.is_set():
                for tile in TILES:
                    started = time.monotonic()
                    reader.execute(tile).fetchall()
                    waits.append(time.monotonic() - started)
                stop.wait(0.2)  # people look at what they asked for

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        done()
    finally:
        stop.set()
        reader.join()
    if len(waits) < 2 * len(TILES):
        raise BenchError(f"the reader asked {len(waits)} times, too few to tell")
    return waits


def _p95(waits: Sequence[float]) -> float:
    return statistics.quantiles(waits, n=20, method="inclusive")[-1]
