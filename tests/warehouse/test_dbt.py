"""dbt's own tests: on a warehouse that nothing was loaded into, on ten days of the sandbox, and on
models and macros that were broken on purpose.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jinja2
import psycopg
import pytest
import yaml
from broken_models import MACROS, rounds

from answerable import identity, pipeline, runs
from answerable.runtime import sandbox
from answerable.settings import ROOT
from answerable.sources import Connection
from answerable.warehouse import db, dbt

PROJECT = ROOT / "dbt_project"
DAY = "2025-12-11"  # the sandbox's history is ten days old


def build(planned: dict, settings) -> runs.Run:
    for part in ("first", "rest"):
        pipeline.build(planned["run_id"], part=part)
        if part == "first":
            identity.resolve(planned["run_id"])
    with db.connect(settings) as conn:
        return runs.get(conn, planned["run_id"])


@pytest.fixture(scope="module")
def empty(new_settings, using):
    """A warehouse built by a night that found nothing at all; its settings and its run."""
    settings = new_settings()
    with using(settings):
        accounts = [Connection.from_dict(each) for each in sandbox.stand_ins()]
        yield settings, build(pipeline.plan(DAY, connections=accounts, is_sandbox=True), settings)


@pytest.fixture(scope="module")
def ten_days(new_settings, using):
    """A warehouse built from the first ten days of a small company; its settings and its run."""
    settings = new_settings()
    with pytest.MonkeyPatch.context() as patch, using(settings):
        patch.setenv("ANSWERABLE_SANDBOX_SIZE", "0.3")
        stand_ins = [Connection.from_dict(each) for each in sandbox.stand_ins()]
        planned = pipeline.plan(DAY, connections=stand_ins, is_sandbox=True)
        with db.connect(settings) as conn:
            as_of = runs.get(conn, planned["run_id"]).as_of
        with sandbox.serving(as_of) as served:
            for each in planned["streams"]:
                account = None
                if each["source"] in sandbox.SOURCES:
                    account = Connection.from_dict(sandbox.account(each["source"], served))
                pipeline.land(planned["run_id"], **each, connection=account)
        pipeline.load(planned["run_id"])
        yield settings, build(planned, settings)


@pytest.fixture(scope="module")
def on_empty(empty):
    """What each of dbt's tests says on the empty warehouse."""
    settings, run = empty
    return dbt.test(settings, run, "test_type:unit", "test_type:data")


def names_in_files() -> tuple[set[str], set[str]]:
    """Unit tests and singular tests, as the project's files name them."""
    units = {
        test["name"]
        for file in PROJECT.glob("models/**/*.yml")
        for test in yaml.safe_load(file.read_text(encoding="utf-8")).get("unit_tests", [])
    }
    return units, {file.stem for file in PROJECT.glob("tests/**/*.sql")}


def failures(results: Sequence[dbt.Tested]) -> dict[str, str]:
    return {each.name: each.message for each in results if each.status != "pass"}


def test_every_thought_holds_at_its_edges(on_empty):
    units, _ = names_in_files()
    results = [each for each in on_empty if each.kind == "unit"]
    assert failures(results) == {}
    assert {each.name for each in results} == units
    assert len(units) > 80


def test_the_engine_gives_the_golden_rows_and_nothing_holds_of_nothing(on_empty):
    """An empty warehouse passes all data tests; golden rows need no data, so this judges them."""
    _, singular = names_in_files()
    results = [each for each in on_empty if each.kind == "data"]
    assert failures(results) == {}
    assert singular <= {each.name for each in results}


def test_columns_that_are_joined_by_together_are_counted_together(ten_days):
    settings, _ = ten_days
    with db.connect(settings) as conn:
        counted = conn.execute(
            "select tablename, attnames::text from pg_stats_ext"
            " where schemaname = 'build' and n_distinct is not null order by 1"
        ).fetchall()
    assert counted == [
        ("int_business_hours", "{schedule,bucket_no}"),
        ("int_business_slices", "{schedule,utc_day}"),
    ]


