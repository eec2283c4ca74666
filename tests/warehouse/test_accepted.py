"""Accepted exceptions: what stops no night, up to how much, until when, and where it goes on."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from marts_by_hand import AS_OF, fill, make_build, models, small_night, start_run
from typer.testing import CliRunner

from answerable import cli, pipeline, reports, runs
from answerable.quality import GateFailed, accepted, check
from answerable.settings import Settings
from answerable.warehouse import dbt
from answerable.warehouse.publish import publish

TABLE, RULE = "fct_ownership_spans", "ExpectSpanSecondsToBeItsLength"
NIGHT = AS_OF.date()
WHY = {"until": NIGHT + timedelta(days=7), "reason": "an import of old replies", "owner": "Ada"}


@pytest.fixture
def red(warehouse: psycopg.Connection, settings: Settings) -> Settings:
    """A night with two spans that last a second too long, which its gate refuses."""
    make_build(warehouse)
    fill(warehouse, small_night())
    broken(warehouse, 1, 2)
    start_run(warehouse, "run-1")
    with pytest.raises(GateFailed, match="2 found"):
        check("run-1", settings=settings)
    return settings


def broken(conn: psycopg.Connection, *cases: int) -> None:
    conn.execute(
        "update build.fct_ownership_spans set calendar_seconds = calendar_seconds + 1"
        " where case_key = any (%s)",
        [[f"zendesk:{number}" for number in cases]],
    )
    conn.commit()


def test_an_exception_holds_for_its_rows_and_its_nights(red, warehouse):
    made = accepted.accept(warehouse, red, TABLE, RULE, **WHY)
    assert (made.most_rows, made.from_night) == (2, NIGHT)
    check("run-1", settings=red)
    (stored,) = warehouse.execute(
        "select exception_no, is_success, severity from ops.check_results"
        " where rule = %s order by checked_at desc limit 1",
        [RULE],
    ).fetchall()
    assert stored == (made.exception_no, False, "critical")

    broken(warehouse, 4)  # one row more than was accepted
    with pytest.raises(GateFailed, match=RULE):
        check("run-1", settings=red)


def test_an_exception_ends_with_its_day_or_when_it_is_ended(red, warehouse):
    made = accepted.accept(warehouse, red, TABLE, RULE, **WHY)

    def nights(*days: int) -> list[bool]:
        found = []
        for day in days:
            warehouse.execute(
                "update ops.runs set as_of = %s where run_id = 'run-1'",
                [AS_OF + timedelta(days=day)],
            )
            found.append(accepted.in_force(warehouse, runs.get(warehouse, "run-1"), red) != [])
        return found

    assert nights(-1, 0, 6, 7) == [False, True, True, False]
    accepted.end(warehouse, made.exception_no)
    assert nights(0, 6) == [False, False]
    with pytest.raises(accepted.AcceptError, match="no exception"):
        accepted.end(warehouse, made.exception_no)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"table": "fct_cases"}, f"what does not: {TABLE} '{RULE}'"),
        ({"until": NIGHT}, "name a later day"),
        ({"reason": " "}, "a reason and an owner"),
        ({"most_rows": 1}, "2 rows were found"),
    ],
)
def test_what_cannot_be_accepted_is_said(red, warehouse, changed, said):
    asked = {"table": TABLE, "rule": RULE, **WHY, **changed}
    with pytest.raises(accepted.AcceptError, match=said):
        accepted.accept(warehouse, red, asked.pop("table"), asked.pop("rule"), **asked)


def test_a_rule_that_could_not_be_asked_is_not_accepted(red, warehouse):
    warehouse.execute("alter table build.fct_calls drop column ivr_seconds")
    warehouse.commit()
    with pytest.raises(GateFailed):
        check("run-1", settings=red)
    with pytest.raises(accepted.AcceptError, match="could not be asked"):
        accepted.accept(warehouse, red, "fct_calls", "ExpectNoNegativeSeconds", **WHY)


@pytest.fixture
def asked(red, warehouse, monkeypatch) -> Callable[[], list[str]]:
    """`asked()` goes through the steps up to the gate; gives those that did something."""
    warehouse.execute("update ops.runs set fingerprint = %s", [dbt.fingerprint(red)])
    warehouse.commit()
    did: list[str] = []

    def steps() -> list[str]:
        did.clear()
        pipeline.land_source("run-1", source="zendesk", kind="zendesk", streams=[], connection=None)
        pipeline.load("run-1")
        pipeline.check_raw("run-1")
        pipeline.build("run-1", part="first")
        pipeline.identity("run-1")
        pipeline.build("run-1", part="rest")
        return list(did)

    def note(name: str) -> Callable[..., dict]:
        return lambda *args, **kwargs: did.append(name) or {}

    monkeypatch.setattr("answerable.landing.together.together", note("land"))
    monkeypatch.setattr("answerable.warehouse.load.load", note("load"))
    monkeypatch.setattr("answerable.quality.check_raw", note("check_raw"))
    monkeypatch.setattr(dbt, "build", note("build"))
    monkeypatch.setattr("answerable.identity.resolve", note("identity"))
    return steps


WHOLE = ["land", "load", "check_raw", "build", "identity", "build"]


def test_a_red_night_goes_on_from_the_gate_if_something_was_accepted(red, warehouse, asked):
    assert asked() == WHOLE
    accepted.accept(warehouse, red, TABLE, RULE, **WHY)
    assert asked() == []
    # still red, for another reason: the next call does everything again
    broken(warehouse, 4)
    with pytest.raises(GateFailed):
        check("run-1", settings=red)
    assert asked() == WHOLE


def test_a_red_night_is_built_again_where_models_changed_meanwhile(red, warehouse, asked):
    accepted.accept(warehouse, red, TABLE, RULE, **WHY)
    warehouse.execute("update ops.runs set fingerprint = 'another'")
    warehouse.commit()
    assert asked() == WHOLE


def test_after_the_first_gate_only_what_comes_before_it_is_done(red, warehouse, asked):
    warehouse.execute("update ops.check_results set stage = 'raw'")
    warehouse.commit()
    accepted.accept(warehouse, red, TABLE, RULE, **WHY)
    assert asked() == WHOLE[2:]


def test_the_report_names_each_exception_until_it_ends(red, warehouse):
    made = accepted.accept(
        warehouse, red, TABLE, RULE, **WHY | {"reason": "<script>alert(1)</script>"}
    )
    check("run-1", settings=red)
    publish("run-1", models=models(), settings=red)
    page = Path(reports.write("run-1", settings=red)["path"]).read_text(encoding="utf-8")
    assert "1 accepted exception</strong>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; (Ada)" in page and "<script>alert" not in page
    assert "<td>8 March 2026</td>" in page
    accepted.end(warehouse, made.exception_no)
    page = Path(reports.write("run-1", settings=red)["path"]).read_text(encoding="utf-8")
    assert "accepted exception</strong>" not in page


def test_the_command_line_accepts_lists_and_ends(red, warehouse, monkeypatch):
    monkeypatch.setattr(cli, "_with_database", lambda: red)
    call = CliRunner().invoke

    done = call(
        cli.app,
        ["accept", TABLE, RULE, "--until=2026-03-05", "--reason=known", "--owner=Ada"],
    )
    assert done.exit_code == 0, done.output
    assert "up to 2 rows, nights from 2026-03-01 to before 2026-03-05" in done.output
    listed = call(cli.app, ["exceptions"]).output
    assert RULE in listed and "known" in listed and "ended" not in listed
    assert "ended" in call(cli.app, ["exceptions", "--end=1"]).output
