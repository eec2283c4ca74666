"""`answerable nightly`: all that a night needs around its DAG, in one process."""

import errno
import io
import logging
import os
import runpy
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import psycopg
from rich.console import Console

from answerable import backfill as backfilling
from answerable import pipeline, runs
from answerable.policies import METRICS
from answerable.progress import stage
from answerable.runtime import airflow, display, postgres, sandbox, services
from answerable.runtime.lock import Held, held
from answerable.settings import Settings
from answerable.warehouse import rebuild, roles, setup
from answerable.warehouse.db import connect
from answerable.warehouse.names import Schemas

OK, FAILED, BUSY = 0, 1, 75  # EX_TEMPFAIL: call again later


def nightly(
    settings: Settings,
    date: str | None,
    exports: str | None,
    console: Console,
    is_raw_rebuilt: bool = False,
) -> int:
    """Run the night that is due and give the exit code. Nothing is written while another runs."""
    started = time.monotonic()
    try:
        with held(settings.home / "nightly.lock"):
            services.refuse_while_up(settings)
            return _nightly(settings, date, exports, console, started, is_raw_rebuilt)
    except Held as holder:
        console.print(
            f"A night is under way: {holder}. This call has done nothing; "
            "call again when that one has ended.",
            soft_wrap=True,
        )
        return BUSY
    except services.IsUp as up:
        console.print(str(up), soft_wrap=True)
        return BUSY


def _nightly(
    settings: Settings,
    date: str | None,
    exports: str | None,
    console: Console,
    started: float,
    is_raw_rebuilt: bool,
) -> int:
    if exports is not None:
        os.environ["ANSWERABLE_FILES"] = exports
    os.environ["ANSWERABLE_DATE"] = date or ""
    is_embedded = not os.environ.get("ANSWERABLE_WAREHOUSE_URL")
    with display.shown(console):
        cluster = have_database(settings, tell=console.print)
        if is_raw_rebuilt:
            rebuild.rebuild_raw(settings)
        decision = runs.preview(_request(date), settings)
        if not decision.is_due:
            console.print(f"Nothing to do: {decision.reason}.")
            return OK
        with stage("airflow's own tables") as this:
            this.count(state="set up" if airflow.migrate(settings, cluster) else "as they were")
        airflow.end_dead_runs(cluster, "nightly")
        os.environ.update(airflow.environment(settings, cluster))
        with ExitStack() as stack:
            if _needs_sandbox(decision):
                with stage("the sandbox's company") as this:
                    served = stack.enter_context(sandbox.serving(decision.as_of))
                    this.count(input="invented")
                os.environ["ANSWERABLE_INPUT"] = "sandbox"
                os.environ.update(served)
            console.print(f"{decision.reason[0].upper()}{decision.reason[1:]}.", soft_wrap=True)
            log = settings.home / "logs" / f"nightly-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"
            is_success = run_dag(settings.root / "dags" / "nightly.py", log, console)
    if not is_success:
        _tell_failure(console, log)
        return FAILED
    _tell_success(settings, console, started, is_embedded)
    return OK


def backfill(
    settings: Settings,
    source: str,
    since: str,
    until: str,
    streams: Sequence[str],
    console: Console,
) -> int:
    """Pull a window of the past again and give the exit code. A night may run meanwhile."""
    started = time.monotonic()
    try:
        with held(settings.home / "backfill.lock"):
            services.refuse_while_up(settings, "backfill")
            return _backfill(settings, source, since, until, streams, console, started)
    except Held as holder:
        console.print(
            f"Another backfill is under way: {holder}. This call has done nothing.", soft_wrap=True
        )
    except services.IsUp as up:
        console.print(str(up), soft_wrap=True)
    return BUSY


def _backfill(
    settings: Settings,
    source: str,
    since: str,
    until: str,
    streams: Sequence[str],
    console: Console,
    started: float,
) -> int:
    asked = {"source": source, "since": since, "until": until, "streams": " ".join(streams)}
    os.environ.update({f"ANSWERABLE_BACKFILL_{k.upper()}": v for k, v in asked.items()})
    with display.shown(console):
        cluster = postgres.start(settings.home, tell=console.print)
        with connect(settings) as conn:
            if conn.execute("select to_regclass('ops.runs')").fetchone() == (None,):
                console.print("Nothing to fill: no night has been run yet.")
                return FAILED
            if not backfilling.is_known(conn):  # a warehouse of before; else a night may be busy
                setup.prepare(conn)
            backfilling.end_dead(conn)
        airflow.migrate(settings, cluster)
        airflow.end_dead_runs(cluster, "backfill")
        os.environ.update(airflow.environment(settings, cluster))
        log = settings.home / "logs" / f"backfill-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"
        is_success = run_dag(settings.root / "dags" / "backfill.py", log, console)
    if not is_success:
        console.print()
        last = {failure.step: failure.error for failure in pipeline.failures}
        for step, error in last.items():
            console.print(f"{step} failed: {_said(error)}", soft_wrap=True, markup=False)
        if not last:
            console.print("The backfill failed outside its steps; the log's end says where.")
        console.print(f"The whole log: {log}", soft_wrap=True, highlight=False)
        return FAILED
    console.print(
        f"Landed in {display.since(started)}; the next night (`make nightly`) reads what was "
        "missing.",
        soft_wrap=True,
    )
    return OK


def have_database(settings: Settings, tell=lambda text: None) -> postgres.Cluster:
    """The embedded server up (Airflow's tables live there), and the warehouse prepared."""
    with stage("database") as this:
        cluster = postgres.start(settings.home, tell=tell)
        this.count(port=str(postgres.kept_port(cluster)))
        with connect(settings) as conn:
            roles.refuse_superuser(conn)
            setup.prepare(conn)
            roles.grant(conn, Schemas.of(""))
    return cluster


