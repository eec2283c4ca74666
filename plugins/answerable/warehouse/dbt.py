"""Run dbt for a night, in this process, and keep what it says model by model."""

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import psycopg

from answerable import policies, progress, runs
from answerable.settings import Settings, environment
from answerable.warehouse import db, publish

log = logging.getLogger(__name__)

Part = Literal["first", "evidence", "rest", "sla"]

# dbt's two runs of a night; identity stands between them. `evidence` is the end of `first` alone,
# `sla` that of `rest` which the SLA marts stand on.
SELECT: Mapping[Part, list[str]] = {
    "first": ["tag:first"],
    "evidence": ["path:models/intermediate/evidence"],
    "rest": ["tag:rest"],
    "sla": ["tag:rest,+path:models/marts/sla"],
}


DIRTY_BY = re.compile(r"delete_dirty\('(\w+)'\)")

# ANALYZE after each model reads 12,000 rows of it, not 30,000: a third of the time, and joins need
# no finer estimate
SAMPLE = "-c default_statistics_target=40"


class BuildError(RuntimeError):
    """dbt could not build the warehouse; the text names the models and what the database said."""


class PolicyError(ValueError):
    """The policy files contradict themselves; the text names file and row of each fault."""


def source_dir(settings: Settings) -> Path:
    """The project as it is written; dbt itself runs on a copy of it."""
    return settings.root / "dbt_project"


def project_dir(settings: Settings, run: runs.Run) -> Path:
    return settings.home / "dbt" / (run.schema_prefix or "nightly")


def target_dir(settings: Settings, run: runs.Run) -> Path:
    """Where dbt leaves its artefacts for this run; a replay keeps its own."""
    return project_dir(settings, run) / "target"


def manifest_path(settings: Settings, run: runs.Run) -> Path:
    return target_dir(settings, run) / "manifest.json"


def fingerprint(settings: Settings) -> str:
    """A digest of all that shapes the warehouse but its data: models, macros, policies.

    When it differs from the published one, every row may differ, so everything is built anew.
    """
    digest = hashlib.sha256()
    project = source_dir(settings)
    files = [
        *project.glob("dbt_project.yml"),
        *project.glob("models/**/*.sql"),
        *project.glob("macros/**/*.sql"),
        *settings.policy.glob("*.csv"),
        *(settings.root / "plugins" / "answerable" / "identity").glob("*.py"),
    ]
    for file in sorted(files, key=lambda path: (path.name, str(path))):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def stage_project(settings: Settings, run: runs.Run) -> Path:
    """Copy the project, with the policy that the user chose as its seeds, to where dbt runs.

    dbt writes what it runs to a path made of its target folder and the seed's own path: handed a
    policy folder outside the project it overwrote the user's files with SQL (dbt-core 1.11, tried).
    """
    project = project_dir(settings, run)
    for old in ("models", "macros", "tests", "seeds"):
        shutil.rmtree(project / old, ignore_errors=True)
    skip = shutil.ignore_patterns("target", "logs", "seeds", "*.md", "README*")
    try:
        shutil.copytree(source_dir(settings), project, ignore=skip, dirs_exist_ok=True)
    except shutil.Error as error:  # names each file: on a full disk, all of them
        raise BuildError(f"the dbt project cannot be copied: {error.args[0][0][-1]}") from error
    seeds = project / "seeds" / "policy"
    seeds.mkdir(parents=True)
    for file in sorted(settings.policy.glob("*.csv")):
        shutil.copyfile(file, seeds / file.name)
    for note in sorted((source_dir(settings) / "seeds").glob("**/*.yml")):
        shutil.copyfile(note, seeds / note.name)
    return project


