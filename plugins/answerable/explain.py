"""One case from the published marts, told so that a verdict can be followed by hand.

`case` reads it, `lines` says it in words; no text of a message and no name of a customer is in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from answerable.foreign import one_line
from answerable.policies import METRICS
from answerable.warehouse.names import Schemas

Row = dict[str, Any]


class ExplainError(RuntimeError):
    """There is no such case, night or zone; the text says what there is."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case, as of `as_of`: rows as in the marts of the same names, in order."""

    as_of: datetime
    case: Row
    timeline: Sequence[Row]
    messages: Sequence[Row]
    clocks: Sequence[Row]
    segments: Sequence[Row]


def case(conn: psycopg.Connection, case_id: str, *, prefix: str = "") -> Case:
    """The case with this key, or with this id where only one source has it.

    `prefix` is that of a replay ('replay_20260301'), '' for what is published. Raises ExplainError
    where it is not there.
    """
    marts = sql.Identifier(Schemas.of(prefix).marts)
    with conn.cursor(row_factory=dict_row) as cursor:

        def ask(query: str, *values: object) -> list[Row]:
            return cursor.execute(sql.SQL(query).format(marts=marts), values).fetchall()

        as_of = published_as_of(ask, prefix)
        found = ask("select * from {marts}.fct_cases where case_key = %s", case_id) or ask(
            "select * from {marts}.fct_cases where case_id = %s order by case_key", case_id
        )
        if not found:
            like = ask("select min(case_key) as one, max(case_key) as other from {marts}.fct_cases")
            raise ExplainError(
                f"no case {case_id!r} as of {as_of:%Y-%m-%d %H:%M} UTC; keys are like "
                f"{like[0]['one']!r} or {like[0]['other']!r}"
            )
        if len(found) > 1:
            keys = ", ".join(row["case_key"] for row in found)
            raise ExplainError(f"{case_id!r} is a case of several sources: {keys}; name one")
        key = found[0]["case_key"]
        of_case = "where case_key = %s order by "
        return Case(
            as_of=as_of,
            case=found[0],
            timeline=ask("select * from {marts}.fct_case_timeline " + of_case + "row_no", key),
            messages=ask(
                "select * from {marts}.fct_interactions "
                + of_case
                + "occurred_at, direction, interaction_key",
                key,
            ),
            clocks=sorted(
                ask("select * from {marts}.fct_sla_clocks " + of_case + "clock_no", key),
                key=lambda clock: METRICS.index(clock["metric"]),
            ),
            segments=ask(
                "select * from {marts}.fct_sla_segments "
                + of_case
                + "metric, clock_no, segment_no",
                key,
            ),
        )


def published_as_of(ask: Callable[[str], list[Row]], prefix: str) -> datetime:
    """The as_of of what is published, or of the replay `prefix`; `ask` knows its {marts}. Raises
    ExplainError where nothing is."""
    try:
        (publication,) = ask("select as_of from {marts}.publication")
    except (psycopg.errors.UndefinedTable, ValueError):
        where = f"the replay {prefix}" if prefix else "this warehouse"
        raise ExplainError(f"nothing is published in {where}; `make nightly` does it") from None
    return publication["as_of"]


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; raises ExplainError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExplainError(f"zone {name!r} is not an IANA name such as Europe/London") from None


def instants_in(zone: ZoneInfo) -> Callable[[datetime | None], str]:
    """How an instant (UTC, without zone) is written there; nothing where there is none."""

    def at(instant: datetime | None) -> str:
        if instant is None:
            return ""
        return f"{instant.replace(tzinfo=UTC).astimezone(zone):%a %Y-%m-%d %H:%M:%S}"

    return at


