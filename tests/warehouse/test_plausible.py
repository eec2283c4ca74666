"""What history makes plausible: each rule fires on a night that is beyond it, and on no other."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import psycopg
import pytest
from marts_by_hand import AS_OF, CONTRACTS, add, start_run

from answerable import runs
from answerable.quality import gate, learning, thresholds
from answerable.quality.gate import load_expectations
from answerable.quality.learning import Figure
from answerable.settings import ROOT, Settings

TABLES = (  # of which there are figures; to ask for them takes seconds
    "fct_interactions",
    "interaction_texts",
    "fct_cases",
    "fct_case_timeline",
    "fct_ownership_spans",
    "fct_handoffs",
    "rpt_ownership_daily",
    "rpt_misrouted",
    "rpt_contested",
    "fct_sla_clocks",
    "fct_sla_segments",
    "rpt_breach_attribution",
    "rpt_sla_compliance_daily",
    "rpt_sla_reconciliation",
    "fct_calls",
    "rpt_service_level_intervals",
    "fct_ratings",
    "fct_sales",
    "fct_interaction_metrics",
    "rpt_unprompted_mentions",
    "rpt_mentions_daily",
    "dim_customers",
    "customer_identities",
    "customer_evidence",
    "customer_history",
)
DAYS = 95
A_DAY = 120  # rows
NEWEST = date(2026, 2, 28)
LOST, UNLIKE = "ExpectNewestDayNotToBeLost", "ExpectDayLikeThoseBefore"
SILENT, FOR_A_WHILE = "ExpectNoLongSilence", "ExpectNoUnusualSilence"
PAST_LOST, PAST_CHANGED = "ExpectPastToStay", "ExpectPastToChangeLittle"
CRITICAL = {LOST, SILENT, PAST_LOST}


def figures() -> dict[str, Figure]:
    return {figure.table: figure for figure in load_expectations(ROOT).plausible.FIGURES}


@dataclass(frozen=True)
class Table:
    """A table of many weeks, alone in `build`, and what rules say of it."""

    figure: Figure
    settings: Settings
    conn: psycopg.Connection

    @property
    def at(self) -> str:
        return "at" if self.figure.at.startswith("cast") else self.figure.at

    def make(self) -> None:
        """As many rows each day: every twelve minutes one, labels in turn."""
        figure, (_, types) = self.figure, CONTRACTS[self.figure.table]
        columns = {name: f"cast(null as {kind})" for name, kind in types.items()}
        for number, column in enumerate((*figure.labels, *figure.states)):
            if columns[column] != "cast(null as boolean)":
                columns[column] = f"'{column} ' || cast((n + {number}) % 2 as text)"
        known = {"outcome": ("met", "breached"), "direction": ("inbound", "outbound")}
        for column in ("metric", "source", *known):
            if column in columns:
                values = known.get(column, ("one", "two"))
                columns[column] = f"case n % 2 when 0 then '{values[0]}' else '{values[1]}' end"
        for column, kind in types.items():
            if kind in ("integer", "bigint", "boolean"):
                columns[column] = {"boolean": "n % 2 = 0"}.get(kind, "100")
        if self.at in columns:
            columns[self.at] = f"cast(at as {types[self.at]})"
        self.conn.execute("create schema if not exists build")
        self.conn.execute(
            f"create table build.{figure.table} as select "
            + ", ".join(f"{value} as {name}" for name, value in columns.items())
            + f" from (select n, timestamp '{AS_OF}' - (n - 1) * interval '{1440 // A_DAY} minutes'"
            f" - interval '1 minute' as at from generate_series(1, {DAYS * A_DAY}) as n) as rows"
        )
        self.conn.execute("create schema kept")
        self.conn.execute(f"create table kept.{figure.table} as table build.{figure.table}")

    def publish(self, as_of: str = "2026-02-28") -> None:
        """What is in build but its newest day is what readers see, of a night before."""
        start_run(self.conn, "before", as_of)
        self.conn.execute(
            "insert into ops.publications (run_id, run_no, as_of, reads_up_to, fingerprint)"
            " select run_id, run_no, as_of, run_no, fingerprint from ops.runs"
        )
        self.conn.execute("update ops.runs set status = 'published', report_path = 'x'")
        where = "true" if self.at == "at" else f"{self.at} < timestamp '{as_of}'"
        self.conn.execute(
            f"create table {self.figure.schema}.{self.figure.table} as"
            f" select * from build.{self.figure.table} where {where}"
        )
        start_run(self.conn, "tonight")

    def found(self, break_it: str = "", run_id: str = "tonight") -> set[str]:
        """The rules about what is plausible that say no, once `break_it` was done."""
        table = self.figure.table
        if break_it:
            self.conn.execute(break_it.format(table=f"build.{table}", at=self.at))
        self.conn.commit()
        with psycopg.connect(self.settings.warehouse_url, autocommit=True) as conn:
            results = gate.ask(conn, runs.get(conn, run_id), "build", self.settings)
        said = {
            result.rule: result
            for result in results
            if result.table == table
            and result.rule in {LOST, UNLIKE, SILENT, FOR_A_WHILE, PAST_LOST, PAST_CHANGED}
        }
        assert set(said) == set(learning.rules_of(self.figure))
        for rule, result in said.items():
            assert result.severity == ("critical" if rule in CRITICAL else "warning")
            assert result.unexpected_count is not None, f"{rule} could not be asked"
        self.conn.execute(f"truncate build.{table}")
        self.conn.execute(f"insert into build.{table} table kept.{table}")
        self.conn.commit()
        return {rule for rule, result in said.items() if not result.is_success}


@pytest.fixture
def table_of(settings: Settings, warehouse: psycopg.Connection) -> Iterator[Callable[[str], Table]]:
    def make(name: str) -> Table:
        table = Table(figures()[name], settings, warehouse)
        table.make()
        return table

    yield make


HALF_A_DAY = "delete from {table} where {at} >= timestamp '2026-02-28 03:00'"
TWO_HOURS = "delete from {table} where {at} >= timestamp '2026-02-28 22:00'"
NEARLY_ALL = "delete from {table} where {at} >= date '2026-02-28'"
MOST = (
    "with rows as (select ctid, row_number() over (order by {at} desc) as n from {table}"
    " where {at} >= date '2026-02-28') delete from {table} using rows"
    " where rows.ctid = {table}.ctid and n between 5 and 88"
)
TENFOLD = (
    "insert into {table} select {table}.* from {table}, generate_series(1, 9)"
    " where {at} >= date '2026-02-28'"
)
TWO_PERCENT_OF_THE_PAST = (
    "with rows as (select ctid, row_number() over () as n from {table}"
    " where {at} < date '2026-02-01') delete from {table} using rows"
    " where rows.ctid = {table}.ctid and n % 50 = 0"
)
TWO_PERCENT_MORE = (
    "insert into {table} select {table}.* from {table} where {at} < date '2026-02-01'"
    " and {at} >= date '2026-01-30'"
)


def test_every_figure_is_proved():
    assert set(figures()) == set(TABLES)


# each share, on the newest day another than before
OTHER_SHARES = {
    "fct_interactions": ["case_key = 'one'", "customer_key = 'one'", "text_masked = 'words'"],
    "fct_cases": ["topic = null", "brand = null"],
    "fct_ownership_spans": ["is_nobody = true"],
    "fct_sla_clocks": ["outcome = 'no_policy'"],
    "rpt_breach_attribution": ["outcome = 'breached'"],
    "fct_calls": [
        *("outcome = 'abandoned'", "agent_key = 'one'"),
        *("talk_seconds = 60 * talk_seconds", "talk_seconds = talk_seconds / 60"),
    ],
}


@pytest.mark.parametrize("name", TABLES)
def test_each_rule_of_a_table_notices_what_it_is_for(table_of, name):
    table = table_of(name)
    figure = table.figure
    table.publish()
    assert table.found() == set()
    if table.at == "at":  # nothing says of when a row is
        assert table.found(
            "delete from {table} where ctid in (select ctid from {table} limit 300)"
        ) == {PAST_LOST, PAST_CHANGED}
        return
    is_live, is_final = figure.is_live, figure.is_final
    silences = {SILENT, FOR_A_WHILE} if is_live else set()
    assert table.found(NEARLY_ALL) == ({LOST, UNLIKE} if is_final else set()) | silences
    assert table.found(MOST) == ({UNLIKE} if is_final else set())
    assert table.found(TENFOLD) == ({UNLIKE} if is_final else set())
    assert table.found(TWO_PERCENT_OF_THE_PAST) == {PAST_LOST, PAST_CHANGED}
    assert table.found(TWO_PERCENT_MORE) == {PAST_CHANGED}
    others = OTHER_SHARES.get(name, [])
    assert len(figure.shares) == len(others)
    for other in others:
        update = f"update {{table}} set {other} where {{at}} >= date '2026-02-28'"
        assert table.found(update) == {UNLIKE}, other
    if is_live:
        assert table.found(HALF_A_DAY) >= silences
        assert table.found(TWO_HOURS) == {FOR_A_WHILE}


def test_a_first_night_is_judged_by_its_own_days_alone(table_of):
    table = table_of("fct_cases")
    start_run(table.conn, "tonight")
    assert table.found() == set()
    assert table.found(NEARLY_ALL) == {LOST, UNLIKE, SILENT, FOR_A_WHILE}
    assert table.found(TWO_PERCENT_OF_THE_PAST) == set()


def test_without_four_weeks_of_history_nothing_is_said_but_that(table_of):
    table = table_of("fct_cases")
    start_run(table.conn, "tonight")
    assert table.found("delete from {table} where {at} < date '2026-02-02'" + ";" + NEARLY_ALL) == (
        set()
    )
    hows = {how for (how,) in table.conn.execute("select how from ops.thresholds")}
    assert "no bound: 26 days are too little to learn from" in hows


@pytest.mark.parametrize("share", [0.45, 10])
def test_a_quiet_day_and_a_tenfold_one_stop_no_night(table_of, share):
    table = table_of("fct_interactions")
    table.publish()
    quiet = (
        "with rows as (select ctid, row_number() over (order by {at}) as n from {table}"
        " where {at} >= date '2026-02-28') delete from {table} using rows"
        " where rows.ctid = {table}.ctid and n % 20 >= 9"
    )
    assert not table.found(quiet if share < 1 else TENFOLD) & CRITICAL


def test_an_empty_public_holiday_stops_no_night(table_of, tmp_path):
    policy = tmp_path / "policy"
    shutil.copytree(ROOT / "dbt_project" / "seeds" / "policy", policy)
    with (policy / "holidays.csv").open("a", encoding="utf-8") as file:
        file.write("support_hours,2026-02-28,,,,A day off,launch\n")
    table = table_of("fct_cases")
    table.publish()
    assert table.found(NEARLY_ALL) >= CRITICAL - {PAST_LOST}
    on_holiday = replace(table, settings=replace(table.settings, policy=policy))
    assert on_holiday.found(NEARLY_ALL) == {FOR_A_WHILE}


def test_a_source_that_did_not_come_to_its_end_is_not_missed_twice(table_of):
    """Its stream is a warning of its own; the night goes on without its news."""
    table = table_of("fct_cases")
    table.publish()
    break_it = "delete from {table} where source = 'one' and {at} >= date '2026-02-28'"
    assert LOST in table.found(break_it)
    table.conn.execute("update ops.stream_runs set source = 'one', status = 'failed'")
    assert table.found(break_it) == {UNLIKE, FOR_A_WHILE}


def test_an_export_may_come_late_unless_seven_nights_say_that_it_does_not(table_of):
    table = table_of("fct_cases")
    table.publish()
    add(
        table.conn,
        "ops.batches",
        [
            {"source": "one", "source_kind": "file", "stream": "cases", "object": "o"}
            | {"sha256": "", "record_count": 0, "loaded_count": 0, "superseded_count": 0}
            | {"quarantined_count": 0}
        ],
    )
    break_it = "delete from {table} where source = 'one' and {at} >= date '2026-02-28'"
    assert table.found(break_it) == {UNLIKE, FOR_A_WHILE}
    for back in range(1, 8):
        table.conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input, status) values"
            " (%s, 'nightly', %s, 'files', 'published')",
            [f"punctual {back}", AS_OF - timedelta(days=back)],
        )
        table.conn.execute(
            "insert into ops.thresholds (run_no, stage, table_name, rule, subject, day, found,"
            " learnt_count, is_held, how) select max(run_no), 'build', 'fct_cases', %s,"
            " 'source one', %s, 60, 0, false, '' from ops.runs",
            [LOST, NEWEST - timedelta(days=back)],
        )
    start_run(table.conn, "tonight again")
    assert table.found(break_it, "tonight again") == {LOST, UNLIKE, FOR_A_WHILE}


def test_other_models_or_policies_may_change_the_past(table_of):
    table = table_of("fct_cases")
    table.publish()
    table.conn.execute("update ops.runs set fingerprint = 'g' where run_id = 'tonight'")
    assert table.found(TWO_PERCENT_OF_THE_PAST) == {PAST_CHANGED}


def test_a_night_after_some_that_were_missed_compares_what_both_know(table_of):
    table = table_of("fct_cases")
    table.publish("2026-02-24")
    assert table.found() == set()
    assert table.found(TWO_PERCENT_OF_THE_PAST) == {PAST_LOST, PAST_CHANGED}


def test_a_red_night_is_not_learnt_from_unless_it_was_published_all_the_same(table_of):
    table = table_of("fct_cases")
    start_run(table.conn, "red", "2026-02-27")
    table.conn.execute(
        "insert into ops.thresholds (run_no, stage, table_name, rule, subject, day, found, lower,"
        " learnt_count, is_held, how) select run_no, 'build', 'fct_cases', %s, 'rows',"
        " '2026-02-26', 3, 30, 0, false, '' from ops.runs",
        [LOST],
    )
    table.conn.execute("update ops.runs set status = 'failed'")
    start_run(table.conn, "tonight")
    learnt = (
        "select learnt_count from ops.thresholds"
        " where run_no = 2 and rule = %s and subject = 'rows'"
    )
    assert table.found() == set()
    assert table.conn.execute(learnt, [LOST]).fetchone() == (thresholds.HISTORY_DAYS - 1,)
    table.conn.execute("update ops.runs set status = 'published' where run_id = 'red'")
    assert table.found() == set()
    assert table.conn.execute(learnt, [LOST]).fetchone() == (thresholds.HISTORY_DAYS,)


def test_the_same_night_asked_again_keeps_the_same_rows(table_of):
    table = table_of("fct_sla_clocks")
    table.publish()
    rows = "select * from ops.thresholds order by run_no, stage, table_name, rule, subject"
    table.found()
    first = table.conn.execute(rows).fetchall()
    table.found()
    assert first and table.conn.execute(rows).fetchall() == first
