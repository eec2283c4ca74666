"""Which night is next, and what is known of each.

`decide` is handed the state and the clock; `plan` reads the one, takes the decision and writes
it down as a row of ops.runs, which everything after it goes by.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from answerable.settings import Settings
from answerable.warehouse import roles
from answerable.warehouse.db import connect
from answerable.warehouse.names import Schemas

Input = Literal["sandbox", "accounts", "files"]
Kind = Literal["nightly", "replay", "backfill"]

FIRST_SANDBOX_DAY = date(2026, 3, 1)  # its company has 90 days of history by then
PLAN_LOCK = 0x616E737765720004


class PlanError(ValueError):
    """No night can be planned from what was asked; the text says what to ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row of ops.runs."""

    run_id: str
    run_no: int
    kind: Kind
    as_of: datetime  # UTC, without zone
    schema_prefix: str
    input: Input
    streams: list[dict]
    reads_up_to: int
    replays_run_no: int | None
    is_full: bool | None
    fingerprint: str | None
    status: str
    started_at: datetime
    finished_at: datetime | None
    report_path: str | None

    @property
    def schemas(self) -> Schemas:
        return Schemas.of(self.schema_prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A night that readers see or saw, and what it had read."""

    run_no: int
    as_of: datetime
    reads_up_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What was asked for, and from what: `date` is a day of the company, None the next night."""

    now: datetime
    date: str | None = None
    has_accounts: bool = False
    has_files: bool = False
    streams: tuple[dict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What ops knows when a night is planned."""

    unfinished: Run | None = None  # the oldest night that was begun and not ended
    unfinished_replays: tuple[Run, ...] = ()
    publications: tuple[Publication, ...] = ()  # of nights, not rolled back, oldest first
    past_inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done: go on with `resume`, or begin the night described, or nothing."""

    reason: str
    resume: Run | None = None
    kind: Kind | None = None
    as_of: datetime | None = None
    input: Input | None = None
    schema_prefix: str = ""
    reads_up_to: int | None = None  # None: all that this run finds
    replays_run_no: int | None = None

    @property
    def is_due(self) -> bool:
        return self.resume is not None or self.kind is not None


# --- deciding ----------------------------------------------------------------------------------


def decide(request: PlanRequest, state: State, zone: ZoneInfo) -> Decision:
    """The next night, an unfinished one first, then the day asked for, then the next."""
    asked = _day(request.date)
    source = decide_input(request, state.past_inputs)
    if state.unfinished is not None:
        ours = state.unfinished
        day = day_of(ours.as_of, zone)
        reason = f"the night of {day} was begun and not finished: it is finished first"
        if asked is not None and asked != day:
            reason += f", and only that; call again for {asked}"
        return Decision(reason=reason, resume=ours, as_of=ours.as_of, input=ours.input)

    last = max((p.as_of for p in state.publications), default=None)
    today = request.now.astimezone(zone).date()
    if asked is not None:
        as_of = start_of_day(asked, zone)
        if last is not None and as_of <= last:
            return _replay(asked, as_of, state, source, zone)
        if source != "sandbox" and asked > today:
            raise PlanError(
                f"DATE={asked} has not begun yet: today is {today} in {zone.key}; "
                "a night can be asked for once its day has"
            )
        return _night(asked, source, zone, "asked for")
    if source == "accounts":
        if last is not None and start_of_day(today, zone) <= last:
            return Decision(reason=f"no night is due: {day_of(last, zone)} is published already")
        return _night(today, source, zone, "today")
    if last is not None:
        day = day_of(last, zone) + timedelta(days=1)
        if source == "files" and day > today:
            return Decision(reason=f"no night is due: {day_of(last, zone)} is published already")
        return _night(day, source, zone, "the day after the last published one")
    if source == "sandbox":
        return _night(FIRST_SANDBOX_DAY, source, zone, "the first of the sandbox")
    return _night(today, source, zone, "today, the first")


def decide_input(request: PlanRequest, past_inputs: frozenset[str]) -> Input:
    """Where the data comes from. An invented company and a real one never share a warehouse."""
    if request.has_accounts:
        if "sandbox" in past_inputs:
            raise PlanError(
                "accounts are configured, but this warehouse holds the sandbox's invented company; "
                "`make clean` empties it, or set ANSWERABLE_HOME to another folder"
            )
        return "accounts"
    if "accounts" in past_inputs:
        raise PlanError(
            "no account is configured, but this warehouse holds data of real ones; set "
            "AIRFLOW_CONN_ZENDESK or AIRFLOW_CONN_X again (the README tells how), or set "
            "ANSWERABLE_HOME to another folder to try the sandbox"
        )
    if "sandbox" in past_inputs:
        return "sandbox"
    if request.has_files or "files" in past_inputs:
        return "files"
    return "sandbox"


def _night(day: date, source: Input, zone: ZoneInfo, why: str) -> Decision:
    return Decision(
        reason=f"the night of {day}: {why}",
        kind="nightly",
        as_of=start_of_day(day, zone),
        input=source,
    )


def replay_prefix(day: date) -> str:
    """What the schemas of a replay of that day begin with."""
    return f"replay_{day:%Y%m%d}"


def _replay(day: date, as_of: datetime, state: State, source: Input, zone: ZoneInfo) -> Decision:
    """Build a published night again, from what it had read, beside what is published now."""
    same = [p for p in state.publications if p.as_of == as_of]
    if not same:
        days = sorted({day_of(p.as_of, zone) for p in state.publications})
        near = sorted(days, key=lambda d: abs((d - day).days))[:3]
        raise PlanError(
            f"DATE={day} lies before the last published night and no night was published for it, "
            f"so there is nothing to replay; the nearest are {', '.join(map(str, sorted(near)))}"
        )
    original = max(same, key=lambda p: p.run_no)
    prefix = replay_prefix(day)
    begun = [r for r in state.unfinished_replays if r.schema_prefix == prefix]
    return Decision(
        reason=f"a replay of the night of {day}, in schema {prefix}",
        resume=begun[-1] if begun else None,
        kind="replay",
        as_of=as_of,
        input=source,
        schema_prefix=prefix,
        reads_up_to=original.reads_up_to,
        replays_run_no=original.run_no,
    )


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """00:00 of the company's day, as UTC without zone.

    >>> start_of_day(date(2026, 7, 1), ZoneInfo("Europe/London"))
    datetime.datetime(2026, 6, 30, 23, 0)
    """
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The company's day in which an instant (UTC without zone) lies."""
    return instant.replace(tzinfo=UTC).astimezone(zone).date()


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise PlanError(f"DATE={text}: expected a day as YYYY-MM-DD, such as 2026-03-01")