def lines(told: Case, zone: ZoneInfo, metric: str | None = None) -> Iterator[str]:
    """The case in words, line by line, with the clocks of one metric or of all; instants in
    `zone`. Raises ExplainError where no metric is called so."""
    if metric is not None and metric not in METRICS:
        raise ExplainError(f"metric {metric!r} is none of {', '.join(METRICS)}")

    at = instants_in(zone)
    head = told.case
    yield f"{head['case_key']} as of {at(told.as_of)} (times in {zone.key})"
    about = ("channel", "brand", "topic", "priority", "status")
    yield "  " + ", ".join(f"{name} {head[name]}" for name in about if head[name] is not None)
    if not head["is_counted"]:
        into = head["merged_into_case_key"]
        yield f"  not counted: {head['not_counted_reason']}{f' into {into}' if into else ''}"

    yield from ("", "What was said")
    yield from table(
        ("at", "who", "counts as"),
        [
            (
                at(row["occurred_at"]),
                "customer" if row["direction"] == "inbound" else row["agent_key"] or "ours",
                _counts_as(row),
            )
            for row in told.messages
        ],
    )
    yield from ("", "Timeline: what was true from each instant on")
    yield from table(
        ("row", "from", "status", "waiting on", "held by", "priority", "ownership rule"),
        [
            (
                str(row["row_no"]),
                at(row["from_at"]),
                row["status"],
                row["waiting_on"],
                _holder(row),
                row["priority"] or "",
                row["ownership_policy"] or "",
            )
            for row in told.timeline
        ],
    )
    if not told.clocks:
        yield from ("", "No promise was made about it, and none could be.")
    for clock in told.clocks:
        if metric in (None, clock["metric"]):
            yield ""
            yield from _clock(clock, told, at)


def _clock(clock: Row, told: Case, at: Any) -> Iterator[str]:
    name = f"{clock['metric']} {clock['clock_no']}"
    if clock["policy"] is None:
        yield f"{name}: {clock['outcome']}, no rule promised anything"
    else:
        yield (
            f"{name}: {clock['outcome']}"
            + (f" ({clock['void_reason']})" if clock["void_reason"] else "")
            + (", still running" if clock["is_running"] else "")
            + (", paused" if clock["is_paused"] else "")
            + f". {clock['policy']}: {clock['target_seconds']:,} s of {clock['hours']}"
        )
    instants = {
        "started": "started_at",
        "fulfilled": "fulfilled_at",
        "rule took over": "retargeted_at",
        "due by": "due_by_at",
        "due": "due_at",
        "breached": "breached_at",
    }
    for word, column in instants.items():
        if clock[column] is not None:
            yield f"  {word:<15} {at(clock[column])}"
    if clock["outcome"] in ("met", "breached"):
        yield f"  {'answerable':<15} {_holder(clock)}"
    key = ("case_key", "metric", "clock_no")
    segments = [one for one in told.segments if all(one[k] == clock[k] for k in key)]
    yield from table(
        ("from", "to", "status", "held by", "rule", "counted in", "seconds", "so far"),
        [
            (
                at(one["from_at"]),
                at(one["to_at"]),
                one["status"],
                _holder(one),
                one["policy"] or "",
                "(paused)" if one["is_paused"] else one["hours"],
                f"{one['seconds']:,}",
                f"{one['elapsed_before_seconds'] + one['seconds']:,}",
            )
            for one in segments
        ],
    )
    if clock["policy"] is not None and clock["outcome"] != "void":
        parts = " + ".join(f"{one['seconds']:,}" for one in segments if not one["is_paused"])
        sum_of = f"{parts or 0} = {clock['elapsed_seconds']:,}" if "+" in parts else parts or "0"
        sign = ">" if clock["elapsed_seconds"] > clock["target_seconds"] else "<="
        yield f"  {sum_of} {sign} {clock['target_seconds']:,}: {clock['outcome']}"
    if clock["remaining_seconds"] is not None and clock["outcome"] == "running":
        yield f"  left: {clock['remaining_seconds']:,} s of {clock['hours']}"


def _counts_as(row: Row) -> str:
    if row["direction"] == "inbound":
        return "a question"
    if row["is_reply"]:
        return "a reply"
    return "nothing: a bot" if row["is_bot"] else "no reply"


def _holder(row: Row) -> str:
    """Department, team and agent, as far as there are any."""
    names = [row[name] for name in ("department", "team", "agent_key") if row[name]]
    return " / ".join(names) or "nobody"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows under titles, indented, each column as wide as its widest cell.

    >>> print(*table(("at", "who"), [("09:00", "customer")]), sep="|")
      at     who     |  09:00  customer
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    for row in (titles, *rows) if rows else ():
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