def _request(date: str | None) -> runs.PlanRequest:
    return runs.PlanRequest(
        now=datetime.now(UTC),
        date=date,
        has_accounts=bool(pipeline.source_names()),
        has_files=bool(pipeline.file_streams()),
    )


def _needs_sandbox(decision: runs.Decision) -> bool:
    if decision.input != "sandbox" or decision.kind == "replay":
        return False
    return decision.resume is None or decision.resume.status != "published"


def run_dag(dag_file: Path, log: Path, console: Console) -> bool:
    """Run the DAG file as a program. Airflow's many words go to `log`, ours to `console`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments, sys.argv = sys.argv, [str(dag_file)]
    sys.path.insert(0, str(dag_file.parent))  # what DAG files share lies beside them
    with output_to(log, console):
        logging.getLogger("answerable").setLevel(logging.INFO)
        try:
            runpy.run_path(str(dag_file), run_name="__main__")
        except SystemExit as end:
            return end.code in (0, None)
        finally:
            sys.argv = arguments
            sys.path.remove(str(dag_file.parent))
    return True


@contextmanager
def output_to(log: Path, console: Console) -> Iterator[TextIO]:
    """Send all that this process writes to `log`, except what `console` writes."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    streams, before = (sys.stdout, sys.stderr), console.file
    console.file = os.fdopen(os.dup(before.fileno()), "w", encoding="utf-8")
    try:
        with log.open("a", encoding="utf-8") as handle:
            os.dup2(handle.fileno(), 1)
            os.dup2(handle.fileno(), 2)
            sys.stdout, sys.stderr = _forgiving(1), _forgiving(2)
            yield handle
    finally:
        sys.stdout, sys.stderr = streams
        for number, descriptor in kept.items():
            os.dup2(descriptor, number)
            os.close(descriptor)
        console.file.close()
        console.file = before


def _forgiving(number: int) -> TextIO:
    # nothing waits in a buffer: it would come out where the descriptor leads later
    return io.TextIOWrapper(
        _Forgiving(number, "wb", closefd=False),  # type: ignore[arg-type]
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )


class _Forgiving(io.FileIO):
    """What a full disk does not take of the log is lost, and the night goes on."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return memoryview(data).nbytes


def _tell_failure(console: Console, log: Path) -> None:
    console.print()
    last: dict[str, Exception] = {f.step: f.error for f in pipeline.failures}
    for step, error in last.items():
        console.print(f"[bold red]{step} failed:[/] ", end="", soft_wrap=True)
        console.print(_said(error), markup=False, highlight=False, soft_wrap=True)
    if not last:
        console.print("[bold red]The night failed[/] outside its steps; the log's end says where.")
    if set(last) == {"report"}:
        state = "The night is published; its report alone is missing."
    else:
        state = "Nothing was published: readers see the last published night, whole."
    console.print(
        f"{state}\nThe whole log: {log}\n"
        "When the cause is gone, call `make nightly` again: it goes on with this night.",
        soft_wrap=True,
        highlight=False,
    )


def _said(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    is_ours = type(error).__module__.startswith("answerable")
    return text if is_ours else f"{type(error).__name__}: {text}"


def _tell_success(settings: Settings, console: Console, started: float, is_embedded: bool) -> None:
    with connect(settings) as conn:
        row = conn.execute(
            "select run_id from ops.runs where status = 'published'"
            " order by finished_at desc limit 1"
        ).fetchone()
        run = runs.get(conn, row[0])
        headline = compliance(conn, run.schemas)
        counts = row_counts(conn, run.schemas)
    console.print()
    console.print(
        f"[bold green]Published[/] as of {run.as_of:%Y-%m-%d %H:%M} UTC "
        f"in schema {run.schemas.marts}, {display.since(started)} in all."
    )
    for text in (counts, headline):
        if text:
            console.print(text, soft_wrap=True)
    console.print(f"Report: {run.report_path}", soft_wrap=True, highlight=False)
    if is_embedded:
        table = f"{run.schemas.marts}.rpt_sla_compliance_daily"
        console.print(
            "Query:  make psql    (or: echo "
            f"{shlex.quote(f'select * from {table} limit 10')} | make psql)",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )


def compliance(conn: psycopg.Connection, schemas: Schemas) -> str | None:
    """How many of each promise were kept, in a sentence; None where the mart is not there."""
    table = f"{schemas.marts}.rpt_sla_compliance_daily"
    if conn.execute("select to_regclass(%s)", [table]).fetchone() == (None,):
        return None
    rows = conn.execute(
        f"select metric, sum(met_count), sum(met_count + breached_count) from {table}"
        " group by metric"
    ).fetchall()
    parts = [
        f"{metric} {100 * met / judged:.1f} % of {judged:,}"
        for metric, met, judged in sorted(rows, key=lambda row: METRICS.index(row[0]))
        if judged
    ]
    return f"Promises kept: {'; '.join(parts)}." if parts else None


def row_counts(conn: psycopg.Connection, schemas: Schemas) -> str | None:
    said = []
    for table, word in (("fct_interactions", "interactions"), ("fct_cases", "cases")):
        name = f"{schemas.marts}.{table}"
        if conn.execute("select to_regclass(%s)", [name]).fetchone() != (None,):
            count = conn.execute(f"select count(*) from {name}").fetchone()[0]
            said.append(f"{count:,} {word}")
    return f"{', '.join(said)}." if said else None