# --- reading and writing ops -------------------------------------------------------------------


def plan(request: PlanRequest, settings: Settings | None = None) -> dict:
    """Write down the night that is due and give its receipt.

    {"run_id", "as_of", "kind", "streams", "reason"}; run_id is None where no night is due.
    A run's streams are empty where nothing is to be pulled: in a replay, and after publishing.
    """
    settings = settings or Settings.from_environment()
    zone = ZoneInfo(settings.company_timezone)
    with connect(settings) as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", [PLAN_LOCK])
        state = read_state(conn)
        decision = decide(request, state, zone)
        if not decision.is_due:
            return {"run_id": None, "reason": decision.reason}
        if decision.resume is not None:
            run = _resume(conn, decision.resume, request)
        else:
            run = _begin(conn, decision, request.streams)
        kept = {run.run_id}
        for other in state.unfinished_replays:
            if other.run_id not in kept:
                _set_status(conn, other.run_id, "abandoned")
        if run.schema_prefix:
            _make_schemas(conn, run.schemas)
            roles.grant(conn, run.schemas)
    return {
        "run_id": run.run_id,
        "as_of": run.as_of.isoformat(sep=" "),
        "kind": run.kind,
        "streams": run.streams if run.kind == "nightly" and run.status == "running" else [],
        "reason": decision.reason,
    }


def preview(request: PlanRequest, settings: Settings) -> Decision:
    """What `plan` would decide, without writing."""
    with connect(settings) as conn:
        return decide(request, read_state(conn), ZoneInfo(settings.company_timezone))


