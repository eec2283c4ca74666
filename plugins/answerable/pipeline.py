"""The steps of a night, as the DAG and the tests call them.

Each takes the run and gives a small receipt; calling one twice leaves what calling it once
leaves. A run that is published already has nothing left to do but its report.
"""

import functools
import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from answerable import backfill as backfilling
from answerable import files, runs
from answerable.progress import stage
from answerable.runtime import sandbox
from answerable.settings import Settings
from answerable.sources import (
    Account,
    Connection,
    SourceError,
    SpecError,
    account_of,
    at_once,
    streams_of,
)
from answerable.sources import stream as stream_of
from answerable.sources.page import Window
from answerable.warehouse.db import connect
from answerable.warehouse.tokens import credentials_of

log = logging.getLogger(__name__)

DEFAULT_SOURCES = ("zendesk", "x")


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that raised, for whoever tells the user."""

    step: str
    error: Exception


# of this process; the command line reads it when the night has ended
failures: list[Failure] = []


def source_names(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names of the configured accounts, which are names of Airflow connections as well."""
    named = environ.get("ANSWERABLE_SOURCES")
    if named:
        return tuple(name.strip() for name in named.split(",") if name.strip())
    return tuple(n for n in DEFAULT_SOURCES if environ.get(f"AIRFLOW_CONN_{n.upper()}"))


@contextmanager
def connections(
    connect_to: Callable[[str], Mapping[str, Any]],
) -> Iterator[tuple[list[Connection], bool]]:
    """The accounts that take part, and whether they are the sandbox's.

    `connect_to` gives the orchestrator's connection of a name. Where none is configured and the
    sandbox is the input, stand-ins tell which streams it has.
    """
    names = source_names()
    if names:
        given = [Connection.from_dict(connect_to(name)) for name in names]
        yield given, os.environ.get("ANSWERABLE_INPUT") == "sandbox"
        return
    settings = Settings.from_environment()
    with connect(settings) as conn:
        past = runs.read_state(conn).past_inputs
    request = runs.PlanRequest(now=datetime.now(UTC), has_files=bool(file_streams()))
    if runs.decide_input(request, past) != "sandbox":
        yield [], False
        return
    yield [Connection.from_dict(each) for each in sandbox.stand_ins()], True


@contextmanager
def connection_of(
    run_id: str, source: str, kind: str, connect_to: Callable[[str], Mapping[str, Any]]
) -> Iterator[Connection | None]:
    """The account to pull from, up as long as the block lasts; None for a file."""
    if kind == "file":
        yield None
    elif source in source_names():
        yield Connection.from_dict(connect_to(source))
    else:
        with connect(Settings.from_environment()) as conn:
            run = runs.get(conn, run_id)
        if run.input != "sandbox":
            raise runs.PlanError(
                f"{source}: the night began with this account and it is configured no more; "
                f"set AIRFLOW_CONN_{source.upper()} again, or give the night up: "
                f"answerable abandon {run_id}"
            )
        with sandbox.serving(run.as_of) as served:
            yield Connection.from_dict(sandbox.account(source, served))


def file_streams(environ: Mapping[str, str] = os.environ) -> list[dict]:
    """The described exports that ANSWERABLE_FILES names, `mapping.yml=export.csv ...`; in the place
    of a file may stand a folder, a pattern of names or a bucket's prefix."""
    streams = []
    for pair in shlex.split(environ.get("ANSWERABLE_FILES") or ""):
        mapping, equals, file = pair.partition("=")
        if not (mapping and equals and file):
            raise runs.PlanError(
                f"FILES: expected mapping.yml=export.csv, found {pair!r}; several are told apart "
                "by spaces, and a name with a space in it needs quotes"
            )
        if not Path(mapping).is_file():
            raise runs.PlanError(f"FILES: {mapping} is not there (in {pair!r})")
        try:
            files.found(file)
        except SpecError as error:
            raise runs.PlanError(f"FILES: {error} (in {pair!r})") from None
        streams += _described_streams(mapping, file)
    return streams


def _described_streams(mapping: str | Path, file: str) -> list[dict]:
    described = [part.description for part in files.parts(mapping)]
    return [
        {
            "source": described[0].source,
            "kind": "file",
            "stream": kind,
            "mapping": str(Path(mapping).absolute()),
            "file": files.absolute(file),
        }
        for kind in dict.fromkeys(each.kind for each in described)
    ]


