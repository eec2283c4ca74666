"""What the published marts say. Numbers only; how they are said is for others."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from answerable.policies import METRICS
from answerable.warehouse.names import Schemas

DIMENSIONS = ("department", "team", "channel", "brand", "priority")
OUTCOMES = ("met", "breached", "running", "void", "no_policy")
LONGEST_LIST = 20  # lines of a breakdown; the rest is one line
WORST = 10  # cases a metric
MOST_POINTS = 120  # of a chart; beyond that days become weeks, and weeks months

COUNTS = sql.SQL(
    "sum(clock_count)::bigint as clocks, sum(met_count)::bigint as met, "
    "sum(breached_count)::bigint as breached, sum(running_count)::bigint as running, "
    "sum(void_count)::bigint as void, sum(no_policy_count)::bigint as no_policy, "
    "sum(unanswered_count)::bigint as unanswered"
)


class Marts:
    """The published tables of one night, read in one snapshot."""

    def __init__(self, conn: psycopg.Connection, schemas: Schemas) -> None:
        self._conn = conn
        self._schema = schemas.marts

    def rows(self, query: str, **names: sql.Composable) -> list[dict[str, Any]]:
        """Rows of a query in which `{marts}` stands for the schema."""
        text = sql.SQL(query).format(marts=sql.Identifier(self._schema), **names)
        with self._conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(text).fetchall()

    def row(self, query: str, **names: sql.Composable) -> dict[str, Any]:
        (row,) = self.rows(query, **names)
        return row


def headline(conn: psycopg.Connection, schemas: Schemas) -> dict[str, Any]:
    """The few figures that a night ends with."""
    marts = Marts(conn, schemas)
    publication = marts.row("select as_of, run_id from {marts}.publication")
    return {
        "as_of": publication["as_of"].isoformat(sep=" "),
        "run_id": publication["run_id"],
        "metrics": {one["metric"]: one for one in metrics(marts)},
        **marts.row(
            """
            select
                (select count(*) from {marts}.fct_interactions) as interactions,
                count(*) filter (where is_counted) as cases,
                count(*) filter (where is_counted and is_open) as open_cases,
                count(*) filter (
                    where is_counted and is_open and department is null and team is null
                        and agent_key is null
                ) as orphaned_cases
            from {marts}.fct_cases
            """
        ),
    }


def publication(marts: Marts) -> dict[str, Any] | None:
    found = marts.rows("select as_of, published_at, run_id, sources from {marts}.publication")
    return found[0] if found else None


def metrics(marts: Marts) -> list[dict[str, Any]]:
    """Per metric the outcomes, the share that was met, and how long it took where it was done."""
    lengths = {
        row.pop("metric"): row
        for row in marts.rows(
            """
            select
                metric,
                count(*) as fulfilled,
                percentile_disc(0.5) within group (order by calendar_elapsed_seconds) as median,
                percentile_disc(0.9) within group (order by calendar_elapsed_seconds) as ninetieth,
                percentile_disc(0.95) within group (order by calendar_elapsed_seconds) as p95
            from {marts}.fct_sla_clocks
            where fulfilled_at is not null and outcome <> 'void'
            group by metric
            """
        )
    }
    nothing = {"fulfilled": 0, "median": None, "ninetieth": None, "p95": None}
    found = [
        with_share(row) | lengths.get(row["metric"], nothing)
        for row in marts.rows(
            "select metric, {counts} from {marts}.rpt_sla_compliance_daily group by metric",
            counts=COUNTS,
        )
    ]
    return sorted(found, key=lambda row: METRICS.index(row["metric"]))


def with_share(row: Mapping[str, Any]) -> dict[str, Any]:
    decided = row["met"] + row["breached"]
    return {
        **row,
        "decided": decided,
        "share": row["met"] / decided if decided else None,
    }


def breakdowns(marts: Marts, metric: str) -> dict[str, list[dict[str, Any]]]:
    """The outcomes of one metric by each dimension, most clocks first."""
    found = {}
    for dimension in DIMENSIONS:
        rows = marts.rows(
            "select {dimension} as name, {counts} from {marts}.rpt_sla_compliance_daily "
            "where metric = {metric} group by {dimension} order by clocks desc, name",
            dimension=sql.Identifier(dimension),
            metric=sql.Literal(metric),
            counts=COUNTS,
        )
        found[dimension] = [with_share(row) for row in shortened(rows)]
    return found


def shortened(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first lines and, where there are more, one that sums up the rest."""
    if len(rows) <= LONGEST_LIST:
        return rows
    kept, rest = rows[: LONGEST_LIST - 1], rows[LONGEST_LIST - 1 :]
    total = {key: sum(row[key] for row in rest) for key in rest[0] if key != "name"}
    return [*kept, total | {"name": None, "other_count": len(rest)}]


