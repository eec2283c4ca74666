"""What the ownership marts cost on top of the SLA marts, which they stand on, and how that grows.

The histories are those of the benchmark `sla`. SIZES=50000,200000 names numbers of interactions.
"""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

from answerable import runs
from answerable.bench import BenchError, Figure, benchmark, sla
from answerable.runtime import postgres
from answerable.settings import Settings, environment
from answerable.warehouse import db, dbt

SIZES = "50000,200000,1000000"
MESSAGES = 4.6  # of a ticket
DEPARTMENTS = ("north", "south", "east", "west", "middle")
SELECT = "tag:rest,+path:models/marts/ownership"
EXCEPT = "+path:models/marts/sla"


@benchmark("ownership")
def ownership(work: Path) -> Iterator[Figure]:
    """Wall time of the ownership marts at each size, as a share of the SLA marts', its growth."""
    sizes = [int(size) for size in os.environ.get("SIZES", SIZES).split(",")]
    policy = name_holders(sla.write_policy(work / "policy"))
    postgres.start(work, environ={})
    seconds: dict[int, float] = {}
    try:
        base = Settings.from_environment(
            {"ANSWERABLE_HOME": str(work), "POLICY": str(policy), "ANSWERABLE_REPORTS": str(work)}
        )
        for size in sizes:
            settings = sla.new_warehouse(base, f"ownership_{size}")
            run = sla.plan(settings, sla.AS_OF)
            sla.build(settings, run, "first")
            sla.fill(settings, round(size / MESSAGES))
            before = sla.timed_build(settings, run)
            with db.connect(settings) as conn:
                run = runs.get(conn, run.run_id)  # that it is full was found out by then
            seconds[size], models = timed_build(settings, run)
            yield Figure(f"wall_seconds.{size}", seconds[size], "s")
            yield Figure(f"models_seconds.{size}", sum(models.values()), "s")
            yield from sla.slowest(f"model_seconds.{size}", models)
            yield Figure(f"sla_wall_seconds.{size}", before.wall_seconds, "s")
            yield Figure(f"of_sla_ratio.{size}", seconds[size] / before.wall_seconds, "")
        if len(sizes) > 1:
            first, last = sizes[0], sizes[-1]
            growth = math.log(seconds[last] / seconds[first]) / math.log(last / first)
            yield Figure("growth_exponent", growth, "")
    finally:
        postgres.stop(work)


def name_holders(policy: Path) -> Path:
    """Give the histories' teams departments, and their agents teams: without any nobody is better
    at anything."""
    rows = {
        "teams": [f"Team {n},Team {n},{DEPARTMENTS[n % 5]},2024-01-01,,bench" for n in range(15)],
        "agents_teams": [
            f"zendesk,{n},Agent {n},Team {n % 15},2024-01-01,,bench" for n in range(100)
        ],
        "departments": [f"{name},{name},2024-01-01,,bench" for name in DEPARTMENTS],
    }
    for name, lines in rows.items():
        file = policy / f"{name}.csv"
        with file.open("a", encoding="utf-8") as out:
            out.write("".join(f"{line}\n" for line in lines))
    return policy


def timed_build(settings: Settings, run: runs.Run) -> tuple[float, dict[str, float]]:
    """Wall seconds of one run of dbt over the marts, and the seconds of each model."""
    from dbt.cli.main import dbtRunner  # seconds to import, so only where dbt is run

    arguments = dbt.command(settings, run, "run", "--select", SELECT, "--exclude", EXCEPT)
    with environment(dbt.variables(settings, run, None)):
        started = time.monotonic()
        done = dbtRunner().invoke([*arguments, "--full-refresh", "--no-write-json"])
        taken = time.monotonic() - started
    if not done.success:
        raise BenchError(
            f"dbt could not build the ownership marts: {done.exception or done.result}"
        )
    return taken, {each.node.name: each.execution_time for each in done.result.results}
