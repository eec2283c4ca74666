"""`make bench`: what things cost, measured. A line per figure and JSON to compare runs by.

To add one: a module here like `night`, with a function that yields figures under
@benchmark("its name"), and a line in `load_all`.
"""

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from answerable.settings import Settings


class BenchError(RuntimeError):
    """A benchmark could not be run."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `name` says of what, `unit` in what."""

    name: str
    value: float
    unit: str


Benchmark = Callable[[Path], Iterator[Figure]]
benchmarks: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register a benchmark. It is handed an empty folder of its own, removed afterwards."""

    def register(function: Benchmark) -> Benchmark:
        if name in benchmarks:
            raise BenchError(f"two benchmarks are called {name!r}")
        benchmarks[name] = function
        return function

    return register


def load_all() -> None:
    """Have every benchmark register itself."""
    from answerable.bench import identity, loading, night, ownership, publish, sla  # noqa: F401


def run(settings: Settings, only: str | None = None) -> int:
    """Run all benchmarks, or one, printing each figure as it comes."""
    load_all()
    if only is not None and only not in benchmarks:
        raise BenchError(f"no benchmark {only!r}; there are {', '.join(benchmarks)}")
    results = settings.home / "bench"
    results.mkdir(parents=True, exist_ok=True)
    for name in [only] if only else list(benchmarks):
        work = results / f"{name}.work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        figures = []
        try:
            for figure in benchmarks[name](work):
                print(f"{name}.{figure.name} {_shortly(figure.value)} {figure.unit}", flush=True)
                figures.append(asdict(figure))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        told = {
            "benchmark": name,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "system": platform.platform(),
            },
            "figures": figures,
        }
        (results / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


def _shortly(value: float) -> str:
    """Whole numbers whole, others to three digits after the point."""
    return f"{value:.0f}" if value == int(value) else f"{value:.3f}"
