"""A night with failures, and a token that is nowhere afterwards; one source fails, others stand."""

import base64
import gzip
import json
import re
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql

from answerable.runtime import postgres
from answerable.sandbox import company
from answerable.sandbox.oauth import Issuer
from answerable.sandbox.server import Fault, Handle, serve
from answerable.sources import KINDS

pytestmark = pytest.mark.slow

DAY = "2025-12-11"
CANARIES = ("canary-desk-4f1c9be2", "canary-x-77ad0c31")
# a second help desk, whose tokens expire: what all of them have in common, and its client's secret
ROTATING, CLIENT_SECRET = "canary-uk-90be21d4-", "canary-client-5d02aa17"
KEY = Fernet.generate_key().decode()

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
    return new_house(more=more)


def accounts(handle: Handle) -> dict[str, str]:
    """The connections to a sandbox, which wait for less long."""
    told = {name: json.loads(text) for name, text in handle.airflow_connections().items()}
    for account in told.values():
        account["extra"]["limits"] = LIMITS
    return {name: json.dumps(account) for name, account in told.items()}


def secrets() -> list[bytes]:
    """The tokens, what the Authorization header makes of them, and what others are made with."""
    pair = f"{company.ZENDESK_LOGIN}/token:{CANARIES[0]}".encode()
    texts = (*CANARIES, ROTATING, CLIENT_SECRET, KEY)
    return [*(each.encode() for each in texts), base64.b64encode(pair)]


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
    assert found_in_files(house.home) == []
    assert list((house.home / "reports").glob("*.html"))
    assert found_in_databases(house.home) == []


def found_in_files(folder: Path) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if any(secret in data for secret in secrets()):
            found.append(str(path))
    return found


def found_in_databases(home: Path) -> list[str]:
    """Every column of every table of every database of the server, ours and Airflow's, as text."""
    found = []
    url = postgres.cluster_of(home).url()
    with psycopg.connect(url) as conn:
        databases = conn.execute("select datname from pg_database where not datistemplate")
        names = [name for (name,) in databases.fetchall()]
    assert len(names) >= 2, names
    for name in names:
        with psycopg.connect(re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", url)) as conn:
            tables = conn.execute(
                "select table_schema, table_name from information_schema.tables"
                " where table_type = 'BASE TABLE' and table_schema <> 'pg_catalog'"
            ).fetchall()
            for schema, table in tables:
                whole = sql.SQL("copy {} to stdout").format(sql.Identifier(schema, table))
                with conn.cursor().copy(whole) as copy:
                    data = b"".join(bytes(block) for block in copy)
                if any(secret in data for secret in secrets()):
                    found.append(f"{name}.{schema}.{table}")
    return found
