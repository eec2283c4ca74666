"""The sandbox misbehaves while it is pulled: what is stored is what an undisturbed night stores."""

import json

import pytest

from answerable.landing import land
from answerable.progress import listen
from answerable.sandbox.server import Fault, serve
from answerable.sources import Connection, streams_of
from answerable.warehouse.db import connect
from answerable.warehouse.load import load
from answerable.warehouse.setup import RAW_STREAMS

SIZE = 0.02
PRESENT = "2025-12-11"
TWO = {"attempts": 8, "first_wait": 0.01, "longest_wait": 0.05, "read": 5.0}


def connections(handle):
    for name, text in handle.airflow_connections().items():
        given = json.loads(text)
        extra = {**given.pop("extra"), "limits": TWO}
        kind = given.pop("conn_type")
        source = name.removeprefix("AIRFLOW_CONN_").lower()
        yield Connection.from_dict({**given, "name": source, "kind": kind, "extra": extra})


def pulled(settings, faults=(), nights=((1, PRESENT),)):
    """Pull the sandbox; gives what is stored, without the places where it lies."""
    with serve(size=SIZE, present=nights[0][1], faults=faults) as handle:
        for number, present in nights:
            handle.move_to(present)
            run = f"night-{number}"
            with connect(settings) as conn:
                conn.execute("update ops.runs set status = 'published'")
                conn.execute(
                    "insert into ops.runs (run_id, kind, as_of, input)"
                    " values (%s, 'nightly', %s, 'sandbox')",
                    [run, present],
                )
            for connection in connections(handle):
                for each in streams_of(connection):
                    receipt = land(run, connection.name, each.name, connection)
                    assert receipt["status"] == "landed", receipt
            load(run)
        asked = len(handle.requests)
    with connect(settings) as conn:
        stored = {
            f"{kind}_{stream}": conn.execute(
                f"select record_key, version, record_hash from raw.{kind}_{stream} order by 1, 2, 3"
            ).fetchall()
            for kind, streams in RAW_STREAMS.items()
            if kind != "file"
            for stream in streams
        }
        stored["watermarks"] = conn.execute(
            "select source, stream, cursor from ops.watermarks order by 1, 2"
        ).fetchall()
    return stored, asked


@pytest.fixture(scope="module")
def undisturbed(new_settings, using):
    settings = new_settings()
    with using(settings):
        stored, _ = pulled(settings)
    assert min(len(rows) for rows in stored.values()) > 0
    return stored


EVERYWHERE = ".*"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(EVERYWHERE, kind="cut", times=3),
        Fault(EVERYWHERE, kind="short", times=3),
        Fault(EVERYWHERE, kind="empty", times=3),
        Fault(EVERYWHERE, kind="html", times=3),
        Fault(EVERYWHERE, kind="reset", times=3),
        Fault(EVERYWHERE, kind="status", status=503, times=3),
        Fault("/2/", kind="status", status=429, times=2, headers={"Retry-After": "0"}),
        Fault("tickets/cursor", kind="status", status=429, headers={"Retry-After": "0"}),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status if fault.kind == 'status' else ''}".strip(),
)
def test_after_a_fault_the_same_is_stored(settings, undisturbed, fault):
    stored, _ = pulled(settings, [fault])
    assert fault.seen > fault.times, "the fault never struck"
    assert stored == undisturbed


def test_with_a_fault_at_every_other_request_the_same_is_stored(settings, undisturbed):
    kinds = ["cut", "short", "status", "html", "empty", "reset"]

    def at_every_other(target, number):
        return Fault(target, kind=kinds[number // 2 % len(kinds)]) if number % 2 else None

    stored, asked = pulled(settings, at_every_other)
    assert stored == undisturbed and asked > 30


def test_two_nights_store_what_one_stores(settings, undisturbed):
    """The second night asks for what is new only, and nothing falls between the two."""
    stored, _ = pulled(settings, nights=((1, "2025-12-06"), (2, PRESENT)))
    for name, rows in undisturbed.items():
        if name == "watermarks":
            continue
        keys = {key for key, _, _ in rows}
        assert {key for key, _, _ in stored[name]} == keys, name
        newest = {key: (version, digest) for key, version, digest in rows}
        mine = {key: (version, digest) for key, version, digest in stored[name]}
        assert {k: v for k, (v, _) in mine.items()} == {k: v for k, (v, _) in newest.items()}, name


def test_what_is_shown_while_landing_counts_and_names_nobody(settings):
    shown = []
    end = listen(lambda stage: shown.append((stage.name, dict(stage.counts), stage.state)))
    try:
        pulled(settings)
    finally:
        end()
    done = {name: counts for name, counts, state in shown if state == "done"}
    assert done["land zendesk.tickets"]["rows"] == done["load zendesk.tickets"]["rows"] > 0
    assert "@" not in str(done)