def _reports_failure(step: str) -> Callable:
    def decorate(function: Callable[..., dict]) -> Callable[..., dict]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> dict:
            try:
                receipt = function(*args, **kwargs)
            except Exception as error:
                log.exception("%s failed", step)
                failures.append(Failure(_named(step, kwargs), error))
                raise
            log.info("%s: %s", _named(step, kwargs), receipt)
            return receipt

        return wrapped

    return decorate


def _named(step: str, kwargs: Mapping[str, Any]) -> str:
    if "stream" in kwargs:
        return f"{step} {kwargs.get('source')}.{kwargs['stream']}"
    return f"{step} {kwargs['part']}" if "part" in kwargs else step


# what is done by the time that a gate is asked
BEFORE = {
    "raw": ("land", "load"),
    "build": ("land", "load", "check_raw", "build", "identity"),
}


def _done_already(run_id: str, step: str) -> dict | None:
    """The receipt of a step that is done: the night is published, or its gate was red and what was
    found there has been accepted since, so that it goes on from the gate."""
    from answerable.quality import accepted

    settings = Settings.from_environment()
    with connect(settings) as conn:
        run = runs.get(conn, run_id)
        if run.status == "published":
            return {"skipped": "published already"}
        gate = accepted.gate_to_go_on_from(conn, run, settings)
    if gate is not None and step in BEFORE[gate]:
        return {"skipped": "done before the gate, of which something was accepted since"}
    return None


@_reports_failure("plan")
def plan(
    date: str | None = None,
    *,
    now: datetime | None = None,
    connections: Sequence[Connection] = (),
    is_sandbox: bool = False,
) -> dict:
    """Write down the night that is due; see `answerable.runs.plan`."""
    streams = [
        {"source": connection.name, "kind": connection.kind, "stream": each.name}
        for connection in connections
        for each in streams_of(connection)
    ]
    settings = Settings.from_environment()
    if is_sandbox:
        for mapping, folder in sandbox.exports(settings).values():
            streams += _described_streams(mapping, str(folder))
    exports = file_streams()
    request = runs.PlanRequest(
        now=now or datetime.now(UTC),
        date=date or None,
        has_accounts=bool(connections) and not is_sandbox,
        has_files=bool(exports),
        streams=(*streams, *exports),
    )
    with stage("plan") as this:
        receipt = runs.plan(request)
        if is_sandbox and receipt.get("streams"):
            sandbox.deliver(settings, datetime.fromisoformat(receipt["as_of"]))
        this.count(
            night=receipt.get("as_of") or "none due", streams=len(receipt.get("streams", []))
        )
    return receipt


@_reports_failure("land")
def land(
    run_id: str,
    *,
    source: str,
    kind: str,
    stream: str,
    connection: Connection | None,
    account: Account | None = None,
    window: Window | None = None,
    mapping: str | None = None,
    file: str | None = None,
) -> dict:
    """Pull one stream, or one described export, into the landing zone."""
    if done := _done_already(run_id, "land"):
        return done
    from answerable import landing

    if kind == "file":
        return landing.land_files(run_id, mapping, file, stream)
    return landing.land(run_id, source, stream, connection, account=account, window=window)


@contextmanager
def account_now(
    source: str, connect_to: Callable[[str], Mapping[str, Any]]
) -> Iterator[tuple[Connection, bool]]:
    """A configured account outside of a night, and whether it is the sandbox's: that shows what it
    showed to the newest night."""
    if source in source_names():
        given = Connection.from_dict(connect_to(source))
        yield given, os.environ.get("ANSWERABLE_INPUT") == "sandbox"
        return
    with connect(Settings.from_environment()) as conn:
        past = runs.read_state(conn).past_inputs
        row = conn.execute("select max(as_of) from ops.runs where kind = 'nightly'").fetchone()
    known = sandbox.SOURCES if "sandbox" in past and not source_names() else source_names()
    if source not in known or row is None or row[0] is None:
        raise runs.PlanError(
            f"{source}: no such account is configured"
            + (f"; there are {', '.join(known)}" if known else f" (AIRFLOW_CONN_{source.upper()})")
        )
    with sandbox.serving(row[0]) as served:
        yield Connection.from_dict(sandbox.account(source, served)), True


