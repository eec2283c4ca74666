"""What a night takes, called as a user calls it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from answerable.bench import BenchError, Figure, benchmark
from answerable.settings import ROOT


@benchmark("night")
def night(work: Path) -> Iterator[Figure]:
    """Whole nights through Airflow on a small sandbox: the first, with all set up, and the next."""
    try:
        yield Figure("first", _night(work, "--date", "2025-12-11"), "s")
        yield Figure("next", _night(work), "s")
        yield Figure("replay", _night(work, "--date", "2025-12-11"), "s")
        size = sum(f.stat().st_size for f in work.rglob("*") if f.is_file())
        yield Figure("disk", size / 1024**2, "MiB")
    finally:
        _answerable(work, "down")


def _night(work: Path, *arguments: str) -> float:
    started = time.monotonic()
    done = _answerable(work, "nightly", *arguments)
    if done.returncode != 0:
        raise BenchError(f"the night ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


def _answerable(work: Path, *arguments: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSWERABLE_", "AIRFLOW"))}
    environ = kept | {
        "ANSWERABLE_HOME": str(work),
        "ANSWERABLE_REPORTS": str(work / "reports"),
        "ANSWERABLE_SANDBOX_SIZE": os.environ.get("ANSWERABLE_SANDBOX_SIZE", "1"),
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    return subprocess.run(
        [sys.executable, "-m", "answerable.cli", *arguments],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