def by_day(marts: Marts, metric: str) -> tuple[str, list[dict[str, Any]]]:
    """The outcomes over time, in days, weeks or months: whichever a chart can show."""
    rows = marts.rows(
        "select day, {counts} from {marts}.rpt_sla_compliance_daily "
        "where metric = {metric} group by day order by day",
        metric=sql.Literal(metric),
        counts=COUNTS,
    )
    unit = unit_of(row["day"] for row in rows)
    sums: dict[date, dict[str, Any]] = {}
    for row in rows:
        start = start_of(row.pop("day"), unit)
        into = sums.setdefault(start, dict.fromkeys(row, 0))
        for key, number in row.items():
            into[key] += number
    return unit, [{"start": start} | with_share(row) for start, row in sums.items()]


def unit_of(days: Iterable[date]) -> str:
    days = sorted(days)
    span = (days[-1] - days[0]).days + 1 if days else 0
    if span <= MOST_POINTS:
        return "day"
    return "week" if span <= 7 * MOST_POINTS else "month"


def start_of(day: date, unit: str) -> date:
    """The first day of the day's week (a Monday) or month."""
    if unit == "week":
        return date.fromordinal(day.toordinal() - day.weekday())
    return day.replace(day=1) if unit == "month" else day


def worst(marts: Marts, metric: str) -> list[dict[str, Any]]:
    """The counted cases that are longest overdue, by the time that their promise counts in."""
    return marts.rows(
        """
        select
            clocks.case_key, clocks.department, clocks.team, clocks.channel, clocks.priority,
            clocks.started_at, clocks.due_at, clocks.hours, clocks.elapsed_seconds as elapsed,
            clocks.elapsed_seconds - clocks.target_seconds as overdue, clocks.is_running,
            clocks.fulfilled_at,
            cases.subject_masked as subject
        from {marts}.fct_sla_clocks as clocks
        join {marts}.fct_cases as cases on clocks.case_key = cases.case_key
        where clocks.metric = {metric} and clocks.outcome = 'breached' and cases.is_counted
        order by overdue desc, clocks.case_key
        limit {most}
        """,
        metric=sql.Literal(metric),
        most=sql.Literal(WORST),
    )


def at_risk(marts: Marts) -> dict[str, Any]:
    """Promises that can still be kept and have little left: how many, and the first due."""
    return {
        "count": marts.row("select count(*) as count from {marts}.rpt_sla_at_risk")["count"],
        "first": marts.rows(
            """
            select
                case_key, metric, department, team, agent_key, channel, priority, is_paused,
                due_at, remaining_seconds as remaining, hours
            from {marts}.rpt_sla_at_risk
            order by due_at nulls last, remaining_seconds, case_key, metric
            limit {most}
            """,
            most=sql.Literal(WORST),
        ),
    }


def reconciliation(marts: Marts) -> dict[str, Any]:
    """Our verdicts beside the sources' own: how many, how many are the same, why the others not.
    What a source only measured is no verdict."""
    causes = marts.rows(
        """
        select cause, count(*) as clocks
        from {marts}.rpt_sla_reconciliation
        where told_by <> 'figure'
        group by cause
        order by clocks desc, cause
        """
    )
    return {
        "count": sum(row["clocks"] for row in causes),
        "same": sum(row["clocks"] for row in causes if row["cause"] is None),
        "causes": [row for row in causes if row["cause"] is not None],
    }


