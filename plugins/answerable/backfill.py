"""A window of the past pulled again, beside the nights: what is missed is landed, for the next one.

What a window brings is compared with what is stored, as any night's records are, so what is there
already is told by its hash and doubles nothing. No watermark moves.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from answerable import runs
from answerable.settings import Settings
from answerable.sources import Connection, Stream, streams_of
from answerable.sources.page import Window
from answerable.sources.paging import no_window
from answerable.warehouse.db import connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for: days of the company, half-open."""

    since: str
    until: str
    streams: tuple[str, ...] = ()  # all that can be asked for a window

    def window(self, zone: ZoneInfo, now: datetime) -> Window:
        """Raises PlanError where the days make no window of the past."""
        since, until = _day("from", self.since), _day("until", self.until)
        if since >= until:
            raise runs.PlanError(
                f"from {since} until {until} is no window: it ends before the day `until`, which "
                "has to come after the first"
            )
        today = now.astimezone(zone).date()
        if until > today:
            raise runs.PlanError(f"until {until} has not begun yet: today is {today} in {zone.key}")
        return Window(*(_seconds(runs.start_of_day(day, zone)) for day in (since, until)))


def choose(request: Request, connection: Connection) -> tuple[list[Stream], dict[str, str]]:
    """The streams that are pulled, and why the others are not. Raises PlanError where one that
    was named cannot be, or is none."""
    described = {each.name: each for each in streams_of(connection)}
    reasons = {
        name: reason for name, each in described.items() if (reason := no_window(each)) is not None
    }
    for name in request.streams:
        if name not in described:
            raise runs.PlanError(
                f"{connection.name} has no stream {name!r}; it has {', '.join(described)}"
            )
        if name in reasons:
            raise runs.PlanError(f"{connection.name}.{name} takes no window: {reasons[name]}")
    wanted = request.streams or [name for name in described if name not in reasons]
    return [described[name] for name in wanted], {} if request.streams else reasons


def plan(
    request: Request,
    connection: Connection,
    *,
    is_sandbox: bool,
    now: datetime | None = None,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Write down a backfill and give its receipt: {"run_id", "streams", "left_out", ...}."""
    settings = settings or Settings.from_environment()
    window = request.window(ZoneInfo(settings.company_timezone), now or datetime.now(UTC))
    streams, left_out = choose(request, connection)
    rows = [
        {
            "source": connection.name,
            "kind": connection.kind,
            "stream": each.name,
            "since": window.since,
            "until": window.until,
        }
        for each in streams
    ]
    with connect(settings) as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", [runs.PLAN_LOCK])
        past = runs.read_state(conn).past_inputs
        asked = runs.PlanRequest(now=now or datetime.now(UTC), has_accounts=not is_sandbox)
        runs.decide_input(asked, past)  # a real account fills nothing of an invented company
        run_id = f"backfill-{request.since.replace('-', '')}-{secrets.token_hex(3)}"
        # as of the newest night: what it lands sorts after that one's objects, before the next's
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input, streams)"
            " select %s, 'backfill', coalesce((select max(as_of) from ops.runs"
            " where kind = 'nightly'), %s), %s, %s",
            [
                run_id,
                datetime.fromtimestamp(window.until, UTC).replace(tzinfo=None),
                "sandbox" if is_sandbox else "accounts",
                json.dumps(rows),
            ],
        )
    return {"run_id": run_id, "streams": [each.name for each in streams], "left_out": left_out}


def window_of(run: runs.Run) -> Window:
    return Window(run.streams[0]["since"], run.streams[0]["until"])


def is_known(conn: psycopg.Connection) -> bool:
    """Whether the warehouse's tables know of backfills."""
    row = conn.execute(
        "select exists (select from pg_constraint where conrelid = 'ops.runs'::regclass"
        " and pg_get_constraintdef(oid) like '%backfill%')"
    ).fetchone()
    return row == (True,)


def end_dead(conn: psycopg.Connection) -> None:
    """Give up backfills that were killed. For a caller that knows that none runs. Commits."""
    conn.execute(
        "update ops.runs set status = 'abandoned', finished_at = now()"
        " where kind = 'backfill' and status = 'running'"
    )
    conn.commit()


def end(conn: psycopg.Connection, run_id: str, status: str) -> None:
    conn.execute(
        "update ops.runs set status = %s, finished_at = now() where run_id = %s", [status, run_id]
    )
    conn.commit()


def failed(receipts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The streams whose window did not come whole."""
    return [each for each in receipts if each["status"] != "landed"]


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise runs.PlanError(
            f"{name}: {text!r} is no day; expected YYYY-MM-DD, such as 2026-03-01"
        ) from None


def _seconds(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())
