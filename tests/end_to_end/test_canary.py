"""A night with failures, and a secret in every place that takes one, which is nowhere else
afterwards; one source fails, others stand."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.fernet import Fernet
from secret_forms import admin, forms, in_databases, in_files

from answerable.runtime import postgres
from answerable.sandbox import company
from answerable.sandbox.oauth import Issuer
from answerable.sandbox.server import Fault, Handle, serve
from answerable.sources import KINDS

pytestmark = pytest.mark.slow

DAY = "2025-12-11"
# with characters that a URL and base 64 write in other ways
CANARIES = ("canary-desk-4f1c9be2+/?%", "canary-x-77ad0c31+/?%")
# a second help desk, whose tokens expire: what all of them have in common, and its client's secret
ROTATING, CLIENT_SECRET = "canary-uk-90be21d4-", "canary-client-5d02aa17"
KEY = Fernet.generate_key().decode()
IDENTITY = "canary-identity-c41e0f77 $+/?%"

ECHO = json.dumps({"detail": f"the token {CANARIES[1]} has expired"})
ALL_NIGHT = 10**6


def echoing(number: int) -> dict:
    """One of the ways in which an answer goes wrong and says who asked."""
    said = f"no: {CANARIES[0]} ({CANARIES[1]})"
    ways = [
        {"status": 503, "text": said, "headers": {"Retry-After": "0"}},
        {"status": 200, "text": said},
        {"status": 429, "text": said, "headers": {"Retry-After": "0", "X-Debug": said}},
        {"status": 500, "text": json.dumps({"error": said, "url": f"/x?token={CANARIES[0]}"})},
    ]
    return ways[number % len(ways)]


# these streams fail for good, each in a way of its own; the others at first
GONE = {
    "organizations": {"status": 400, "text": ECHO},
    "satisfaction_ratings": {
        "status": 301,
        "text": ECHO,
        "headers": {"Location": f"http://127.0.0.1:1/x?access_token={CANARIES[0]}"},
    },
    # not what it should be
    "ticket_metric_events": {"status": 200, "text": json.dumps({"data": CANARIES[0]})},
}
STREAMS = [each for each in KINDS["zendesk"] if not each.walked_with and not each.is_optional]
LIMITS = {"first_wait": 0.01, "longest_wait": 0.05}


@pytest.fixture(scope="module")
def served(monkeypatch_module):
    """The sandbox, which knows tokens that nothing else holds: X refuses ours, and no stream of
    the help desk comes through without trouble."""
    monkeypatch_module.setattr(company, "ZENDESK_TOKEN", CANARIES[0])
    monkeypatch_module.setattr(company, "X_TOKEN", CANARIES[1])
    faults = [Fault("/2/", status=401, times=ALL_NIGHT, text=ECHO)]
    for number, each in enumerate(STREAMS):
        path = re.escape(each.path)
        if each.name in GONE:
            faults.append(Fault(path, times=ALL_NIGHT, **GONE[each.name]))
        elif each.name == "brands":
            faults.append(Fault(path, status=403, times=ALL_NIGHT, text=ECHO))
        else:
            faults.append(Fault(path, times=2, **echoing(number)))
    with serve(size=0.02, present=DAY, faults=faults) as handle:
        yield handle


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def uk():
    issuer = Issuer(name=ROTATING, client_secret=CLIENT_SECRET, uses=4)
    echo = Fault("groups", kind="status", status=400, text=f"{ROTATING}access-1", times=10**6)
    with serve(size=0.02, present=DAY, faults=[echo], issuers={"zendesk": issuer}) as handle:
        yield handle


@pytest.fixture(scope="module")
def house(new_house, served, uk):
    # as a user's own accounts, not as the sandbox that a night serves itself
    more = accounts(served)
    more["AIRFLOW_CONN_DESK_UK"] = accounts(uk)["AIRFLOW_CONN_ZENDESK"]
    more |= {"ANSWERABLE_SOURCES": "zendesk,x,desk_uk", "ANSWERABLE_TOKEN_KEY": KEY}
    more |= {"ANSWERABLE_IDENTITY_SECRET": IDENTITY}
    return new_house(more=more)


def accounts(handle: Handle) -> dict[str, str]:
    """The connections to a sandbox, which wait for less long."""
    told = {name: json.loads(text) for name, text in handle.airflow_connections().items()}
    for account in told.values():
        account["extra"]["limits"] = LIMITS
    return {name: json.dumps(account) for name, account in told.items()}


def secrets() -> set[bytes]:
    """The tokens, what the Authorization header makes of them, and what others are made with."""
    found = forms(CANARIES[0], f"{company.ZENDESK_LOGIN}/token")
    for each in (CANARIES[1], ROTATING, CLIENT_SECRET, KEY, IDENTITY):
        found |= forms(each)
    return found


def test_after_a_night_with_failures_the_tokens_are_nowhere(house, served, uk):
    said = house.night()
    assert not any(each.decode() in said for each in secrets())
    assert all(fault.struck for fault in served.server.faults)
    (row,) = house.query("select sources from publication")
    sources = json.loads(row["sources"])
    assert sorted(sources["x"]["stale_streams"]) == ["mentions", "posts", "search"]
    assert sorted(sources["zendesk"]["stale_streams"]) == sorted(GONE)
    assert sources["desk_uk"]["stale_streams"] == ["groups"]
    states = house.query("select source, stream, status from ops.stream_runs", "ROLE=owner")
    of = {each["stream"]: each["status"] for each in states if each["source"] == "zendesk"}
    expected = {each.name: "landed" for each in STREAMS} | dict.fromkeys(GONE, "failed")
    assert of == expected | {"brands": "not_available"}
    assert uk.server.issuers["zendesk"].issued > 2
    (kept,) = house.query("select * from ops.oauth_tokens", "ROLE=owner")
    assert kept["source"] == "desk_uk" and kept["asked_at"] == ""
    assert house.query("select count(*) as n from fct_cases")[0]["n"] != "0"

    for folder in ("landing", "logs", "dbt/nightly/target", "dbt/logs", "postgres/log", "reports"):
        assert (house.home / folder).exists(), folder  # it was looked into
    assert in_files(house.home, secrets()) == set()
    assert list((house.home / "reports").glob("*.html"))
    found, asked = in_databases(admin(house.home), secrets())
    assert found == set()
    # rendered fields, what tasks handed on, and the log of events among them
    looked_at = {"rendered_task_instance_fields", "xcom", "log", "connection", "variable"}
    assert {f"airflow.public.{table}" for table in looked_at} <= asked
    assert {"answerable.ops.stream_runs", "answerable.raw.quarantine"} <= asked


def test_each_secret_that_was_made_is_in_its_own_file_and_nowhere_else(house):
    """Those of the embedded server's roles and of Airflow, after the night above."""
    cluster = postgres.cluster_of(house.home)
    made = {
        cluster.url_file(role): urlsplit(cluster.url(role)).password
        for role in (postgres.ADMIN, postgres.OWNER, postgres.AIRFLOW, *postgres.ROLES)
    }
    made |= {
        house.home / "airflow" / name: (house.home / "airflow" / name).read_text().strip()
        for name in ("fernet_key", "jwt_secret", "api_secret")
    }
    for file, secret in made.items():
        assert in_files(house.home, forms(secret)) == {file.relative_to(house.home)}
        assert file.stat().st_mode & 0o077 == 0, file
    every = set().union(*(forms(secret) for secret in made.values()))
    assert in_databases(admin(house.home), every)[0] == set()


def test_what_looks_for_secrets_finds_one(house):
    """In a log, in a landed object and in both databases, in the forms that it may have there."""
    (house.home / "logs" / "left.log").write_bytes(b"Basic " + sorted(secrets())[3])
    assert in_files(house.home, secrets()) == {Path("logs/left.log")}
    (house.home / "logs" / "left.log").unlink()
    with psycopg.connect(admin(house.home), dbname="airflow", autocommit=True) as conn:
        conn.execute("create table left_here as select %s::bytea as a", [KEY.encode()])
        assert in_databases(admin(house.home), secrets())[0] == {"airflow.public.left_here"}
        conn.execute("drop table left_here")
