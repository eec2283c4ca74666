"""Planning on a real warehouse: what is written down, and what a second call finds."""

import dataclasses
from datetime import UTC, datetime

import pytest

from answerable import runs
from answerable.warehouse.names import Schemas

STREAMS = ({"source": "zendesk", "kind": "zendesk", "stream": "tickets"},)


@pytest.fixture
def plan(settings, tmp_path):
    (tmp_path / "company.csv").write_text("company_name,timezone\nAcme,Europe/London\n")
    with_policy = dataclasses.replace(settings, policy=tmp_path)

    def call(date: str | None = None, streams=STREAMS, has_files: bool = False) -> dict:
        request = runs.PlanRequest(
            now=datetime.now(UTC), date=date, streams=streams, has_files=has_files
        )
        return runs.plan(request, with_policy)

    return call


def publish(conn, run_id: str) -> None:
    run = runs.get(conn, run_id)
    conn.execute(
        "insert into ops.publications (run_id, run_no, schema_prefix, as_of, reads_up_to,"
        " fingerprint) values (%s, %s, %s, %s, %s, 'f')",
        [run.run_id, run.run_no, run.schema_prefix, run.as_of, run.reads_up_to],
    )
    runs.finish(conn, run_id)
    conn.commit()


def test_a_night_is_written_down_with_what_it_pulls_and_reads(plan, warehouse):
    receipt = plan()
    run = runs.get(warehouse, receipt["run_id"])
    assert receipt == {
        "run_id": run.run_id,
        "as_of": "2026-03-01 00:00:00",
        "kind": "nightly",
        "streams": list(STREAMS),
        "reason": receipt["reason"],
    }
    assert (run.status, run.reads_up_to, run.streams) == ("running", run.run_no, list(STREAMS))
    assert run.schemas == Schemas.of("")


def test_a_night_killed_or_failed_is_planned_again_as_the_same_run(plan, warehouse):
    first = plan()
    assert plan() == first | {"reason": plan()["reason"]}
    runs.fail(warehouse, first["run_id"])
    assert runs.get(warehouse, first["run_id"]).status == "failed"
    again = plan("2026-05-05")
    assert (again["run_id"], again["as_of"]) == (first["run_id"], first["as_of"])
    assert runs.get(warehouse, first["run_id"]).status == "running"
    assert warehouse.execute("select count(*) from ops.runs").fetchone() == (1,)


def test_a_night_called_again_without_files_keeps_those_it_began_with(plan):
    """What the sandbox's tools deliver are files too, and named each time."""
    delivered = {"source": "switchboard", "kind": "file", "stream": "calls", "file": "a"}
    named = {"source": "shop", "kind": "file", "stream": "cases", "file": "b"}
    plan(streams=(*STREAMS, delivered, named), has_files=True)
    assert plan(streams=(*STREAMS, delivered))["streams"] == [*STREAMS, delivered, named]
    other = named | {"file": "c"}
    again = plan(streams=(*STREAMS, delivered, other), has_files=True)
    assert again["streams"] == [*STREAMS, delivered, other], "what is named now goes before"


def test_a_published_night_without_its_report_is_unfinished_and_pulls_nothing(plan, warehouse):
    first = plan()
    publish(warehouse, first["run_id"])
    again = plan()
    assert (again["run_id"], again["streams"]) == (first["run_id"], [])
    assert runs.get(warehouse, first["run_id"]).status == "published"
    runs.note_report(warehouse, first["run_id"], "reports/x.html")
    assert plan()["as_of"] == "2026-03-02 00:00:00"


def test_a_failure_noted_after_publishing_changes_nothing(plan, warehouse):
    first = plan()
    publish(warehouse, first["run_id"])
    runs.fail(warehouse, first["run_id"])
    assert runs.get(warehouse, first["run_id"]).status == "published"


def test_a_replay_has_schemas_of_its_own_and_reads_what_its_night_read(plan, warehouse):
    for _ in range(2):
        receipt = plan()
        publish(warehouse, receipt["run_id"])
        runs.note_report(warehouse, receipt["run_id"], "x")
    receipt = plan("2026-03-01")
    run = runs.get(warehouse, receipt["run_id"])
    assert (run.kind, run.reads_up_to, run.replays_run_no) == ("replay", 1, 1)
    assert receipt["streams"] == []
    names = {n for (n,) in warehouse.execute("select nspname from pg_namespace")}
    assert {"replay_20260301", "replay_20260301_build", "replay_20260301_private"} <= names
    # published as a replay, it is no night: the next night is still the third
    publish(warehouse, run.run_id)
    runs.note_report(warehouse, run.run_id, "x")
    assert plan()["as_of"] == "2026-03-03 00:00:00"


def test_a_replay_that_was_killed_does_not_hold_up_the_next_night(plan, warehouse):
    receipt = plan()
    publish(warehouse, receipt["run_id"])
    runs.note_report(warehouse, receipt["run_id"], "x")
    replay = plan("2026-03-01")
    assert plan()["kind"] == "nightly"
    assert runs.get(warehouse, replay["run_id"]).status == "abandoned"


def test_a_night_rolled_back_is_due_again_as_another_run(plan, warehouse):
    receipts = []
    for _ in range(2):
        receipts.append(plan())
        publish(warehouse, receipts[-1]["run_id"])
        runs.note_report(warehouse, receipts[-1]["run_id"], "x")
    second = receipts[1]["run_id"]
    warehouse.execute("update ops.runs set status = 'rolled_back' where run_id = %s", [second])
    warehouse.execute(
        "update ops.publications set rolled_back_at = now() where run_id = %s", [second]
    )
    warehouse.commit()
    again = plan()
    assert again["as_of"] == receipts[1]["as_of"] and again["run_id"] != second


def test_a_night_given_up_makes_room_and_only_an_unfinished_one_can_be(plan, warehouse):
    first = plan()
    runs.abandon(warehouse, first["run_id"])
    assert plan()["run_id"] != first["run_id"]
    with pytest.raises(runs.PlanError, match="is not unfinished"):
        runs.abandon(warehouse, first["run_id"])


def test_an_unknown_run_is_named(warehouse):
    with pytest.raises(LookupError, match="no run 'nobody'"):
        runs.get(warehouse, "nobody")
