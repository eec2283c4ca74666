"""The backfill's DAG as Airflow sees it."""

import pytest
from in_airflow import PARSE, in_airflow

from answerable.settings import ROOT


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> dict:
    home = tmp_path_factory.mktemp("airflow")
    return in_airflow(PARSE, str(ROOT / "dags" / "backfill.py"), home)


def test_it_plans_and_pulls_and_runs_by_hand_only(parsed):
    assert parsed["edges"] == {"plan": ["pull"], "pull": []}
    assert parsed["schedule"] is None and parsed["outlets"] == {}


def test_it_may_be_told_source_days_and_streams(parsed):
    assert parsed["params"] == dict.fromkeys(("source", "since", "until", "streams"))


def test_parsing_is_quick_and_imports_nothing_that_the_steps_need(parsed):
    assert parsed["heavy"] == [] and parsed["seconds"] < 2


def test_the_page_tells_who_is_on_call_what_to_do(parsed):
    assert "When it is red" in parsed["doc"] and "**Owner**" in parsed["doc"]
