"""Nights of X that cost money: what they may spend, what they leave open, what nobody can pull."""

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import psycopg
import pytest
from landed import nights, rows
from rich.console import Console

from answerable.landing import land
from answerable.runtime import sandbox, tables
from answerable.sandbox import company as c
from answerable.sandbox.server import Fault, serve
from answerable.sandbox.x import OUT_OF_CREDITS, USAGE_CAPPED
from answerable.sources import Connection, stream, streams_of
from answerable.sources.http import Client, Limits
from answerable.sources.paging import Start, walk
from answerable.warehouse import streams
from answerable.warehouse.load import LoadError, load
from answerable.warehouse.rebuild import rebuild_raw

SIZE = 0.1
PRESENT = "2025-12-11"
AGAIN = (
    "select stream, sum(superseded_count) from ops.batches"
    " where stream in ('mentions', 'posts', 'search') group by 1 order by 1"
)


@pytest.fixture
def night(warehouse):
    return nights(warehouse)


def account(served, **extra) -> Connection:
    found = Connection.from_dict(sandbox.account("x", served.airflow_connections()))
    limits = {"attempts": 3, "first_wait": 0.01, "longest_wait": 0.05}
    return replace(found, extra={**found.extra, "limits": limits, **extra})


def client(served) -> Client:
    connection = account(served)
    return Client(connection, Limits.of(connection), sleep=lambda _: None)


def pull(run: str, connection: Connection, *names: str) -> dict[str, dict]:
    receipts = {
        each.name: land(run, "x", each.name, connection)
        for each in streams_of(connection)
        if not names or each.name in names
    }
    load(run)
    return receipts


def keys(warehouse) -> dict[str, set[str]]:
    streams = ("mentions", "search", "posts", "referenced_posts")
    return {
        name: {key for (key,) in rows(warehouse, f"select record_key from raw.x_{name}")}
        for name in streams
    }


def states(receipts) -> dict[str, str]:
    return {name: receipt["status"] for name, receipt in receipts.items()}


def test_what_a_night_says_it_cost_is_what_the_source_charged(settings, warehouse, night):
    with serve(size=SIZE, present=PRESENT) as served:
        receipts = pull(night(), account(served))
        billed = [resource.partition(":")[0] for _, resource in served.bill]
    assert sum(receipt["reads"] for receipt in receipts.values()) == len(billed) > 100
    cost = sum(Decimal(receipt["cost"]) for receipt in receipts.values())
    assert cost == billed.count("post") * Decimal("0.005") + billed.count("user") * Decimal("0.01")
    told = "select sum(read_count), sum(cost) from ops.stream_runs"
    assert rows(warehouse, told) == [(len(billed), cost)]


@pytest.mark.parametrize("budget", [{"reads": 90}, {"money": "0.70"}], ids=str)
def test_nights_on_a_budget_bring_in_the_end_what_one_without_brings(
    new_settings, using, warehouse, night, budget
):
    with serve(size=SIZE, present=PRESENT) as served:
        pull(night(), account(served, refresh_days=0))
        whole = keys(warehouse)
    poor = new_settings()
    with (
        using(poor),
        serve(size=SIZE, present=PRESENT) as served,
        psycopg.connect(poor.warehouse_url) as conn,
    ):
        begin = nights(conn)
        limited = account(served, refresh_days=0, budget=budget)
        spent, seen = [], []
        while {"landed"} not in seen:
            run, before = begin(), len(served.bill)
            seen.append(set(states(pull(run, limited)).values()))
            spent.append(len(served.bill) - before)
        assert "incomplete" in seen[0] and len(seen) > 2
        assert set.union(*seen) == {"incomplete", "landed"}
        found = keys(conn)
        # some was looked up before its own walk came to it, since walks stopped in between
        walked = found["mentions"] | found["search"] | found["posts"]
        assert found["referenced_posts"] - walked == whole["referenced_posts"] - walked
        for name in ("mentions", "search", "posts"):
            assert found[name] == whole[name], name
        assert rows(conn, "select * from ops.holes") == []
        # what mentions two of our accounts comes twice: nothing else does
        assert rows(conn, AGAIN) == rows(warehouse, AGAIN)
        if "reads" in budget:
            assert max(spent) <= budget["reads"]
        costs = rows(conn, "select sum(cost) from ops.stream_runs group by run_id")
        assert max(cost for (cost,) in costs) <= Decimal(budget.get("money", 1))


