"""Streams of a source pulled at the same time: what one after the other would have stored."""

import time
from dataclasses import replace

import pulling
import pytest
from pulling import accounts, begin, stored

from answerable import pipeline
from answerable.progress import listen
from answerable.sandbox.server import Fault, serve
from answerable.sources import SpecError, streams_of
from answerable.warehouse.db import connect
from answerable.warehouse.load import load

SIZE, PRESENT, RUN = 0.02, "2025-12-11", "night-1"
SLOW = Fault(".*", kind="slow", seconds=0.05, times=10**9)


@pytest.fixture(scope="module")
def undisturbed(new_settings, using):
    settings = new_settings()
    with using(settings), serve(size=SIZE, present=PRESENT) as handle:
        begin(settings, RUN, PRESENT)
        pulling.pull(RUN, handle.airflow_connections())
    return stored(settings)


def landed(handle, settings, more=None, run=RUN):
    """Land each source as a task of a night does; gives the receipts by stream."""
    receipts = {}
    for account in accounts(handle.airflow_connections()):
        if account.kind == "zendesk":
            account = replace(account, extra={**account.extra, **(more or {})})
        streams = [
            {"source": account.name, "kind": account.kind, "stream": each.name}
            for each in streams_of(account)
        ]
        (group,) = pipeline.by_source(streams)
        receipt = pipeline.land_source(run, **group, connection=account)
        for each in receipt["streams"]:
            receipts[each["source"], each["stream"]] = each
    return receipts


def walks_under_way(shown):
    """The most stages that had begun and not ended at one time."""
    under_way, most = set(), 0
    for name, state in shown:
        (under_way.add if state == "running" else under_way.discard)(name)
        most = max(most, len(under_way))
    return most


@pytest.mark.parametrize("more, expected", [({}, 4), ({"streams_at_once": 2}, 2)])
def test_streams_go_at_the_same_time_and_the_same_is_stored(settings, undisturbed, more, expected):
    shown = []
    end = listen(lambda stage: shown.append((stage.name, stage.state)))
    try:
        with serve(size=SIZE, present=PRESENT, faults=[SLOW]) as handle:
            begin(settings, RUN, PRESENT)
            receipts = landed(handle, settings, more)
    finally:
        end()
    assert {each["status"] for each in receipts.values()} == {"landed"}
    desk = [entry for entry in shown if "zendesk" in entry[0]]
    assert walks_under_way(desk) == expected
    load(RUN)
    assert stored(settings) == undisturbed
    with connect(settings) as conn:
        told = conn.execute("select source, stream, record_count from ops.stream_runs").fetchall()
    assert {(s, n): count for s, n, count in told} == {
        name: receipt["records"] for name, receipt in receipts.items()
    }


def test_mentions_come_before_our_own_posts_and_no_post_is_looked_up_twice(settings, undisturbed):
    """Whatever the order in which streams were named, and though the account allows four."""
    with serve(size=SIZE, present=PRESENT, faults=[SLOW]) as handle:
        begin(settings, RUN, PRESENT)
        (_, x) = accounts(handle.airflow_connections())
        x = replace(x, extra={**x.extra, "streams_at_once": 4})
        streams = [{"stream": "posts"}, {"stream": "mentions"}]
        pipeline.land_source(RUN, source="x", kind="x", streams=streams, connection=x)
        asked = [target for target, _ in handle.requests]
    paths = [target.partition("?")[0] for target in asked]
    last_mention = max(n for n, path in enumerate(paths) if path.endswith("/mentions"))
    first_post = min(n for n, path in enumerate(paths) if "/users/" in path and "/tweets" in path)
    assert last_mention < first_post
    load(RUN)
    assert stored(settings)["x_referenced_posts"] == undisturbed["x_referenced_posts"]


def test_a_stream_that_fails_stops_no_other(settings, undisturbed):
    broken = Fault("incremental/users", kind="status", status=500, times=10**6)
    with serve(size=SIZE, present=PRESENT, faults=[broken]) as it:
        begin(settings, RUN, PRESENT)
        receipts = landed(it, settings)
    assert {name for name, each in receipts.items() if each["status"] == "failed"} == {
        ("zendesk", "users")
    }
    with serve(size=SIZE, present=PRESENT) as it:  # tried again, only that one is asked for
        receipts = landed(it, settings)
        assert {"incremental/users" in target for target, _ in it.requests} == {True}
    load(RUN)
    assert stored(settings) == undisturbed


def test_a_stream_that_breaks_stops_no_other_and_is_raised_at_the_end(
    settings, undisturbed, monkeypatch
):
    """A fault of ours, or of the disk: the task is red, and tried again it does what is left."""
    from answerable import landing

    real = landing.land

    def land(run, source, stream, connection, **more):
        if stream == "tickets":
            raise OSError("no space left on device")
        if stream == "groups":
            raise SpecError("extra start_time must be a whole number")
        return real(run, source, stream, connection, **more)

    with serve(size=SIZE, present=PRESENT) as handle:
        begin(settings, RUN, PRESENT)
        monkeypatch.setattr(landing, "land", land)
        with pytest.raises(OSError, match="no space left"):  # not the one that is final
            landed(handle, settings)
        monkeypatch.undo()
        with connect(settings) as conn:
            found = conn.execute("select stream from ops.stream_runs where source = 'zendesk'")
            done = {name for (name,) in found}
        desk = {each.name for each in streams_of(accounts(handle.airflow_connections())[0])}
        assert done == desk - {"tickets", "groups"}
        landed(handle, settings)
    load(RUN)
    assert stored(settings) == undisturbed


def test_limits_that_a_connection_sets_are_kept_by_all_its_streams_together(settings, monkeypatch):
    from answerable.sources import account

    monkeypatch.setattr(account, "MINUTE", 0.4)  # a minute of the test's own
    with serve(size=SIZE, present=PRESENT) as handle:
        begin(settings, RUN, PRESENT)
        times = []

        def note(target, number):
            times.append((time.monotonic(), target))

        handle.server.faults = note
        landed(handle, settings, {"requests_per_minute": {"exports": 3}})
    exports = sorted(at for at, target in times if "/incremental/" in target)
    assert len(exports) >= 5
    for first in exports:
        assert sum(first <= at < first + 0.35 for at in exports) <= 3


def test_what_one_walk_of_a_night_leaves_is_left_alone_by_the_next_call(settings, undisturbed):
    with serve(size=SIZE, present=PRESENT) as handle:
        begin(settings, RUN, PRESENT)
        landed(handle, settings)
        asked = len(handle.requests)
        again = landed(handle, settings)
        assert len(handle.requests) == asked
    assert {each["status"] for each in again.values()} == {"landed"}
    load(RUN)
    assert stored(settings) == undisturbed