@_reports_failure("plan")
def plan_backfill(
    source: str,
    since: str,
    until: str,
    streams: Sequence[str] = (),
    *,
    connect_to: Callable[[str], Mapping[str, Any]],
) -> dict:
    """Write down which window of which streams is pulled again; see `answerable.backfill`."""
    request = backfilling.Request(since=since, until=until, streams=tuple(streams))
    with stage("plan") as this, account_now(source, connect_to) as (connection, is_sandbox):
        receipt = backfilling.plan(request, connection, is_sandbox=is_sandbox)
        this.count(window=f"{since} to {until}", streams=len(receipt["streams"]))
        if receipt["left_out"]:
            this.count(left_out=", ".join(receipt["left_out"]))
    return receipt


def backfill(run_id: str, *, connect_to: Callable[[str], Mapping[str, Any]]) -> dict:
    """Pull the window that `plan_backfill` wrote down into the landing zone. Raises SourceError
    where a stream did not come whole; the others are landed."""
    settings = Settings.from_environment()
    with connect(settings) as conn:
        run = runs.get(conn, run_id)
    source = run.streams[0]["source"]
    window = backfilling.window_of(run)
    with account_now(source, connect_to) as (connection, _):
        receipt = land_source(
            run_id,
            source=source,
            kind=connection.kind,
            streams=[{"stream": each["stream"]} for each in run.streams],
            connection=connection,
            window=window,
        )
    partial = backfilling.failed(receipt["streams"])
    with connect(settings) as conn:
        backfilling.end(conn, run_id, "failed" if partial else "done")
    if partial:
        error = SourceError(
            "; ".join(f"{each['source']}.{each['stream']}: {each['error']}" for each in partial)
        )
        failures.append(Failure("backfill", error))
        raise error
    return receipt


def by_source(streams: Sequence[Mapping[str, Any]]) -> list[dict]:
    """The streams of a night as what is landed together: a row a source, with its streams."""
    found: dict[tuple[str, str], dict] = {}
    for each in streams:
        name = each["source"], each["kind"]
        group = found.setdefault(
            name, {"source": each["source"], "kind": each["kind"], "streams": []}
        )
        group["streams"].append({k: v for k, v in each.items() if k not in ("source", "kind")})
    return list(found.values())


def land_source(
    run_id: str,
    *,
    source: str,
    kind: str,
    streams: Sequence[Mapping[str, Any]],
    connection: Connection | None,
    window: Window | None = None,
) -> dict:
    """Pull a source's streams, as many at the same time as it takes; see `land`.

    One that raises stops none of the others. When all have ended, what it raised is raised: first
    what may be better the next time.
    """
    if done := _done_already(run_id, "land"):
        return done
    from answerable.landing.together import together

    jobs = {f"{number} {each['stream']}": each for number, each in enumerate(streams)}
    try:
        account = None
        if connection is not None:
            credentials = credentials_of(connection, Settings.from_environment())
            account = account_of(connection, credentials)
        most = 1 if connection is None else at_once(connection)
    except SpecError as error:
        failures.append(Failure(f"land {source}", error))
        raise
    ended = together(
        list(jobs),
        {} if connection is None else _order(jobs, kind),
        most,
        lambda job: land(
            run_id,
            source=source,
            kind=kind,
            connection=connection,
            account=account,
            window=window,
            **jobs[job],
        ),
        lambda: account and account.stop(),
    )
    errors = [result for result in ended.values() if isinstance(result, Exception)]
    if errors:
        raise min(errors, key=is_final)
    return {"source": source, "kind": kind, "streams": [ended[job] for job in jobs]}


def _order(jobs: Mapping[str, Mapping[str, Any]], kind: str) -> dict[str, list[str]]:
    """The jobs that each job comes after, as the descriptions of their streams say."""
    return {
        job: [
            other
            for other, its in jobs.items()
            if its["stream"] in stream_of(kind, each["stream"]).after
        ]
        for job, each in jobs.items()
    }


@_reports_failure("load")
def load(run_id: str) -> dict:
    """Copy what was landed into raw; what a replay reads is there already."""
    from answerable.warehouse.load import load as load_landed

    if done := _done_already(run_id, "load"):
        return done
    with connect(Settings.from_environment()) as conn:
        run = runs.get(conn, run_id)
    if run.kind == "replay":
        return {"skipped": "a replay reads what its night had read"}
    return load_landed(run_id)