def test_a_stream_that_stopped_says_where_and_is_left_alone_for_this_night(
    settings, warehouse, night
):
    with serve(size=SIZE, present=PRESENT) as served:
        run, limited = night(), account(served, budget={"reads": 100})
        first = pull(run, limited, "mentions")["mentions"]
        asked = len(served.requests)
        again = pull(run, limited, "mentions")["mentions"]
    assert first["status"] == again["status"] == "incomplete"
    assert len(served.requests) == asked
    care = c.CARE.id
    assert f"of {care} what is older than post" in first["error"]
    assert "of 100 reads" in first["error"]
    (state,) = rows(warehouse, "select status, error from ops.stream_runs where stream='mentions'")
    assert state == ("incomplete", first["error"])
    (cursor,) = rows(warehouse, "select cursor from ops.watermarks where stream = 'mentions'")
    assert json.loads(cursor[0])[care]["until"]


@pytest.mark.parametrize(
    "fault, credits",
    [
        (Fault("/2/", status=429, text=json.dumps(USAGE_CAPPED), nth=3, times=99), None),
        (Fault("/2/", status=403, text=json.dumps(USAGE_CAPPED), nth=3, times=99), None),
        (Fault("/2/", status=402, text="<html>", nth=3, times=99), None),
        (Fault("/2/", status=200, text=json.dumps({"errors": [OUT_OF_CREDITS]}), nth=3), None),
        (None, 60),
    ],
    ids=["429 capped", "403 capped", "402", "200 with errors", "the account runs dry"],
)
def test_an_account_out_of_credits_is_asked_once_and_told_apart(
    settings, warehouse, night, fault, credits
):
    with serve(size=SIZE, present=PRESENT, faults=[fault] if fault else [], credits=credits) as it:
        run, connection = night(), account(it)
        receipt = land(run, "x", "mentions", connection)
        assert receipt["status"] == "out_of_credits"
        refused = sum(status in (402, 403, 429) for _, status in it.requests)
        assert refused == (0 if fault and fault.status == 200 else 1)  # no waiting, no retry
        assert "Not read yet: of " in receipt["error"]
        with pytest.raises(LoadError, match="none of the 1 streams"):
            load(run)
        # somebody paid: the night goes on, when it is called again, where it stopped
        it.server.credits, it.server.faults = None, []
        again = land(run, "x", "mentions", connection)
        assert again["status"] == "landed" and receipt["records"] > 0
        load(run)
    with serve(size=SIZE, present=PRESENT) as it:
        whole = {
            json.loads(record)["edit_history_tweet_ids"][0]
            for page in walk(stream("x", "mentions"), Start(extra=c.X_EXTRA), client(it).get)
            for record in page.records
            if page.stream == "mentions"
        }
    stored = rows(warehouse, "select record_key from raw.x_mentions")
    assert {key for (key,) in stored} == whole and len(stored) == len(whole)


def test_a_limit_that_time_heals_is_waited_for_and_is_no_matter_of_money(
    settings, warehouse, night
):
    told = json.dumps({"title": "Too Many Requests", "type": "about:blank", "status": 429})
    fault = Fault("/2/", status=429, text=told, headers={"Retry-After": "0"}, times=2)
    with serve(size=0.02, present=PRESENT, faults=[fault]) as served:
        assert land(night(), "x", "mentions", account(served))["status"] == "landed"


# --- holes ---------------------------------------------------------------------------------------