def read_state(conn: psycopg.Connection) -> State:
    # a night is finished once it is published and its report written
    unfinished = _select(
        conn,
        "where kind = 'nightly' and (status in ('running', 'failed')"
        " or (status = 'published' and report_path is null)) order by run_no",
    )
    replays = _select(
        conn,
        "where kind = 'replay' and (status in ('running', 'failed')"
        " or (status = 'published' and report_path is null)) order by run_no",
    )
    publications = conn.execute(
        "select run_no, as_of, reads_up_to from ops.publications"
        " where schema_prefix = '' and rolled_back_at is null order by publication_no"
    ).fetchall()
    inputs = conn.execute("select distinct input from ops.runs")
    return State(
        unfinished=unfinished[0] if unfinished else None,
        unfinished_replays=tuple(replays),
        publications=tuple(
            Publication(run_no=n, as_of=a, reads_up_to=r) for n, a, r in publications
        ),
        past_inputs=frozenset(name for (name,) in inputs),
    )


def get(conn: psycopg.Connection, run_id: str) -> Run:
    found = _select(conn, "where run_id = %s", [run_id])
    if not found:
        raise LookupError(f"no run {run_id!r} in ops.runs")
    return found[0]


def finish(conn: psycopg.Connection, run_id: str) -> None:
    """Note that the run is published. Publishing calls it in its own transaction; no commit."""
    conn.execute(
        "update ops.runs set status = 'published', finished_at = now() where run_id = %s", [run_id]
    )


def fail(conn: psycopg.Connection, run_id: str) -> None:
    """Note that the run failed: no step of it writes from here on, until it is planned again."""
    conn.execute(
        "update ops.runs set status = 'failed', finished_at = now()"
        " where run_id = %s and status = 'running'",
        [run_id],
    )
    conn.commit()


def abandon(conn: psycopg.Connection, run_id: str) -> None:
    """Give a night up, so that the next is planned, which reads what this one loaded."""
    changed = conn.execute(
        "update ops.runs set status = 'abandoned', finished_at = now()"
        " where run_id = %s and status in ('running', 'failed')",
        [run_id],
    ).rowcount
    conn.commit()
    if not changed:
        raise PlanError(f"run {run_id} is not unfinished, so it cannot be given up")


def note_report(conn: psycopg.Connection, run_id: str, path: str) -> None:
    conn.execute("update ops.runs set report_path = %s where run_id = %s", [path, run_id])
    conn.commit()


def _begin(conn: psycopg.Connection, decision: Decision, streams: Sequence[dict]) -> Run:
    run_id = f"{decision.kind}-{decision.as_of:%Y%m%dT%H%M}-{secrets.token_hex(3)}"
    kept = list(streams) if decision.kind == "nightly" else []
    conn.execute(
        "insert into ops.runs (run_id, kind, as_of, schema_prefix, input, streams, reads_up_to,"
        " replays_run_no) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            run_id,
            decision.kind,
            decision.as_of,
            decision.schema_prefix,
            decision.input,
            json.dumps(kept),
            decision.reads_up_to,
            decision.replays_run_no,
        ],
    )
    conn.execute(
        "update ops.runs set reads_up_to = run_no where run_id = %s and reads_up_to is null",
        [run_id],
    )
    return get(conn, run_id)


def _resume(conn: psycopg.Connection, run: Run, request: PlanRequest) -> Run:
    """The same run with the same as_of. It pulls what is configured now, and the files it began
    with where none is named now.
    """
    if run.status == "published":  # only its report is missing
        return run
    kept = run.streams
    if run.kind == "nightly" and request.streams:
        kept = list(request.streams)
        if not request.has_files:
            kept += [each for each in run.streams if each["kind"] == "file" and each not in kept]
    conn.execute(
        "update ops.runs set status = 'running', finished_at = null, streams = %s"
        " where run_id = %s",
        [json.dumps(kept), run.run_id],
    )
    return replace(run, status="running", streams=kept, finished_at=None)


def _set_status(conn: psycopg.Connection, run_id: str, status: str) -> None:
    conn.execute(
        "update ops.runs set status = %s, finished_at = now() where run_id = %s and"
        " status in ('running', 'failed')",
        [status, run_id],
    )


def _make_schemas(conn: psycopg.Connection, schemas: Schemas) -> None:
    for name in (schemas.build, schemas.identity, schemas.marts, schemas.private):
        conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(name)))


COLUMNS = ", ".join(f.name for f in fields(Run))


def _select(conn: psycopg.Connection, rest: str, values: Sequence[object] = ()) -> list[Run]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"select {COLUMNS} from ops.runs {rest}", values).fetchall()
    return [Run(**row) for row in rows]
