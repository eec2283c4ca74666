"""Each of the three ways to the database speaks UTC, whatever machine and database are set to."""

import psycopg2
import pytest
from landed import nights
from sqlalchemy import create_engine, text

from answerable.quality import gate
from answerable.settings import environment
from answerable.warehouse import db, dbt

SHOWN = ("TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits")
OURS = ["UTC", "ISO, MDY", "postgres", "1"]


@pytest.fixture
def odd(settings, warehouse, monkeypatch):
    """A user and a database with habits of their own."""
    (name,) = warehouse.execute("select current_database()").fetchone()
    for setting in (
        "timezone = 'Pacific/Auckland'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = 0",
    ):
        warehouse.execute(f"alter database {name} set {setting}")
    warehouse.commit()
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")
    monkeypatch.setenv("PGDATESTYLE", "German")
    monkeypatch.setenv("PGOPTIONS", "-c intervalstyle=iso_8601 -c statement_timeout=4321")
    return settings


def test_ours(odd):
    with db.connect(odd) as conn:
        assert [conn.execute(f"show {name}").fetchone()[0] for name in SHOWN] == OURS


def test_that_of_the_gates(odd):
    db.connect(odd).close()  # a gate reads the ledger first
    with create_engine(gate._url(odd.warehouse_url)).connect() as conn:
        assert [conn.execute(text(f"show {name}")).scalar() for name in SHOWN] == OURS


def test_that_of_dbt(odd, warehouse):
    run = nights(warehouse)()
    with db.connect(odd) as conn:
        values = dbt.variables(odd, dbt.runs.get(conn, run), None)
    with environment(values), psycopg2.connect(odd.warehouse_url) as conn:
        cursor = conn.cursor()
        found = []
        for name in (*SHOWN, "statement_timeout"):
            cursor.execute(f"show {name}")
            found.append(cursor.fetchone()[0])
    assert found == [*OURS, "4321ms"]  # what else the user set stays
