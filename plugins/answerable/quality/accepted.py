"""Accepted exceptions: a rule that does not hold stops no night, from one night up to another.

Each is a row of ops.accepted_exceptions with a reason and an owner, made by `answerable accept`. It
is for as many rows as were found when it was accepted: more of them are red again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import class_row

from answerable import runs
from answerable.settings import Settings
from answerable.warehouse import dbt

Stage = Literal["raw", "build"]


class AcceptError(ValueError):
    """There is nothing of that name to accept, or not so; the text says what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A row of ops.accepted_exceptions. Nights are days of the company, half-open."""

    exception_no: int
    table_name: str
    rule: str
    most_rows: int
    from_night: date
    until_night: date
    reason: str
    owner: str
    accepted_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One time that a gate was asked."""

    run_id: str
    stage: Stage
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A rule that did not hold in a pass."""

    table_name: str
    rule: str
    severity: str
    unexpected_count: int | None  # null: it could not be asked
    exception_no: int | None


COLUMNS = ", ".join(field.name for field in fields(Accepted))


def accept(
    conn: psycopg.Connection,
    settings: Settings,
    table: str,
    rule: str,
    *,
    until: date,
    reason: str,
    owner: str,
    most_rows: int | None = None,
) -> Accepted:
    """Accept what the newest night found of a rule, and up to `most_rows` of it in each night
    before `until`. Commits."""
    if not reason.strip() or not owner.strip():
        raise AcceptError("an exception needs a reason and an owner, for those who read the report")
    newest = _newest_pass(conn)
    if newest is None:
        raise AcceptError("no night was checked yet; `make nightly` does it")
    run = runs.get(conn, newest.run_id)
    found = {(each.table_name, each.rule): each for each in _failures(conn, newest)}
    if (table, rule) not in found:
        there_is = "; ".join(f"{name} {which!r}" for name, which in found) or "nothing"
        raise AcceptError(
            f"{rule!r} of {table} holds in the newest checked night; what does not: {there_is}"
        )
    count = found[table, rule].unexpected_count
    if count is None:
        raise AcceptError(
            f"{rule!r} of {table} could not be asked, so nobody knows what would be accepted; "
            "mend what it asks for (ops.check_results says what)"
        )
    most_rows = count if most_rows is None else most_rows
    if most_rows < count:
        raise AcceptError(f"{count} rows were found; to accept {most_rows} of them changes nothing")
    night = _night(run, settings)
    if until <= night:
        raise AcceptError(f"until {until}: the night at hand is {night}, so name a later day")
    with conn.cursor(row_factory=class_row(Accepted)) as cursor:
        accepted = cursor.execute(
            "insert into ops.accepted_exceptions"
            " (table_name, rule, most_rows, from_night, until_night, reason, owner)"
            f" values (%s, %s, %s, %s, %s, %s, %s) returning {COLUMNS}",
            [table, rule, most_rows, night, until, reason.strip(), owner.strip()],
        ).fetchone()
    conn.commit()
    return accepted


def end(conn: psycopg.Connection, exception_no: int) -> None:
    """Accept it no more, from the next check on. Commits."""
    ended = conn.execute(
        "update ops.accepted_exceptions set ended_at = now()"
        " where exception_no = %s and ended_at is null",
        [exception_no],
    ).rowcount
    conn.commit()
    if not ended:
        raise AcceptError(f"no exception {exception_no} is in force; `answerable exceptions` lists")


def every(conn: psycopg.Connection) -> list[Accepted]:
    """All there ever were, the newest first."""
    with conn.cursor(row_factory=class_row(Accepted)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from ops.accepted_exceptions order by exception_no desc"
        ).fetchall()


def in_force(conn: psycopg.Connection, run: "runs.Run", settings: Settings) -> list[Accepted]:
    """Those for the night of this run."""
    night = _night(run, settings)
    return [
        each
        for each in every(conn)
        if each.ended_at is None and each.from_night <= night < each.until_night
    ]


def covering(
    accepted: Sequence[Accepted], table: str, rule: str, count: int | None
) -> Accepted | None:
    """What accepts so many rows of a rule. A rule that could not be asked is never accepted."""
    return next(
        (
            each
            for each in accepted
            if (each.table_name, each.rule) == (table, rule)
            and count is not None
            and count <= each.most_rows
        ),
        None,
    )


def gate_to_go_on_from(
    conn: psycopg.Connection, run: "runs.Run", settings: Settings
) -> Stage | None:
    """The gate that was red when the run was last tried, where something of it was accepted since:
    then what comes before it needs not be done again."""
    newest = _newest_pass(conn, run.run_id)
    if newest is None:
        return None
    red = [
        (each.table_name, each.rule, each.unexpected_count)
        for each in _failures(conn, newest)
        if each.severity == "critical" and each.exception_no is None
    ]
    exceptions = in_force(conn, run, settings)
    if not any(covering(exceptions, *each) for each in red):
        return None
    if newest.stage == "build" and run.fingerprint != dbt.fingerprint(settings):
        return None  # what was built is not what would be built now
    return newest.stage


def _newest_pass(conn: psycopg.Connection, run_id: str | None = None) -> Pass | None:
    """The last time that a gate was asked, in one run or in any."""
    with conn.cursor(row_factory=class_row(Pass)) as cursor:
        return cursor.execute(
            "select run_id, stage, checked_at from ops.check_results"
            " where run_id = %(run_id)s or %(run_id)s::text is null"
            " order by checked_at desc limit 1",
            {"run_id": run_id},
        ).fetchone()


def _failures(conn: psycopg.Connection, of: Pass) -> list[Failure]:
    with conn.cursor(row_factory=class_row(Failure)) as cursor:
        return cursor.execute(
            "select table_name, rule, severity, unexpected_count, exception_no"
            " from ops.check_results where run_id = %s and checked_at = %s and not is_success"
            " order by severity, table_name, rule",
            [of.run_id, of.checked_at],
        ).fetchall()


def _night(run: "runs.Run", settings: Settings) -> date:
    return runs.day_of(run.as_of, ZoneInfo(settings.company_timezone))