@_reports_failure("check_raw")
def check_raw(run_id: str) -> dict:
    """Gate: is what was loaded fit to build from?"""
    if done := _done_already(run_id, "check_raw"):
        return done
    from answerable import quality

    return quality.check_raw(run_id)


@_reports_failure("build")
def build(run_id: str, *, part: str) -> dict:
    """One run of dbt: `first` is staging and identity evidence, `rest` all after identity."""
    if done := _done_already(run_id, "build"):
        return done
    from answerable.warehouse import dbt

    return dbt.build(run_id, part=part)


@_reports_failure("identity")
def identity(run_id: str) -> dict:
    """Resolve identifiers to customers."""
    if done := _done_already(run_id, "identity"):
        return done
    from answerable import identity as resolution

    return resolution.resolve(run_id)


@_reports_failure("check")
def check(run_id: str) -> dict:
    """Gate: is what was built fit to report from?"""
    if done := _done_already(run_id, "check"):
        return done
    from answerable import quality

    return quality.check(run_id)


@_reports_failure("publish")
def publish(run_id: str) -> dict:
    """Bring what readers see to what was built, in one transaction."""
    if done := _done_already(run_id, "publish"):
        return done
    from answerable.warehouse import publish as publishing

    return publishing.publish(run_id)


@_reports_failure("report")
def report(run_id: str) -> dict:
    """Write the report from what is published, which ends the night."""
    from answerable import reports

    receipt = reports.write(run_id)
    with connect(Settings.from_environment()) as conn:
        runs.note_report(conn, run_id, receipt["path"])
    return receipt


def is_final(error: Exception) -> bool:
    """Whether trying again would end the same: the data or the request was refused, not the way."""
    from answerable.quality import GateFailed
    from answerable.warehouse.dbt import PolicyError

    return isinstance(error, runs.PlanError | SpecError | GateFailed | PolicyError)


def fail_running() -> list[str]:
    """Note that the night under way failed, and give its id. One runs at a time, so there is no
    other."""
    with connect(Settings.from_environment()) as conn:
        running = conn.execute(
            "select run_id from ops.runs where status = 'running' and kind <> 'backfill'"
        ).fetchall()
        for (run_id,) in running:
            runs.fail(conn, run_id)
    return [run_id for (run_id,) in running]


def tell(run_id: str, connect_to: Callable[[str], Mapping[str, Any]]) -> dict[str, str]:
    """Tell whom ANSWERABLE_NOTIFY names what there is to tell of a night. Raises nothing."""
    from answerable import notify

    steps = [failure.step for failure in failures]
    return notify.tell(run_id, notify.names(os.environ), connect_to, steps=steps)


def run_night(
    date: str | None = None,
    *,
    now: datetime | None = None,
    connections: Sequence[Connection] = (),
    is_sandbox: bool = False,
    is_shown: bool = True,
) -> dict:
    """A whole night in this process, step after step as in dags/nightly.py, without Airflow; but
    for `is_shown` up to the gate before publishing.

    Gives what `plan` gave, with the receipts of the other steps under "receipts". For tests,
    corrupted nights, and looking at a night in a debugger.
    """
    by_name = {connection.name: connection for connection in connections}
    planned = plan(date, now=now, connections=connections, is_sandbox=is_sandbox)
    run_id = planned["run_id"]
    if run_id is None:
        return planned | {"receipts": {}}
    try:
        receipts: dict[str, Any] = {
            "land": [
                receipt
                for each in by_source(planned["streams"])
                for receipt in land_source(
                    run_id, **each, connection=by_name.get(each["source"])
                ).get("streams", [])
            ]
        }
        receipts["load"] = load(run_id)
        receipts["check_raw"] = check_raw(run_id)
        receipts["build_first"] = build(run_id, part="first")
        receipts["identity"] = identity(run_id)
        receipts["build_rest"] = build(run_id, part="rest")
        if is_shown:
            receipts["check"] = check(run_id)
            receipts["publish"] = publish(run_id)
            receipts["report"] = report(run_id)
    except Exception:
        fail_running()
        raise
    return planned | {"receipts": receipts}
