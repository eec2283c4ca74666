"""`make lint`: one style of Python, SQL that PostgreSQL takes and Spark SQL can read, and files for
containers that their engines take."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from answerable import runs
from answerable.settings import Settings


class LintError(RuntimeError):
    """The models could not be compiled, so there is nothing to lint."""


def lint(settings: Settings, console: Console) -> int:
    """Run all linters, tell each one's verdict, and give 1 if any has something to say."""
    verdicts = {
        "ruff check": _ruff(settings, "check"),
        "ruff format": _ruff(settings, "format", "--check"),
        "hadolint, Dockerfile": _run(settings, "hadolint", "Dockerfile"),
        "compose specification": _run(
            settings,
            "check-jsonschema",
            "--builtin-schema=vendor.compose-spec",
            "--quiet",
            "docker-compose.yml",
        ),
    }
    models = compiled_models(settings)
    verdicts["sqlfluff, PostgreSQL"] = _sqlfluff(settings, models, "postgres")
    # one rule that always holds: what remains is whether Spark can parse it at all
    verdicts["sqlfluff, Spark SQL"] = _sqlfluff(settings, models, "sparksql", "--rules=LT12")
    for name, is_clean in verdicts.items():
        console.print(f"{'[green]✓[/]' if is_clean else '[red]✗[/]'} {name}")
    return 0 if all(verdicts.values()) else 1


def compiled_models(settings: Settings) -> list[Path]:
    """The SQL of every model, as dbt would send it for a night that rebuilds everything."""
    from answerable.runtime.night import have_database
    from answerable.warehouse import dbt

    have_database(settings)
    run = runs.Run(
        run_id="lint",
        run_no=1,
        kind="nightly",
        as_of=datetime(2026, 3, 1),
        schema_prefix="lint",
        input="sandbox",
        streams=[],
        reads_up_to=1,
        replays_run_no=None,
        is_full=True,
        fingerprint=None,
        status="running",
        started_at=datetime.now(UTC),
        finished_at=None,
        report_path=None,
    )
    dbt.stage_project(settings, run)
    target = dbt.target_dir(settings, run)
    shutil.rmtree(target / "compiled", ignore_errors=True)
    done = subprocess.run(
        [
            _program("dbt"),
            *dbt.command(
                settings, run, "compile", "--full-refresh", "--select", "resource_type:model"
            ),
        ],
        env=os.environ | dbt.variables(settings, run, None),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise LintError(f"dbt compile ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    models = sorted((target / "compiled").rglob("models/**/*.sql"))
    if not models:
        raise LintError(f"dbt compile left no model under {target / 'compiled'}")
    return models


def _ruff(settings: Settings, *arguments: str) -> bool:
    return _run(settings, "ruff", *arguments, ".")


def _run(settings: Settings, program: str, *arguments: str) -> bool:
    return subprocess.run([_program(program), *arguments], cwd=settings.root).returncode == 0


def _sqlfluff(settings: Settings, models: list[Path], dialect: str, *arguments: str) -> bool:
    """Lint the compiled models as a dialect, under the names by which dbt types go there."""
    home = settings.home / "dbt" / "lint" / dialect
    shutil.rmtree(home, ignore_errors=True)
    for model in models:
        file = home / model.relative_to(next(p for p in model.parents if p.name == "models"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{AS_WRITTEN_IN[dialect](model.read_text())}\n", encoding="utf-8")
    command = [
        _program("sqlfluff"),
        "lint",
        f"--dialect={dialect}",
        f"--config={settings.root / '.sqlfluff'}",
        "--disable-progress-bar",
        "--processes=2",
        *arguments,
        ".",
    ]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
    return done.returncode == 0


def _for_postgres(text: str) -> str:
    return re.sub(r"\bTEXT\b", "text", text).strip()


def _for_spark(text: str) -> str:
    text = re.sub(r"\bTEXT\b", "string", text).replace("timestamp with time zone", "timestamp")
    return re.sub(r'"([a-z_0-9]+)"', r"`\1`", text).strip()


# what dbt's adapter and our PostgreSQL macros wrote: names of types, quotes of relations
AS_WRITTEN_IN = {"postgres": _for_postgres, "sparksql": _for_spark}


def _program(name: str) -> str:
    """A program of our own virtual environment."""
    return str(Path(sys.executable).with_name(name))
