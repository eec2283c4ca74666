"""What the sandbox's tools deliver in a night: up to as_of, and for the sandbox alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from answerable import pipeline, runs
from answerable.runtime import sandbox
from answerable.settings import ROOT
from answerable.sources import Connection

TOOLS = {"switchboard", "salesbook", "workshop"}


@pytest.fixture
def small(settings, monkeypatch):
    monkeypatch.setenv("ANSWERABLE_SANDBOX_SIZE", "0.1")
    return settings


@pytest.fixture
def accounts():
    return [Connection.from_dict(each) for each in sandbox.stand_ins()]


def delivered(settings) -> list[str]:
    return sorted(path.name for path in settings.home.glob("sandbox/exports/*/*"))


def test_a_night_of_the_sandbox_reads_what_its_tools_deliver_up_to_as_of(small, accounts):
    planned = pipeline.plan("2025-12-11", connections=accounts, is_sandbox=True)
    assert {each["source"] for each in planned["streams"]} > TOOLS
    names = delivered(small)
    assert "calls_20251211T000000Z.csv.gz" in names and len(names) == 6
    for each in planned["streams"]:
        if each["source"] in TOOLS:
            receipt = pipeline.land(planned["run_id"], **each, connection=None)
            assert (receipt["status"], receipt["pages"]) == ("landed", 1) and receipt["records"]
    # called again, the same night finds nothing new
    again = pipeline.plan(connections=accounts, is_sandbox=True)
    assert again["run_id"] == planned["run_id"] and delivered(small) == names


def test_files_of_the_user_are_named_beside_them(small, accounts, monkeypatch):
    files = f"{ROOT / 'examples/files/crm.yml'}={ROOT / 'tests/data/crm'}/"
    monkeypatch.setenv("ANSWERABLE_FILES", files)
    planned = pipeline.plan("2025-12-11", connections=accounts, is_sandbox=True)
    assert {each["source"] for each in planned["streams"]} == {"zendesk", "x", "crm"} | TOOLS
    (crm,) = [each for each in planned["streams"] if each["source"] == "crm"]
    assert Path(crm["file"]) == ROOT / "tests/data/crm"


def test_where_accounts_are_real_or_files_alone_are_named_nothing_is_delivered(
    small, accounts, monkeypatch
):
    planned = pipeline.plan("2025-12-11", connections=accounts)
    assert {each["source"] for each in planned["streams"]} == {"zendesk", "x"}
    assert delivered(small) == []
    # an invented company never enters the warehouse of a real one
    with pytest.raises(runs.PlanError, match="holds data of real ones"):
        runs.preview(runs.PlanRequest(now=datetime.now(UTC)), small)