def ownership(marts: Marts, as_of: datetime) -> dict[str, Any]:
    """Who holds what now, how often cases change hands, and whether the agreed ones held them."""
    nobody = "department is null and team is null and agent_key is null"
    cases = marts.row(
        f"""
        select
            count(*) as cases,
            count(*) filter (where is_open) as open_cases,
            count(*) filter (where is_open and {nobody}) as orphaned,
            count(*) filter (where handoff_count > 0) as handed_over,
            coalesce(sum(handoff_count), 0)::bigint as handoffs,
            count(*) filter (where reopen_count > 0) as reopened
        from {{marts}}.fct_cases
        where is_counted
        """
    )
    holders = marts.rows(
        f"""
        select
            case when {nobody} then null else coalesce(department, '(none)') end as name,
            count(*) as cases,
            count(*) filter (where is_open) as open_cases,
            count(*) filter (where handoff_count > 0) as handed_over
        from {{marts}}.fct_cases
        where is_counted
        group by 1
        order by open_cases desc, cases desc, name nulls last
        """
    )
    verdicts = marts.rows(
        """
        select
            spans.verdict, count(*) as spans, count(distinct spans.case_key) as cases,
            sum(spans.calendar_seconds)::bigint as seconds
        from {marts}.fct_ownership_spans as spans
        join {marts}.fct_cases as cases on spans.case_key = cases.case_key
        where cases.is_counted
        group by spans.verdict
        order by seconds desc, spans.verdict
        """
    )
    handed = marts.row(
        """
        select
            count(*) filter (where is_bounce) as bounces,
            count(*) filter (where has_customer_repeated) as repeated,
            (select count(*) from {marts}.rpt_orphans) as worklist
        from {marts}.fct_handoffs
        join {marts}.fct_cases as cases using (case_key)
        where cases.is_counted and level = 'department'
        """
    )
    return {
        **cases,
        **handed,
        "holders": shortened(holders),
        "verdicts": verdicts,
        "seconds": sum(row["seconds"] for row in verdicts),
    }


def calls(marts: Marts) -> list[dict[str, Any]]:
    """Offered calls by queue and promise: how many were answered, how soon, for how long."""
    rows = marts.rows(
        """
        select
            source, queue, nullif(service_level, '(none)') as service_level,
            answer_target_seconds as target, target_share, share_of,
            sum(offered_count)::bigint as offered, sum(answered_count)::bigint as answered,
            sum(abandoned_count)::bigint as abandoned, sum(short_abandoned_count)::bigint as short,
            sum(answered_in_target_count)::bigint as in_target,
            sum(wait_unknown_count)::bigint as unknown,
            sum(answered_wait_seconds)::float
                / nullif(sum(answered_count - wait_unknown_count), 0) as speed_of_answer,
            sum(talk_seconds)::float
                / nullif(sum(answered_count - talk_unknown_count), 0) as handling_time,
            max(longest_wait_seconds) as longest,
            count(*) filter (where is_kept) as kept, count(is_kept) as intervals
        from {marts}.rpt_service_level_intervals
        group by source, queue, service_level, target, target_share, share_of
        order by offered desc, source, queue, service_level
        """
    )
    return [
        row
        | {
            "of_offered": row["offered"] - row["unknown"],
            "of_answered": row["answered"] - row["unknown"],
            "without_short": row["offered"] - row["unknown"] - row["short"],
        }
        for row in rows[:LONGEST_LIST]
    ]


def departments(marts: Marts) -> dict[str, str]:
    return {
        row["department"]: row["department_name"] or row["department"]
        for row in marts.rows("select department, department_name from {marts}.dim_departments")
    }


def checks(conn: psycopg.Connection, run_id: str) -> list[dict[str, Any]]:
    """What was checked before publishing: the newest pass of each stage."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select stage, suite, results.table_name, results.rule, severity, is_success,
                unexpected_count, example_keys, advice, exception_no
            from ops.check_results as results
            where run_id = %(run_id)s
                and checked_at = (
                    select max(newest.checked_at) from ops.check_results as newest
                    where newest.run_id = %(run_id)s and newest.stage = results.stage
                )
            order by stage desc, suite, results.table_name, results.rule
            """,
            {"run_id": run_id},
        ).fetchall()


def reading(conn: psycopg.Connection, reads_up_to: int) -> list[dict[str, Any]]:
    """What this night and those before it had read, by source."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select
                source, count(*) as batches, sum(record_count)::bigint as records,
                sum(quarantined_count)::bigint as quarantined
            from ops.batches
            where first_read_run_no <= %s
            group by source
            order by source
            """,
            [reads_up_to],
        ).fetchall()
