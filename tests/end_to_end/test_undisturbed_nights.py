"""Ninety nights of a company to which nothing is wrong: the gates stop none of them.

Among the days are public holidays, quiet Sundays, one with ten times as much as any other, and one
on which the company revises its policy.
"""

import csv
import shutil
from collections import Counter
from datetime import date, datetime, timedelta

import psycopg
import pytest

from answerable import pipeline
from answerable.runtime import sandbox
from answerable.sandbox import company, history, server
from answerable.sandbox.history import World
from answerable.settings import ROOT

SIZE = 0.2
NIGHTS = [datetime(2025, 12, 4) + timedelta(days=number) for number in range(90)]
TENFOLD_DAY = date(2026, 2, 12)
POLICY_CHANGES_BEFORE = datetime(2026, 1, 20)

pytestmark = pytest.mark.slow


@pytest.fixture
def tenfold_day(monkeypatch):
    """On that day everybody writes ten times as often."""
    born = World._born_on
    volumes = {
        name: getattr(history, name)
        for name in ("TICKETS_A_DAY", "THREADS_A_DAY", "UNPROMPTED_A_DAY")
    }

    def born_on(world, number):
        day = company.utc(company.HISTORY_START + number * company.DAY).date()
        factor = 10 if day == TENFOLD_DAY else 1
        for name, volume in volumes.items():
            setattr(history, name, factor * volume)
        try:
            return born(world, number)
        finally:
            for name, volume in volumes.items():
                setattr(history, name, volume)

    monkeypatch.setattr(World, "_born_on", born_on)
    history.world.cache_clear()
    yield
    history.world.cache_clear()


def revise(policy) -> None:
    """From now on urgent messages are answered in half the time."""
    file = policy / "sla_policies.csv"
    with file.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    day = f"{POLICY_CHANGES_BEFORE:%Y-%m-%d}"
    revised = []
    for row in rows:
        stands = not row["valid_until"]
        if stands and row["metric"] == "first_reply_time" and row["target"] == "duration":
            revised.append(
                row | {"valid_from": day, "target_minutes": max(1, int(row["target_minutes"]) // 2)}
            )
            row["valid_until"] = day
    assert revised
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows + revised)


def test_no_undisturbed_night_is_stopped(
    new_settings, using, tmp_path, monkeypatch, capsys, tenfold_day
):
    policy = tmp_path / "policy"
    shutil.copytree(ROOT / "dbt_project" / "seeds" / "policy", policy)
    monkeypatch.setenv("POLICY", str(policy))
    monkeypatch.setenv("ANSWERABLE_SANDBOX_SIZE", str(SIZE))
    settings = new_settings()
    told = Counter()
    with (
        using(settings),
        server.serve(size=SIZE, present=str(NIGHTS[0])) as handle,
        psycopg.connect(settings.warehouse_url, autocommit=True) as conn,
    ):
        accounts = sandbox.connections(handle.airflow_connections())
        for as_of in NIGHTS:
            if as_of == POLICY_CHANGES_BEFORE:
                revise(policy)
            handle.move_to(f"{as_of}")
            # raises GateFailed where a critical rule does not hold
            pipeline.run_night(f"{as_of:%Y-%m-%d}", connections=accounts, is_sandbox=True)
        told.update(
            dict(
                conn.execute(
                    "select rule, count(*) from ops.check_results"
                    " where not is_success group by rule"
                ).fetchall()
            )
        )
        nights = conn.execute("select count(*) from ops.publications").fetchone()
        # answers to most of that day's come on the days after it
        opened = dict(
            conn.execute(
                "select opened_at::date, count(*) from marts.fct_cases"
                " where opened_at::date between %s and %s group by 1",
                [TENFOLD_DAY - timedelta(days=7), TENFOLD_DAY],
            ).fetchall()
        )
    with capsys.disabled():
        print("\nwarnings in 90 nights:", ", ".join(f"{rule} {n}" for rule, n in told.items()))
    assert nights == (90,)
    assert opened[TENFOLD_DAY] > 6 * opened[TENFOLD_DAY - timedelta(days=7)]
