"""A whole night as a user runs it: `make nightly`, through Airflow, and what follows from it.

The tests of this file share a house and follow each other.
"""

import re
import stat
from pathlib import Path

import psycopg
import pytest
from sla_warehouse import differences
from slow_clock import verdicts
from slow_marts import read_cases, read_policy

from answerable.runtime import postgres
from answerable.settings import ROOT

FIRST_DAY = "2025-12-11"


@pytest.fixture(scope="module")
def house(new_house):
    return new_house()


@pytest.fixture(scope="module")
def first(house, watch):
    """The first night, with all sockets that were open in it."""
    process = house.start("nightly", f"DATE={FIRST_DAY}")
    watched = watch(house, process)
    said = process.stdout.read()
    assert process.wait() == 0, said
    watched.end()
    return said, watched, house.published()


def stages(said: str) -> list[str]:
    return [line[2:36].strip() for line in said.splitlines() if line.startswith("✓ ")]


def test_the_first_night_goes_all_the_way_and_says_what_it_does(house, first):
    said, _, _ = first
    told = stages(said)
    assert told[0] == "database" and "plan" in told and "land zendesk.tickets" in told
    assert "✗" not in said
    assert re.search(r"Published as of 2025-12-11 00:00 UTC in schema marts", said)
    report = Path(re.search(r"^Report: (.+)$", said, re.M)[1])
    assert report.parent == house.home / "reports" and report.stat().st_size > 1000
    assert "make psql" in said


def test_a_night_listens_on_loopback_only_and_calls_nobody_outside(first):
    _, watched, _ = first
    assert {name for name, _ in watched.listening} >= {"postgres"}
    assert {ip for _, ip in watched.listening} == {"127.0.0.1"}
    assert watched.remote == {"127.0.0.1"}


def test_nothing_with_a_secret_is_readable_for_others(house, first):
    secret = [
        *house.home.glob("postgres/*url*"),
        house.home / "airflow" / "fernet_key",
        house.home / "airflow" / "jwt_secret",
    ]
    assert {stat.S_IMODE(f.stat().st_mode) for f in secret} == {0o600}
    password = (house.home / "postgres" / "url").read_text().split(":")[2].partition("@")[0]
    logs = [f for f in (house.home / "logs").rglob("*") if f.is_file()]
    assert logs and [f for f in logs if password in f.read_text(errors="replace")] == []


def test_marts_can_be_queried_as_csv_by_the_reader(house, first):
    rows = house.query("select as_of from publication")
    assert rows == [{"as_of": "2025-12-11 00:00:00"}]
    counted = house.query("select count(*) as n from fct_cases where is_counted")
    assert int(counted[0]["n"]) > 50
    refused = house.make("psql", stdin="select * from private.customer_identities")
    assert refused.returncode != 0 and "permission denied" in refused.stderr
    assert house.query("select * from private.customer_identities limit 1", "ROLE=private")


def test_the_slow_implementation_gives_every_clock_of_the_night(house, first):
    """Its timelines and messages and the policy's rows in, its clocks and their segments out."""
    company = read_policy(ROOT / "dbt_project" / "seeds" / "policy")
    with psycopg.connect(postgres.cluster_of(house.home).url(), options="-c TimeZone=UTC") as conn:
        (as_of,) = conn.execute("select as_of from marts.publication").fetchone()
        cases = read_cases(conn, company)
        judged = [verdicts(case, company, as_of, states) for case, states in cases]
        clocks, pieces = ([row for both in judged for row in both[which]] for which in (0, 1))
        assert len(clocks) > 100 and {row["outcome"] for row in clocks} >= {"met", "breached"}
        wrong = differences(conn, [case.key for case, _ in cases], clocks, pieces)
    assert not wrong, f"{len(wrong)} differences, such as\n" + "\n".join(wrong[:20])


def test_the_next_night_is_the_day_after_and_the_server_stays_up_in_between(house, first):
    said = house.night()
    assert "The night of 2025-12-12: the day after the last published one." in said
    assert house.query("select as_of from publication") == [{"as_of": "2025-12-12 00:00:00"}]


def test_a_day_published_already_is_replayed_beside_it_row_for_row(house, first):
    _, _, published_then = first
    before = house.published()
    replayed = house.night(f"DATE={FIRST_DAY}")
    assert "in schema replay_20251211" in replayed
    assert "land" not in " ".join(stages(replayed))
    assert house.published() == before
    replay = house.published("replay_20251211", "replay_20251211_private")
    assert replay == published_then
    assert replay != before


def test_a_date_without_a_night_is_refused_in_plain_words(house, first):
    done = house.make("nightly", "DATE=2025-12-01")
    assert done.returncode == 2  # make's own
    assert "the nearest are 2025-12-11, 2025-12-12" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_status_names_the_nights_and_down_stops_the_server(house, first):
    status = house.make("status").stdout
    assert len(re.findall(r"nightly-2025121[12]T0000-\w+ .* published", status)) == 2
    assert len(re.findall(r"replay-20251211T0000-\w+ .* published", status)) == 1
    assert "Database stopped." in house.make("down").stdout
    assert "Database: not running" in house.make("status").stdout