@pytest.mark.parametrize("macro", ["delete_rows_of", "read_ahead"])
def test_rows_of_many_keys_are_found_by_a_bitmap(warehouse, macro):
    warehouse.execute(
        "create temporary table messages as select i::text as case_key"
        " from generate_series(1, 10000) as i"
    )
    warehouse.execute("create index on messages (case_key)")
    warehouse.execute("create temporary table dirty as select case_key from messages limit 100")
    warehouse.execute("analyze messages, dirty")
    macros = (PROJECT / "macros" / "dialect" / "tables.sql").read_text("utf-8")
    given = ("case_key", "select case_key from dirty")
    relation = () if macro == "delete_rows_of" else ("messages",)
    module = jinja2.Template(macros).make_module({"this": "messages"})
    before, statement, after = getattr(module, f"postgres__{macro}")(*relation, *given).split(";")

    def plan():
        return "".join(row for (row,) in warehouse.execute("explain " + statement))

    warehouse.execute(before)
    by_bitmap = plan()
    warehouse.execute(after)
    assert "Bitmap Heap Scan on messages" in by_bitmap
    assert "Bitmap" not in plan(), "the hint is of no use, or still on"


def test_the_numbers_of_ten_days_tie_out(ten_days):
    settings, run = ten_days
    with psycopg.connect(settings.warehouse_url) as conn:
        counts = conn.execute(
            "select (select count(*) from build.fct_cases),"
            " (select count(*) from build.fct_interactions),"
            " (select count(distinct outcome) from build.fct_sla_clocks),"
            " (select count(distinct verdict) from build.fct_ownership_spans)"
        ).fetchone()
    # enough to tie out: all outcomes, and all verdicts
    assert counts[0] > 150 and counts[1] > 600 and counts[2:] == (5, 5), counts
    results = dbt.test(settings, run, "test_type:data")
    assert failures(results) == {}
    assert len(results) > 60


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T10:00:00", "2026-03-01", "2026-03-01T10:00:00 Europe/London", "", "1772359200"],
)
def test_an_instant_without_a_zone_is_an_error(empty, on_empty, text):
    """A plain cast would take it for UTC, or for the session's zone, and say nothing."""
    settings, run = empty
    compiled = dbt.target_dir(settings, run) / "compiled/answerable/tests/dialect/utc_timestamp.sql"
    golden = compiled.read_text(encoding="utf-8")
    spoilt, count = re.subn(r"'2026-03-01T10:00:00Z'", f"'{text}'", golden)
    assert count == 1
    with psycopg.connect(settings.warehouse_url) as conn:
        assert conn.execute(golden).fetchall() == []
        with pytest.raises(psycopg.DataError, match="an instant needs a zone"):
            conn.execute(spoilt)


def broken(changes: Sequence[tuple], root: Path) -> Path:
    """A root whose copy of the project has the changes made; each has to change something."""
    shutil.copytree(PROJECT, root / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    for name, old, new, _ in changes:
        (file,) = (
            file
            for folder in ("models", "macros")
            for file in (root / "dbt_project" / folder).glob(f"**/{name}.sql")
        )
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{name}: the text to break is no more: {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")
    return root


def unnoticed(changes: Sequence[tuple], empty, root: Path) -> dict[str, object]:
    """Which of the tests named do not fail on the project in `root`, and what they say instead."""
    settings, run = empty
    tests = [test for *_, test in changes]
    select = [f"unit_test:{test}" for test in tests] + [
        f"path:tests/dialect/{t}.sql" for t in tests
    ]
    found = {each.name: each for each in dbt.test(replace(settings, root=root), run, *select)}
    # "fail": it gave other rows; "error" would only say that what was broken is the SQL
    return {
        test: found.get(test) for test in tests if test not in found or found[test].status != "fail"
    }


@pytest.mark.parametrize("number", range(len(rounds())))
def test_a_broken_model_fails_its_unit_test(empty, tmp_path, number):
    changes = rounds()[number]
    assert unnoticed(changes, empty, broken(changes, tmp_path)) == {}


def test_a_broken_macro_fails_its_golden_rows(empty, tmp_path):
    assert unnoticed(MACROS, empty, broken(MACROS, tmp_path)) == {}
