"""DAG files as Airflow sees them: in a process of its own, so that no test imports Airflow."""

import json
import os
import subprocess
import sys
from pathlib import Path

from answerable.settings import ROOT

PARSE = """
import json, sys, time
import airflow.sdk
started = time.monotonic()
import runpy
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
found = runpy.run_path(sys.argv[1])
seconds = time.monotonic() - started
dag = found["the_dag"]
print("RESULT" + json.dumps({
    "seconds": seconds,
    "heavy": sorted({m.partition(".")[0] for m in sys.modules}
                    & {"answerable", "dbt", "great_expectations", "pandas", "requests_mock"}),
    "edges": {t.task_id: sorted(t.downstream_task_ids) for t in dag.tasks},
    "rules": {t.task_id: t.trigger_rule.value for t in dag.tasks
              if t.trigger_rule.value != "all_success"},
    "mapped": [t.task_id for t in dag.tasks if t.is_mapped],
    "map_index_template": {t.task_id: t.map_index_template for t in dag.tasks if t.is_mapped},
    "outlets": {t.task_id: [o.uri for o in t.outlets] for t in dag.tasks if t.outlets},
    "retries": {t.task_id: t.retries for t in dag.tasks},
    "params": dict(dag.params),
    "max_active_runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "schedule": getattr(dag.timetable, "expression", None),
    "timezone": str(getattr(dag.timetable, "timezone", None)),
    "doc": dag.doc_md,
}, default=str))
"""


def in_airflow(program: str, argument: str, home: Path) -> object:
    environ = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    environ.pop("ANSWERABLE_RETRIES", None)
    done = subprocess.run(
        [sys.executable, "-c", program, argument], env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("RESULT")[2])
