"""A window of the past pulled again: what is missing is filled, what is there stays as it is."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pulling
import pytest
from landed import rows
from pulling import accounts, begin, stored

from answerable import pipeline, runs
from answerable.backfill import Request, choose
from answerable.landing import Zone
from answerable.landing import batch as batches
from answerable.sandbox.server import Fault, serve
from answerable.sources import KINDS, SourceError, streams_of
from answerable.sources.paging import no_window
from answerable.warehouse import streams
from answerable.warehouse.db import WRITER_LOCK, connect
from answerable.warehouse.load import load
from answerable.warehouse.publish import _sources
from answerable.warehouse.rebuild import rebuild_raw

SIZE, PRESENT = 0.02, "2025-12-16"
SINCE, UNTIL = "2025-12-04", "2025-12-10"
WINDOWED = {
    "zendesk": {
        *("tickets", "ticket_events", "users", "organizations"),
        *("ticket_metric_events", "satisfaction_ratings"),
    },
    "x": {"mentions", "posts", "search"},
}


@pytest.fixture(autouse=True)
def small_objects(monkeypatch):
    monkeypatch.setattr(batches, "RECORDS", 8)


@pytest.fixture
def sandbox():
    with serve(size=SIZE, present=PRESENT, largest_page=12) as handle:
        yield handle


@pytest.fixture
def connect_to(sandbox, monkeypatch):
    """The accounts as Airflow would hand them over."""
    found = {each.name: each for each in accounts(sandbox.airflow_connections())}
    monkeypatch.setenv("ANSWERABLE_SOURCES", ",".join(found))
    monkeypatch.setenv("ANSWERABLE_INPUT", "sandbox")

    def connection(name, **extra):
        one = found[name]
        told = {key: getattr(one, key) for key in ("name", "kind", "scheme", "host", "port")}
        told |= {"login": one.login, "password": one.password}
        return told | {"extra": {**one.extra, **extra}}

    return connection


@pytest.fixture
def pulled(settings, sandbox):
    """A night that has pulled and loaded everything."""
    begin(settings, "night-1", PRESENT)
    pulling.pull("night-1", sandbox.airflow_connections())
    return stored(settings)


def filled(connect_to, source, streams=(), since=SINCE, until=UNTIL):
    planned = pipeline.plan_backfill(source, since, until, streams, connect_to=connect_to)
    return planned, pipeline.backfill(planned["run_id"], connect_to=connect_to)


def next_night(settings, number=2):
    begin_another(settings, number)
    return load(f"night-{number}")


def begin_another(settings, number):
    """Another night, beside which a backfill may be under way."""
    with connect(settings) as conn:
        conn.execute("update ops.runs set status = 'published' where kind = 'nightly'")
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input)"
            " values (%s, 'nightly', %s, 'sandbox')",
            [f"night-{number}", PRESENT],
        )


@pytest.mark.parametrize("source", ["zendesk", "x"])
def test_a_window_of_what_is_stored_doubles_nothing_and_moves_no_watermark(
    settings, warehouse, sandbox, connect_to, pulled, source
):
    planned, receipt = filled(connect_to, source)
    assert set(planned["streams"]) == WINDOWED[source]
    assert {each["status"] for each in receipt["streams"]} == {"landed"}
    assert sum(each["records"] for each in receipt["streams"]) > 15
    assert receipt["streams"][0]["brought_along"] == {}  # nothing is looked up again
    loaded = next_night(settings)
    assert (loaded["loaded"], loaded["quarantined"]) == (0, 0) and loaded["superseded"] > 15
    assert stored(settings) == pulled
    ((status, as_of),) = rows(
        warehouse, "select status, as_of::text from ops.runs where kind = 'backfill'"
    )
    assert (status, as_of) == ("done", f"{PRESENT} 00:00:00")


def drop(settings, source, stream):
    """Lose landed and loaded objects of a stream, as if they had never been; says how many."""
    zone = Zone.at(settings.landing)
    names = zone.names(source, stream)
    lost = names[:-1] or names
    kind = "zendesk" if source.startswith("zendesk") else "x"
    for name in lost:
        zone.path(name).unlink()
        zone.path(name + ".manifest.json").unlink()
    with connect(settings) as conn:
        gone = "select batch_id from ops.batches where object = any(%s)"
        conn.execute(f"delete from raw.{kind}_{stream} where batch_id in ({gone})", [lost])
        conn.execute("delete from ops.batches where object = any(%s)", [lost])
    return len(lost)


@pytest.mark.parametrize(
    "source, stream",
    [(source, stream) for source, its in WINDOWED.items() for stream in sorted(its)],
)
def test_a_hole_is_filled(settings, warehouse, sandbox, connect_to, pulled, source, stream):
    assert drop(settings, source, stream) > 0
    assert stored(settings) != pulled
    whole = {"since": "2025-10-01", "until": PRESENT}
    filled(connect_to, source, [stream], **whole)
    next_night(settings)
    found = stored(settings)
    # posts that are pointed at may be looked up anew, and come without their walk
    assert found | {"x_referenced_posts": 0} == pulled | {"x_referenced_posts": 0}


def test_of_a_window_only_what_lies_in_it_is_asked_for(settings, sandbox, connect_to, pulled):
    before = len(sandbox.requests)
    filled(connect_to, "zendesk", ["tickets", "ticket_events"])
    asked = [urlsplit(target) for target, _ in sandbox.requests[before:]]
    with serve(size=SIZE, present=PRESENT, largest_page=12) as whole:
        everything = accounts(whole.airflow_connections())[0]
        begin_another(settings, 9)
        for name in ("tickets", "ticket_events"):
            pipeline.land("night-9", source="z9", kind="zendesk", stream=name,
                          connection=replace(everything, name="z9"))  # fmt: skip
        assert len(asked) < len(whole.requests) * 0.75
    starts = [dict(parse_qsl(each.query)).get("start_time") for each in asked]
    assert min(int(start) for start in starts if start) == 1764806400  # 2025-12-04, London
    for stream in ("tickets", "ticket_events"):
        zone = Zone.at(settings.landing)
        (folder,) = {name.rpartition("/")[0] for name in zone.names("zendesk", stream)
                     if "-000002/" in name}  # fmt: skip
        assert folder == f"zendesk/{stream}/20251216T0000-000002"
        manifests = [zone.manifest(n) for n in zone.names("zendesk", stream) if folder in n]
        assert {each.cursor_to for each in manifests} == {None} and manifests[-1].is_last


def test_of_a_timeline_only_the_windows_posts_are_paid_for(
    settings, warehouse, sandbox, connect_to, pulled
):
    _, receipt = filled(connect_to, "x", ["mentions"])
    zone = Zone.at(settings.landing)
    names = [name for name in zone.names("x", "mentions") if "-000002/" in name]
    lines = [line for name in names for line in zone.lines(zone.manifest(name))]
    posts = [json.loads(line) for line in lines]
    days = {post["created_at"][:10] for post in posts}
    assert min(days) >= SINCE and max(days) < UNTIL and len(days) > 2
    wanted = rows(
        warehouse,
        "select count(distinct record_key) from raw.x_mentions"
        " where payload ->> 'created_at' >= %s and payload ->> 'created_at' < %s",
        SINCE,
        UNTIL,
    )
    assert wanted == [(len({post["id"] for post in posts}),)]
    assert receipt["streams"][0]["brought_along"] == {}


def test_what_a_source_does_not_show_any_more_is_said(settings, connect_to, pulled, sandbox):
    sandbox.server.is_capped = True  # X's search reaches back seven days
    planned = pipeline.plan_backfill("x", "2025-12-01", "2025-12-12", ["search"],
                                     connect_to=connect_to)  # fmt: skip
    with pytest.raises(SourceError, match=r"x.search: not shown any more: .*back 7 days"):
        pipeline.backfill(planned["run_id"], connect_to=connect_to)
    with connect(settings) as conn:
        assert conn.execute("select count(*) from ops.holes").fetchone() == (0,)


def test_a_night_that_writes_waits_for_no_backfill_and_no_backfill_for_it(
    settings, connect_to, pulled
):
    begin_another(settings, 2)
    with psycopg.connect(settings.warehouse_url) as writing:
        writing.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])  # as while it publishes
        writing.execute("set lock_timeout = '5s'")
        _, receipt = filled(connect_to, "zendesk", ["tickets"])
        assert receipt["streams"][0]["status"] == "landed"
    planned = pipeline.plan_backfill("zendesk", SINCE, UNTIL, ["tickets"], connect_to=connect_to)
    with connect(settings) as backfilling:  # the lock that its walk of the stream holds
        backfilling.execute(
            "select pg_advisory_lock(hashtextextended('answerable backfill zendesk.tickets', 0))"
        )
        begin_another(settings, 3)
        (desk, _) = (pipeline.Connection.from_dict(connect_to(name)) for name in ("zendesk", "x"))
        receipt = pipeline.land(
            "night-3", source="zendesk", kind="zendesk", stream="tickets", connection=desk
        )
        assert receipt["status"] == "landed"
    with connect(settings) as conn:
        assert runs.get(conn, planned["run_id"]).status == "running"
    pipeline.fail_running()
    with connect(settings) as conn:  # a night that fails is no failure of the backfill
        assert runs.get(conn, planned["run_id"]).status == "running"
        assert runs.get(conn, "night-3").status == "failed"


def test_a_stream_that_fails_stops_no_other_and_is_walked_again(
    settings, warehouse, sandbox, connect_to, pulled
):
    broken = Fault("ticket_events", kind="status", status=500, times=10**6)
    sandbox.server.faults = [broken]
    planned = pipeline.plan_backfill("zendesk", SINCE, UNTIL, connect_to=connect_to)
    with pytest.raises(SourceError, match=r"^zendesk\.ticket_events: .* answered 500"):
        pipeline.backfill(planned["run_id"], connect_to=connect_to)
    state = "select stream, status from ops.stream_runs where run_id = %s order by 1"
    of = dict(rows(warehouse, state, planned["run_id"]))
    assert of.pop("ticket_events") == "failed" and set(of.values()) == {"landed"} and len(of) == 5
    sandbox.server.faults = []
    before = len(sandbox.requests)
    pipeline.backfill(planned["run_id"], connect_to=connect_to)  # as the task is tried again
    assert {"ticket_events" in target for target, _ in sandbox.requests[before:]} == {True}
    assert rows(warehouse, "select status from ops.runs where kind = 'backfill'") == [("done",)]


def test_nothing_that_tells_of_nights_takes_a_backfill_for_one(
    settings, warehouse, connect_to, pulled
):
    def told():
        with connect(settings) as conn:
            run = replace(runs.get(conn, "night-1"), run_no=99)  # a night after the backfill
            shown = [replace(each, lag=None) for each in streams.states(conn)]
            return _sources(conn, run), shown

    warehouse.execute("update ops.stream_runs set finished_at = '2025-12-16', status = 'failed'"
                      " where stream = 'users'")  # fmt: skip
    warehouse.commit()
    before = told()
    filled(connect_to, "zendesk")
    assert told() == before
    with connect(settings) as conn:
        state = runs.read_state(conn)
        assert state.unfinished.run_id == "night-1" and state.unfinished_replays == ()


def test_raw_made_again_holds_what_the_backfill_brought(settings, connect_to, pulled):
    drop(settings, "zendesk", "tickets")
    filled(connect_to, "zendesk", ["tickets"], "2025-10-01", PRESENT)
    next_night(settings)
    before = stored(settings)
    assert before == pulled
    rebuild_raw(settings)
    assert stored(settings) == before


# --- what may be asked for -----------------------------------------------------------------------


def test_every_stream_takes_a_window_or_says_why_not():
    for kind, its in KINDS.items():
        takes = {each.name for each in its if no_window(each) is None}
        assert takes >= WINDOWED[kind]
        for each in its:
            assert each.name in takes or len(no_window(each)) > 10


@pytest.mark.parametrize(
    "source, since, until, streams, says",
    [
        ("zendesk", SINCE, UNTIL, ["groups"], "groups takes no window: its list is read whole"),
        ("zendesk", SINCE, UNTIL, ["schedules"], "its source keeps no history"),
        ("zendesk", SINCE, UNTIL, ["ticket"], "no stream 'ticket'; it has tickets, "),
        ("zendesk_2", SINCE, UNTIL, [], "no such account is configured; there are zendesk, x"),
        ("zendesk", UNTIL, SINCE, [], "is no window"),
        ("zendesk", SINCE, SINCE, [], "is no window"),
        ("zendesk", SINCE, "2999-01-01", [], "2999-01-01 has not begun yet"),
        ("zendesk", "last week", UNTIL, [], "from: 'last week' is no day"),
        ("zendesk", SINCE, "", [], "until: '' is no day"),
    ],
)
def test_what_cannot_be_pulled_is_refused_before_anything_is_asked(
    settings, warehouse, sandbox, connect_to, source, since, until, streams, says
):
    begin(settings, "night-1", PRESENT)
    with pytest.raises(runs.PlanError, match=says):
        filled(connect_to, source, streams, since, until)
    assert sandbox.requests == []
    assert rows(warehouse, "select count(*) from ops.runs where kind = 'backfill'") == [(0,)]


def test_a_real_account_fills_nothing_of_an_invented_company(settings, connect_to, monkeypatch):
    begin(settings, "night-1", PRESENT)
    monkeypatch.delenv("ANSWERABLE_INPUT")
    with pytest.raises(runs.PlanError, match="holds the sandbox's invented company"):
        filled(connect_to, "zendesk")


def test_streams_that_take_no_window_are_left_out_with_the_reason(sandbox):
    desk = accounts(sandbox.airflow_connections())[0]
    chosen, left_out = choose(Request(since=SINCE, until=UNTIL), desk)
    assert {each.name for each in chosen} | left_out.keys() == {s.name for s in streams_of(desk)}
    assert "every night" in left_out["groups"]


def test_days_are_those_of_the_company():
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    asked = Request(since="2026-03-28", until="2026-03-30")
    window = asked.window(ZoneInfo("Europe/London"), datetime(2026, 4, 1, tzinfo=UTC))
    assert window.until - window.since == 47 * 3600  # an hour was lost in between
    window = asked.window(ZoneInfo("Asia/Kolkata"), datetime(2026, 4, 1, tzinfo=UTC))
    assert datetime.fromtimestamp(window.since, UTC).hour == 18


def test_without_an_account_the_sandbox_of_the_newest_night_is_asked(settings, monkeypatch):
    monkeypatch.setenv("ANSWERABLE_SANDBOX_SIZE", str(SIZE))
    begin(settings, "night-1", PRESENT)
    planned, receipt = filled(never, "zendesk", ["tickets"])
    assert receipt["streams"][0]["records"] > 0
    with connect(settings) as conn:
        assert runs.get(conn, planned["run_id"]).input == "sandbox"


def never(name):
    raise AssertionError(f"asked for the connection {name}")
