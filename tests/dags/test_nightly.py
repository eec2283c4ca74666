"""The DAG as Airflow sees it: in a process of its own, so that no test imports Airflow."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from in_airflow import PARSE, in_airflow

from answerable.settings import ROOT

PLUGINS = """
import sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded() if hasattr(plugins_manager, "ensure_plugins_loaded") \\
    else plugins_manager.get_plugin_info()
ours = {p.stem for p in __import__("pathlib").Path(sys.argv[1]).rglob("*.py")} - {"__init__"}
bad = sorted(
    name for name in ours & set(sys.modules)
    if str(getattr(sys.modules[name], "__file__", "")).startswith(sys.argv[1])
)
print("RESULT" + __import__("json").dumps(bad))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> dict:
    home = tmp_path_factory.mktemp("airflow")
    return in_airflow(PARSE, str(ROOT / "dags" / "nightly.py"), home)


def test_the_edges_are_those_we_drew(parsed):
    steps = [
        "land",
        "load",
        "check_raw",
        "build_first",
        "identity",
        "build_rest",
        "check",
        "publish",
        "report",
    ]
    chain = {step: [following] for step, following in itertools.pairwise(steps)}
    # each step is told by `plan` which night it is
    assert parsed["edges"] == {"plan": sorted(steps), **chain, "report": []}


def test_nothing_runs_past_a_failure_and_only_load_goes_on_without_landing(parsed):
    assert parsed["rules"] == {"load": "none_failed_min_one_success"}


def test_sources_are_mapped_and_named(parsed):
    assert parsed["mapped"] == ["land"]
    assert parsed["map_index_template"] == {"land": "{{ source_name }}"}


def test_publishing_alone_tells_subscribers_of_the_warehouse(parsed):
    assert parsed["outlets"] == {"publish": ["answerable://warehouse/marts"]}


def test_every_task_is_tried_again(parsed):
    assert set(parsed["retries"].values()) == {2}


REFUSED = """
import runpy, sys
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
dag = runpy.run_path(sys.argv[1])["the_dag"]
from answerable import pipeline
from answerable.quality import GateFailed
from answerable.runs import PlanError
from answerable.warehouse.db import NotRunning

said = {}
for name, error in {
    "gate": GateFailed([]), "plan": PlanError("no"), "lost": NotRunning("x"), "net": OSError("x"),
    "skip": AirflowSkipException("none due"),
}.items():
    def load(night, error=error):
        raise error
    pipeline.load = load
    try:
        dag.task_dict["load"].python_callable("night")
    except Exception as raised:
        said[name] = type(raised).__name__
print("RESULT" + __import__("json").dumps(said))
"""


def test_what_was_refused_is_not_tried_again_and_what_broke_is(tmp_path):
    said = in_airflow(REFUSED, str(ROOT / "dags" / "nightly.py"), tmp_path)
    assert said == {
        "gate": "AirflowFailException",
        "plan": "AirflowFailException",
        "lost": "NotRunning",
        "net": "OSError",
        "skip": "AirflowSkipException",
    }


def test_one_night_at_a_time_at_two_in_utc_and_none_made_up_for(parsed):
    assert (parsed["max_active_runs"], parsed["catchup"]) == (1, False)
    assert (parsed["schedule"], parsed["timezone"]) == ("0 2 * * *", "UTC")


def test_the_only_param_is_as_of_and_may_be_left_out(parsed):
    assert parsed["params"] == {"as_of": None}


def test_the_page_tells_who_is_on_call_what_to_do(parsed):
    assert "When it is red" in parsed["doc"] and "**Owner**" in parsed["doc"]


def test_parsing_is_quick_and_imports_nothing_that_the_steps_need(parsed):
    assert parsed["heavy"] == []
    assert parsed["seconds"] < 2


def test_airflow_takes_no_file_of_the_package_for_a_plugin(tmp_path):
    assert in_airflow(PLUGINS, str(ROOT / "plugins"), tmp_path) == []


def imports_of(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def test_no_module_of_the_package_imports_airflow():
    files = list((ROOT / "plugins" / "answerable").rglob("*.py"))
    assert len(files) > 20
    assert [f for f in files if "airflow" in imports_of(f)] == []


def test_the_linter_says_so_where_the_import_would_stand():
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ruff")),
            "check",
            "--no-cache",
            "--output-format=concise",
            "--stdin-filename=plugins/answerable/sources/new.py",
            "-",
        ],
        input="from airflow.sdk import Connection\n\nprint(Connection)\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "TID251" in done.stdout and "knows no orchestrator" in done.stdout
