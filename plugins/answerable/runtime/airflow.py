"""How Airflow is set up here: by its environment alone, all of it under the home folder."""

import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg

from answerable.runtime import postgres
from answerable.runtime.files import write_private
from answerable.settings import Settings

# nothing that we use tells its maker that we use it
NO_USAGE_REPORTS = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DBT_NO_VERSION_CHECK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


class AirflowError(RuntimeError):
    """Airflow cannot be set up or started; the text says why."""


def home_of(settings: Settings) -> Path:
    return settings.home / "airflow"


def environment(settings: Settings, cluster: postgres.Cluster) -> dict[str, str]:
    """What to set before Airflow is imported. What the user set stays as it is."""
    home = home_of(settings)
    metadata = cluster.url(postgres.AIRFLOW).removeprefix("postgresql://")
    ours = NO_USAGE_REPORTS | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__MP_START_METHOD": "fork",
        "AIRFLOW__CORE__FERNET_KEY": _secret(home / "fernet_key", padded=True),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",  # it listens on loopback only
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(home / "jwt_secret"),
        "AIRFLOW__API__SECRET_KEY": _secret(home / "api_secret"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{metadata}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{metadata}",
        # the first answers of a server that has just started take longer than the default of 5 s
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.home / "logs" / "airflow"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(settings.root / "plugins"), os.environ.get("PYTHONPATH")])
        ),
        "ANSWERABLE_HOME": str(settings.home),
    }
    # whose process reads the settings again finds the same
    return {k: v for k, v in ours.items() if k == "PYTHONPATH" or k not in os.environ}


def migrate(settings: Settings, cluster: postgres.Cluster) -> bool:
    """Bring Airflow's own tables to the installed version; says whether there was work."""
    wanted = f"{version('apache-airflow')} {cluster.data.stat().st_ino}\n"
    stamp = home_of(settings) / "migrated"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return False
    log = settings.home / "logs" / "airflow-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as handle:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=os.environ | environment(settings, cluster),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
        )
    if done.returncode != 0:
        raise AirflowError(
            f"Airflow could not set up its own tables (airflow db migrate ended with "
            f"{done.returncode}); its log is {log}"
        )
    write_private(stamp, wanted)
    return True


def end_dead_runs(cluster: postgres.Cluster, dag: str | None = None) -> int:
    """Fail the DAG runs that were killed, or a scheduler would go on with them; of one DAG or all.

    Only for a caller that knows that none of them runs and no scheduler is up.
    """
    with psycopg.connect(cluster.url(postgres.AIRFLOW)) as conn:
        dead = conn.execute(
            "update dag_run set state = 'failed', end_date = now()"
            " where state in ('running', 'queued') and (%s::text is null or dag_id = %s)"
            " returning dag_id, run_id",
            [dag, dag],
        ).fetchall()
        for dag_id, run_id in dead:
            conn.execute(
                "update task_instance set state = 'failed', end_date = now()"
                " where dag_id = %s and run_id = %s"
                " and (state is null or state not in ('success', 'skipped', 'failed',"
                " 'upstream_failed', 'removed'))",
                [dag_id, run_id],
            )
    return len(dead)


def _secret(file: Path, *, padded: bool = False) -> str:
    """A secret made once and kept in a file that only its owner reads."""
    if not file.exists():
        # Fernet wants 32 bytes in URL-safe base 64, padded; for the others longer is better
        made = f"{secrets.token_urlsafe(32)}=" if padded else secrets.token_urlsafe(64)
        write_private(file, made)
    return file.read_text(encoding="utf-8")
