"""The sandbox misbehaves while it is pulled: what is stored is what an undisturbed night stores."""

import pytest
from pulling import accounts, begin, stored

from answerable.landing import land
from answerable.progress import listen
from answerable.sandbox.server import Fault, serve
from answerable.sources import streams_of
from answerable.warehouse.db import connect
from answerable.warehouse.load import load

SIZE = 0.02
PRESENT = "2025-12-11"


def pulled(settings, faults=(), nights=((1, PRESENT),), may_fail=False):
    """Pull the sandbox; gives what is stored, without the places where it lies."""
    with serve(size=SIZE, present=nights[0][1], faults=faults) as handle:
        for number, present in nights:
            handle.move_to(present)
            run = f"night-{number}"
            begin(settings, run, present)
            for connection in accounts(handle.airflow_connections()):
                for each in streams_of(connection):
                    receipt = land(run, connection.name, each.name, connection)
                    assert may_fail or receipt["status"] == "landed", receipt
            load(run)
        asked = len(handle.requests)
    return stored(settings), asked


@pytest.fixture(scope="module")
def undisturbed(new_settings, using):
    settings = new_settings()
    with using(settings):
        found, _ = pulled(settings)
    # these are off unless asked for
    off = ["x_refreshed_posts", "zendesk_ticket_audits"]
    assert sorted(name for name, rows in found.items() if not rows) == off
    assert found["quarantine"] == [(0,)]
    return found


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
        # a storm that ends just before we give up, with a date that has passed
        Fault(
            "ticket_events",
            kind="status",
            status=429,
            times=7,
            headers={"Retry-After": "Sun, 01 Mar 2020 00:00:00 GMT"},
        ),
        Fault("users", kind="status", status=503, times=7),
        Fault(EVERYWHERE, kind="slow", seconds=0.05, times=10),
        # the page before comes in place of the one that was asked for
        Fault("users", kind="duplicate", nth=2),
        Fault("mentions", kind="duplicate", nth=2),
        Fault("/tweets", kind="duplicate", nth=2),
        # deflated, with the end missing, and not what the header says
        Fault(EVERYWHERE, kind="status", status=200, text="{", times=2),
        Fault(EVERYWHERE, kind="status", status=200, text="", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda fault: " ".join(
        [fault.path, fault.kind, str(fault.status) if fault.kind == "status" else ""]
    ).strip(),
)
def test_after_a_fault_the_same_is_stored(settings, undisturbed, fault):
    found, _ = pulled(settings, [fault])
    assert fault.seen > fault.times, "the fault never struck"
    assert found == undisturbed


def test_with_a_fault_at_every_other_request_the_same_is_stored(settings, undisturbed):
    kinds = ["cut", "short", "status", "html", "empty", "reset"]

    def at_every_other(target, number):
        return Fault(target, kind=kinds[number // 2 % len(kinds)]) if number % 2 else None

    found, asked = pulled(settings, at_every_other)
    assert found == undisturbed and asked > 30


@pytest.mark.parametrize(
    "fault",
    [
        Fault("users", kind="status", status=401, nth=2, times=99),  # the token expires
        Fault("ticket_events", kind="status", status=500, times=99),
        Fault("/2/", kind="status", status=301, headers={"Location": "http://127.0.0.1:9/"}),
        Fault("mentions", kind="status", status=400, nth=2, times=99),
    ],
    ids=lambda fault: f"{fault.path} {fault.status}",
)
def test_what_a_stream_missed_the_next_night_brings(settings, undisturbed, fault):
    """A source that fails for a whole night stops no other and loses nothing."""
    half, _ = pulled(settings, [fault], may_fail=True)
    with connect(settings) as conn:
        states = "select status, count(*) from ops.stream_runs group by 1 order by 1"
        (failed, landed) = conn.execute(states).fetchall()
    assert failed[0] == "failed" and landed[1] >= 7
    assert half != undisturbed
    whole, _ = pulled(settings, nights=((2, PRESENT),))
    assert _of_walks(whole) == _of_walks(undisturbed)


def _of_walks(found):
    """Without posts that were looked up by id before their own walk came to them."""
    walks = ("x_mentions", "x_search", "x_posts")
    walked = {key for name in walks for key, _, _ in found[name]}
    looked_up = [row for row in found["x_referenced_posts"] if row[0] not in walked]
    return found | {"x_referenced_posts": looked_up}


def test_two_nights_store_what_one_stores(settings, undisturbed):
    """The second night asks for what is new only, and nothing falls between the two."""
    found, _ = pulled(settings, nights=((1, "2025-12-06"), (2, PRESENT)))
    for name, rows in undisturbed.items():
        if name in ("watermarks", "quarantine"):
            continue
        keys = {key for key, _, _ in rows}
        assert {key for key, _, _ in found[name]} == keys, name
        newest = {key: (version, digest) for key, version, digest in rows}
        mine = {key: (version, digest) for key, version, digest in found[name]}
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