def test_a_source_that_was_away_for_weeks_leaves_holes_that_survive_a_rebuild(
    settings, warehouse, night
):
    with serve(size=0.5, present="2025-12-08", is_capped=True) as served:
        connection = account(served, refresh_days=0)
        assert set(states(pull(night(), connection)).values()) == {"landed"}
        assert rows(warehouse, "select count(*) from ops.holes") == [(0,)]
        newest = dict(rows(warehouse, "select stream, cursor from ops.watermarks"))
        served.move_to("2026-04-20")
        assert set(states(pull(night(), connection)).values()) == {"landed"}
    query = (
        "select stream, part, from_at::date::text, until_at, after_id, reason from ops.holes"
        " order by stream, part"
    )
    holes = rows(warehouse, query)
    by_part = {(stream, part): rest for stream, part, *rest in holes}
    for name in c.X_EXTRA["search"]:
        from_on, until_at, after, reason = by_part["search", name]
        assert from_on < "2025-12-08" and f"{until_at}" == "2026-04-13 00:00:00"
        assert "7 days" in reason and after == json.loads(newest["search"])[name]
    from_on, until_at, after, reason = by_part["mentions", c.CARE.id]
    assert from_on == "2025-12-07" and "800" in reason
    assert f"{until_at}" > "2026-03-01" and after == json.loads(newest["mentions"])[c.CARE.id]
    assert {stream for stream, _ in by_part} == {"mentions", "search"}
    told = Console(record=True, file=StringIO(), width=300)
    tables.show_streams(told, streams.states(warehouse))
    shown = told.export_text()
    assert f"in {c.CARE.id}: the API reaches back 800 posts" in shown
    assert shown.count("a hole from 2025-12-0") == len(holes) and "2026-04-13 00:00:00" in shown
    warehouse.commit()  # what has read raw would hold it
    rebuild_raw(settings)
    assert rows(warehouse, query) == holes


def test_a_night_later_there_is_no_hole(settings, warehouse, night):
    with serve(size=0.5, present="2025-12-08", is_capped=True) as served:
        connection = account(served, refresh_days=0)
        for present in ("2025-12-08", "2025-12-09", "2025-12-15"):
            served.move_to(present)
            pull(night(), connection)
    assert rows(warehouse, "select * from ops.holes") == []


def test_what_was_observed_is_dated_by_the_source_s_own_clock(settings, warehouse, night):
    with serve(size=0.02, present=PRESENT) as served:
        pull(night(), account(served), "mentions")
    assert [f"{at}" for (at,) in rows(warehouse, "select observed_at from ops.batches")] == [
        "2025-12-11 00:00:00"
    ] * len(rows(warehouse, "select 1 from ops.batches"))


def test_fresh_numbers_are_asked_for_of_the_posts_of_the_last_days_only(settings, warehouse, night):
    with serve(size=0.1, present="2026-03-01") as served:
        connection = account(served, refresh_days=2)
        run = night()
        assert pull(run, connection)["refreshed_posts"]["records"] == 0  # all of it is fresh
        served.move_to("2026-03-02")
        run = night()  # as of 2 March
        receipt = pull(run, connection)["refreshed_posts"]
    young = rows(
        warehouse,
        "select min(payload ->> 'created_at'), count(distinct record_key)"
        " from raw.x_refreshed_posts",
    )
    assert receipt["records"] == young[0][1] > 5
    assert "2026-02-28" <= young[0][0] < "2026-03-01"
    grown = rows(
        warehouse,
        "select count(*) filter (where now_it > was), count(*) filter (where now_it < was) from ("
        " select (r.payload -> 'public_metrics' ->> 'impression_count')::int as now_it,"
        " (m.payload -> 'public_metrics' ->> 'impression_count')::int as was"
        " from raw.x_refreshed_posts as r join raw.x_mentions as m using (record_key)"
        " where m.batch_id < r.batch_id) as both_times",
    )
    assert grown[0][0] > 3 and grown[0][1] == 0