def build(run_id: str, *, part: Part, settings: Settings | None = None) -> dict[str, Any]:
    """Build one of the two parts of the warehouse for the run. Doing it again changes nothing.

    Raises PolicyError before anything is built, BuildError when a model fails.
    """
    settings = settings or Settings.from_environment()
    if errors := policies.check(settings.policy):
        raise PolicyError("\n".join(["the policy cannot be used:", *errors]))
    with db.writer(settings, run_id) as conn:
        run = runs.get(conn, run_id)
        last = published(conn, run)
        mark = fingerprint(settings)
        is_full = (
            run.kind == "replay"
            or last is None
            or publish.needs_full(conn, run.schema_prefix)
            or last["fingerprint"] != mark
        )
        if part == "first":
            # once full, full until it is published: a half-done rebuild is nothing to add to
            conn.execute(
                "update ops.runs set is_full = coalesce(is_full, false) or %s, fingerprint = %s"
                " where run_id = %s",
                [is_full, mark, run_id],
            )
            conn.commit()
            run = runs.get(conn, run_id)
        elif run.fingerprint != mark:
            raise BuildError(
                "models, macros or policies changed since this night's first part was built; "
                "call `make nightly` again, which starts the build anew"
            )
        stage_project(settings, run)
        values = variables(settings, run, last)
        with environment(values):
            return _invoke(conn, run, part, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of one of dbt's tests."""

    name: str
    kind: Literal["unit", "data"]
    status: Literal["pass", "fail", "error", "warn", "skipped"]
    message: str


def test(settings: Settings, run: runs.Run, *select: str) -> list[Tested]:
    """Run dbt's own tests on what is built for the run: `test_type:unit`, `path:tests/dialect`, ...

    Raises BuildError when dbt could not run them at all; a test that fails is a result.
    """
    from dbt.cli.main import dbtRunner  # seconds to import, so only where dbt is run

    with db.connect(settings) as conn:
        values = variables(settings, run, published(conn, run))
    stage_project(settings, run)
    with environment(values):
        outcome = dbtRunner().invoke(command(settings, run, "test", "--select", *select))
    if outcome.exception is not None:
        raise BuildError(f"dbt: {outcome.exception}") from outcome.exception
    return [
        Tested(
            name=each.node.name,
            kind="unit" if each.node.resource_type == "unit_test" else "data",
            status="error" if each.status == "runtime error" else str(each.status),
            message=(each.message or "").strip(),
        )
        for each in outcome.result.results
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A model's own SQL, without the name of the database, and the models and schemas of sources
    (`identity`) that it reads."""

    query: str
    parents: tuple[str, ...]


def compiled(conn: psycopg.Connection, settings: Settings, run: runs.Run) -> Mapping[str, Compiled]:
    """What a full build of the run would say of each model, by its name. Builds nothing."""
    from dbt.cli.main import dbtRunner  # seconds to import, so only where dbt is run

    values = variables(settings, run, published(conn, run))
    stage_project(settings, run)
    with environment(values):
        arguments = command(settings, run, "compile", "--select", "resource_type:model")
        arguments += ["--no-write-json", *(["--full-refresh"] if run.is_full else [])]
        outcome = dbtRunner().invoke(arguments)
    if not outcome.success:
        raise BuildError(f"dbt: {outcome.exception or 'a model cannot be compiled'}")
    nodes = [each.node for each in outcome.result.results]
    names = {node.unique_id: node.name for node in nodes}
    return {
        node.name: Compiled(
            query=node.compiled_code.replace(f'"{node.database}".', ""),
            parents=tuple(
                names[parent] if parent in names else parent.split(".")[2]
                for parent in node.depends_on.nodes
            ),
        )
        for node in nodes
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a model says of the rows of its table: of all, or of those that the night made anew."""

    query: str
    is_whole: bool
    dirty: str | None = None  # the key by which its rows are taken out before they come anew


def definitions(settings: Settings, run: runs.Run) -> Mapping[str, Definition]:
    """The query of each model that is made whole each night, and in an increment of those that are
    added to and published, or kept by a dirty key. As dbt last compiled it, without the name of the
    database.
    """
    nodes = json.loads(manifest_path(settings, run).read_text(encoding="utf-8"))["nodes"].values()
    compiled_to = target_dir(settings, run) / "compiled"
    found = {}
    for node in nodes:
        config = node.get("config", {})
        if node.get("resource_type") != "model":
            continue
        is_whole = config["materialized"] == "table"
        is_published = bool((config.get("meta") or {}).get("publish"))
        dirty = DIRTY_BY.search(node["raw_code"])
        # one that does not itself say which rows come anew reads a view that shows no others
        is_kept = dirty is not None and "is_incremental()" in node["raw_code"]
        is_added_to = config["materialized"] == "incremental" and (is_published or is_kept)
        # in a full build that would be to make the large ones twice
        if not is_whole and (run.is_full or not is_added_to):
            continue
        if not is_published and "is_full()" in node["raw_code"]:
            continue  # what such a one has is what the night needs of it
        file = compiled_to / node["package_name"] / node["original_file_path"]
        if file.exists():
            query = file.read_text(encoding="utf-8")
            found[node["name"]] = Definition(
                query=query.replace(f'"{node["database"]}".', ""),
                is_whole=is_whole,
                dirty=dirty[1] if dirty else None,
            )
    return found


def published(conn: psycopg.Connection, run: runs.Run) -> dict[str, Any] | None:
    """as_of, reads_up_to and fingerprint of what readers of these schemas see now."""
    row = conn.execute(
        "select as_of, reads_up_to, fingerprint from ops.publications"
        " where schema_prefix = %s and rolled_back_at is null"
        " order by publication_no desc limit 1",
        [run.schema_prefix],
    ).fetchone()
    return dict(zip(("as_of", "reads_up_to", "fingerprint"), row, strict=True)) if row else None


def variables(settings: Settings, run: runs.Run, last: Mapping[str, Any] | None) -> dict[str, str]:
    """What the project reads from the environment in this run."""
    url = urlsplit(settings.warehouse_url)
    schemas = run.schemas
    return {
        "ANSWERABLE_DB_HOST": url.hostname or "127.0.0.1",
        "ANSWERABLE_DB_PORT": str(url.port or 5432),
        "ANSWERABLE_DB_USER": unquote(url.username or ""),
        "DBT_ENV_SECRET_PASSWORD": unquote(url.password or ""),
        "ANSWERABLE_DB_NAME": url.path.lstrip("/"),
        "ANSWERABLE_BUILD_SCHEMA": schemas.build,
        "ANSWERABLE_MARTS_SCHEMA": schemas.marts,
        "ANSWERABLE_PRIVATE_SCHEMA": schemas.private,
        "ANSWERABLE_IDENTITY_SCHEMA": schemas.identity,
        "ANSWERABLE_AS_OF": run.as_of.isoformat(sep=" "),
        "ANSWERABLE_PUBLISHED_AS_OF": (last["as_of"] if last else run.as_of).isoformat(sep=" "),
        "ANSWERABLE_READS_UP_TO": str(run.reads_up_to),
        "ANSWERABLE_PUBLISHED_UP_TO": str(last["reads_up_to"] if last else 0),
        "ANSWERABLE_IS_FULL": "true" if run.is_full else "false",
        "ANSWERABLE_TIMEZONE": settings.company_timezone,
        **db.ENVIRONMENT,
        "PGOPTIONS": f"{os.environ.get('PGOPTIONS', '')} {db.OPTIONS} {SAMPLE}".strip(),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def command(settings: Settings, run: runs.Run, *arguments: str) -> list[str]:
    """dbt's arguments for a run, where the artefacts go included."""
    return [
        *arguments,
        "--project-dir",
        str(project_dir(settings, run)),
        "--profiles-dir",
        str(project_dir(settings, run)),
        "--log-path",
        str(settings.home / "dbt" / "logs"),
        "--log-level-file",
        "info",  # its debugging notes are a fifth of its own work
        "--no-print",
        "--quiet",
        "--no-use-colors",
        "--no-version-check",
    ]


def _invoke(
    conn: psycopg.Connection, run: runs.Run, part: Part, settings: Settings
) -> dict[str, Any]:
    from dbt.cli.main import dbtRunner  # seconds to import, so only where dbt is run

    name = "build staging" if part == "first" else "build marts"
    with progress.stage(name) as stage:
        done: list[str] = []
        started = time.monotonic()

        def on_event(event: Any) -> None:
            if event.info.name in ("LogModelResult", "LogSeedResult"):
                done.append(event.data.node_info.node_name)
                stage.count(models=len(done))

        # `build` in its own order: seeds, then models; unit tests are for `make test`
        arguments = command(settings, run, "build", "--select", *SELECT[part])
        arguments += ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
        if part != "first":
            arguments.append("--no-write-json")  # the manifest that the first part wrote is theirs
        if run.is_full:
            arguments.append("--full-refresh")
        result = dbtRunner(callbacks=[on_event]).invoke(arguments)
        failed = _keep_results(conn, run.run_id, part, result)
        if result.exception is not None:
            raise BuildError(f"dbt: {result.exception}") from result.exception
        if not result.success:
            raise BuildError(
                "\n".join([f"dbt: {len(failed)} of {len(done)} models failed", *failed])
            )
        return {
            "models": len(done),
            "seconds": round(time.monotonic() - started, 1),
            "is_full": bool(run.is_full),
        }


def _keep_results(conn: psycopg.Connection, run_id: str, part: Part, result: Any) -> list[str]:
    """Write dbt's results to ops.dbt_results; what failed comes back as lines."""
    failed = []
    rows = []
    for each in getattr(result.result, "results", None) or []:
        response = each.adapter_response or {}
        message = (each.message or "").strip()
        rows.append(
            [
                run_id,
                part,
                each.node.name,
                str(each.status),
                min((step.started_at for step in each.timing if step.started_at), default=None),
                each.execution_time,
                response.get("rows_affected"),
                message[:2000],
            ]
        )
        if str(each.status) in ("error", "fail", "runtime error"):
            failed.append(f"  {each.node.name}: {message}")
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.dbt_results"
            " (run_id, part, node, status, started_at, seconds, row_count, message)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
    conn.commit()
    log.info("dbt %s: %s", part, json.dumps({"results": len(rows), "failed": len(failed)}))
    return failed
