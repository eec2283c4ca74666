"""Landing and loading into a real PostgreSQL: exactly once, whatever happened in between."""

import gzip
import json
from collections import Counter
from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from landed import Killed, Pages, groups, nights, rows, ticket, tickets

from answerable import landing
from answerable.landing import Zone, land, land_file
from answerable.landing.zone import LandingError, Manifest
from answerable.sources import Connection, SpecError
from answerable.sources.errors import NotAvailable, SourceError
from answerable.warehouse import load as loading
from answerable.warehouse.db import NotRunning
from answerable.warehouse.load import LoadError, load

ZENDESK = Connection(name="zendesk", kind="zendesk", host="h", login="a", password="p")
CREATED = "2026-01-01T00:00:00Z"
X = Connection(name="x", kind="x", host="h", password="p", extra={"own_user_ids": ["11"]})


@pytest.fixture
def night(warehouse):
    return nights(warehouse)


def raw(conn, table="zendesk_tickets"):
    return rows(
        conn,
        f"select record_key, version, batch_id, position, record_hash, payload::text"
        f" from raw.{table} order by batch_id, position",
    )


def state(conn):
    """All that loading leaves behind, but for the times at which it happened."""
    return [
        raw(conn),
        rows(conn, "select * from raw.quarantine order by 1"),
        rows(conn, "select * from ops.watermarks order by 1, 2"),
        rows(conn, "select * from ops.batches order by 1"),
    ]


def test_a_night_is_landed_and_loaded_and_the_next_goes_on_from_its_cursor(
    settings, warehouse, night
):
    run = night()
    client = Pages(
        tickets(ticket(1, 10), ticket(2, 11), cursor="a", end=False),
        tickets(ticket(3, 12), cursor="b"),
    )
    receipt = land(run, "zendesk", "tickets", ZENDESK, client=client)
    assert (receipt["status"], receipt["pages"], receipt["records"]) == ("landed", 2, 3)
    assert load(run)["loaded"] == 3
    assert [row[0] for row in raw(warehouse)] == ["1", "2", "3"]

    run = night()
    client = Pages(tickets(ticket(1, 20), cursor="c"))
    land(run, "zendesk", "tickets", ZENDESK, client=client)
    assert client.asked[0][1]["cursor"] == "b" and "start_time" not in client.asked[0][1]
    load(run)
    assert [(row[0], int(row[1])) for row in raw(warehouse)] == [
        ("1", 10),
        ("2", 11),
        ("3", 12),
        ("1", 20),
    ]
    assert rows(warehouse, "select first_read_run_no from ops.batches order by 1") == [(1,), (2,)]


def test_loading_twice_changes_nothing(settings, warehouse, night):
    run = night()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(ticket(1, 10), cursor="a")))
    load(run)
    before = state(warehouse)
    again = load(run)
    assert (again["objects"], again["records"]) == (0, 0)
    assert state(warehouse) == before


def test_a_stream_that_this_run_landed_is_not_asked_again(settings, warehouse, night):
    run = night()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(ticket(1, 10), cursor="a")))
    client = Pages()
    receipt = land(run, "zendesk", "tickets", ZENDESK, client=client)
    assert client.asked == [] and (receipt["status"], receipt["records"]) == ("landed", 1)


def test_killed_in_mid_walk_nothing_half_is_seen_and_the_walk_goes_on(
    settings, warehouse, night, monkeypatch
):
    monkeypatch.setattr("answerable.landing.batch.RECORDS", 2)
    run = night()
    client = Pages(
        tickets(ticket(1, 10), ticket(2, 11), cursor="a", end=False),
        tickets(ticket(3, 12), cursor="b", end=False),
        Killed(),
    )
    with pytest.raises(Killed):
        land(run, "zendesk", "tickets", ZENDESK, client=client)
    zone = Zone.at(settings.landing)
    assert len(zone.names()) == 1 and not list(zone.root.rglob("*.part"))
    client = Pages(
        tickets(ticket(3, 12), cursor="b", end=False), tickets(ticket(4, 13), cursor="c")
    )
    receipt = land(run, "zendesk", "tickets", ZENDESK, client=client)
    # what lay landed, though not loaded, is not asked for again
    assert client.asked[0][1]["cursor"] == "a" and receipt["records"] == 2
    assert [zone.manifest(name).walk for name in zone.names()] == [1, 2]
    load(run)
    assert [row[0] for row in raw(warehouse)] == ["1", "2", "3", "4"]


def test_an_object_without_its_manifest_does_not_exist(settings, warehouse, night):
    run = night()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(ticket(1, 10), cursor="a")))
    zone = Zone.at(settings.landing)
    (name,) = zone.names()
    zone.path(name + ".manifest.json").unlink()
    assert load(run)["objects"] == 0 and raw(warehouse) == []


def test_killed_between_landing_and_loading_the_next_call_loads(
    settings, warehouse, night, monkeypatch
):
    run = night()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(ticket(1, 10), cursor="a")))
    real = psycopg.Connection.commit

    def killed_at_commit(conn):
        if conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS and conn.execute(
            "select exists (select from ops.batches)"
        ).fetchone() == (True,):
            conn.close()
            raise Killed
        real(conn)

    monkeypatch.setattr(psycopg.Connection, "commit", killed_at_commit)
    with pytest.raises((Killed, psycopg.OperationalError)):
        load(run)
    monkeypatch.undo()
    assert state(warehouse) == [[], [], [], []]
    assert load(run)["loaded"] == 1


def test_a_failing_source_is_recorded_and_what_came_before_is_kept(settings, warehouse, night):
    run = night()
    client = Pages(
        tickets(ticket(1, 10), cursor="a", end=False), SourceError("zendesk: answered 503")
    )
    receipt = land(run, "zendesk", "tickets", ZENDESK, client=client)
    assert (receipt["status"], receipt["records"]) == ("failed", 1)
    assert rows(warehouse, "select status, record_count, error from ops.stream_runs") == [
        ("failed", 1, "zendesk: answered 503")
    ]
    groups = {"groups": [], "meta": {"has_more": False}}
    land(run, "zendesk", "groups", ZENDESK, client=Pages(groups))
    assert load(run)["loaded"] == 1  # the night goes on with what there is
    client = Pages(tickets(ticket(2, 11), cursor="b"))
    assert land(run, "zendesk", "tickets", ZENDESK, client=client)["status"] == "landed"
    assert client.asked[0][1]["cursor"] == "a"


def test_a_night_in_which_no_stream_could_be_read_is_refused(settings, warehouse, night):
    run = night()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(SourceError("answered 503")))
    land(run, "zendesk", "users", ZENDESK, client=Pages(SourceError("answered 503")))
    with pytest.raises(LoadError, match="none of the 2 streams"):
        load(run)
    warehouse.execute("update ops.stream_runs set status = 'out_of_credits' where stream = 'users'")
    warehouse.commit()
    with pytest.raises(LoadError, match="none of the 2 streams"):
        load(run)


def test_a_withheld_stream_is_not_available_and_no_failure(settings, warehouse, night):
    run = night()
    receipt = land(run, "zendesk", "brands", ZENDESK, client=Pages(NotAvailable("answered 404")))
    assert receipt["status"] == "not_available"
    load(run)
    assert rows(warehouse, "select status from ops.stream_runs") == [("not_available",)]


def test_a_run_that_was_ended_writes_nothing(settings, warehouse, night):
    run = night()
    warehouse.execute("update ops.runs set status = 'failed'")
    warehouse.commit()
    client = Pages(tickets(ticket(1, 10), cursor="a"))
    with pytest.raises(NotRunning):
        land(run, "zendesk", "tickets", ZENDESK, client=client)
    with pytest.raises(NotRunning):
        load(run)
    assert client.asked == [] and Zone.at(settings.landing).names() == []


# --- lists that are walked whole -----------------------------------------------------------------


def test_a_list_that_shrank_sharply_is_refused_with_both_counts(settings, warehouse, night):
    def landed(count, accept=()):
        run = night()
        receipt = land(
            run,
            "zendesk",
            "groups",
            ZENDESK,
            client=Pages(groups(count)),
            settings=replace(settings, accept_shrink=accept),
        )
        land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(cursor="a")))
        load(run)
        return receipt

    assert landed(40)["status"] == "landed"
    assert landed(20)["status"] == "landed"  # half is not below half
    receipt = landed(9)
    assert receipt["status"] == "failed"
    assert "has 9 records, the last whole one (20260302T0000-000002) had 20" in receipt["error"]
    assert 'ANSWERABLE_ACCEPT_SHRINK="zendesk.groups" make nightly' in receipt["error"]
    # neither its records nor its count were taken
    assert len(Zone.at(settings.landing).names("zendesk", "groups")) == 2
    assert landed(0)["status"] == "failed"
    assert landed(9, accept=("zendesk.groups",))["status"] == "landed"
    assert landed(0)["status"] == "landed"  # 9 fewer: not held to be cut short


def test_an_empty_list_accepted_once_is_no_news_again(settings, warehouse, night):
    """Nothing lies landed of an empty list, so it is compared with the last that had records."""
    land(night(), "zendesk", "groups", ZENDESK, client=Pages(groups(40)))
    accepting = replace(settings, accept_shrink=("zendesk.groups",))
    empty = Pages(groups(0))
    receipt = land(night(), "zendesk", "groups", ZENDESK, client=empty, settings=accepting)
    assert receipt["status"] == "landed"


def policies(count):
    return {"sla_policies": [{"id": n, "title": f"p{n}"} for n in range(1, count + 1)]}


def schedules(*holidays):
    """One schedule for each, with so many holidays; its pages as they are asked for."""
    listed = {"schedules": [{"id": n, "intervals": []} for n, _ in enumerate(holidays, 1)]}
    below = [{"holidays": [{"id": day} for day in range(count)]} for count in holidays]
    return [listed, *below]


def test_a_snapshot_of_which_less_than_half_is_left_is_refused_with_both_counts(
    settings, warehouse, night
):
    """It would end what is still promised: these lists have no other history than ours."""

    def landed(stream, *pages, accept=()):
        run = night()
        receipt = land(
            run,
            "zendesk",
            stream,
            ZENDESK,
            client=Pages(*pages),
            settings=replace(settings, accept_shrink=accept),
        )
        land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(cursor="a")))
        load(run)
        return receipt

    assert landed("sla_policies", policies(5))["status"] == "landed"
    receipt = landed("sla_policies", policies(2))
    assert receipt["status"] == "failed"
    assert (
        "2 sla_policies, where the last time (20260301T0000-000001) there were 5"
        in (receipt["error"])
    )
    assert 'ANSWERABLE_ACCEPT_SHRINK="zendesk.sla_policies" make nightly' in receipt["error"]
    assert landed("sla_policies", policies(0))["status"] == "failed"
    assert landed("sla_policies", policies(3))["status"] == "landed"
    assert landed("sla_policies", policies(0), accept=("zendesk.sla_policies",))["records"] == 1
    assert landed("sla_policies", policies(0))["status"] == "landed"  # as the last time
    assert rows(
        warehouse, "select jsonb_array_length(payload -> 'sla_policies')"
        " from raw.zendesk_sla_policies order by batch_id"
    ) == [(5,), (3,), (0,)]  # fmt: skip

    assert landed("schedules", *schedules(4, 5))["status"] == "landed"
    receipt = landed("schedules", *schedules(4, 0))
    assert "4 holidays, where the last time (20260307T0000-000007) there were 9" in receipt["error"]
    assert landed("schedules", *schedules(9))["status"] == "landed"  # one of two is half
    assert landed("schedules", *schedules())["status"] == "failed"


# --- versions ----------------------------------------------------------------------------------


def test_a_record_is_stored_once_per_version_that_differs(settings, warehouse, night):
    run = night()
    first = tickets(
        ticket(1, 10, s="a"),
        ticket(1, 10, s="a"),  # the same again
        ticket(1, 10, s="b"),  # the same version, another content
        ticket(1, 10, s="a"),  # and back
        ticket(2, 10, s="a"),
        cursor="a",
    )
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(first))
    receipt = load(run)
    assert (receipt["loaded"], receipt["superseded"]) == (4, 1)
    run = night()
    second = tickets(
        ticket(1, 10, s="a"),  # as the newest stored one of this version
        ticket(2, 20, s="a"),  # a new version
        ticket(2, 5, s="a"),  # an old version that comes late
        ticket(2, 10, s="a"),
        cursor="b",
    )
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(second))
    receipt = load(run)
    assert (receipt["loaded"], receipt["superseded"]) == (2, 2)
    newest = rows(
        warehouse,
        "select distinct on (record_key) record_key, version::int, payload ->> 's'"
        " from raw.zendesk_tickets order by record_key, version desc, batch_id desc, position desc",
    )
    assert newest == [("1", 10, "a"), ("2", 20, "a")]

    run = night()
    third = tickets(ticket(2, 10, s="a"), ticket(2, 5, s="a"), cursor="c")  # both known
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(third))
    receipt = load(run)
    assert (receipt["loaded"], receipt["superseded"]) == (0, 2)


def test_what_batches_of_before_hold_is_looked_up_though_they_do_not_say_how_new(
    settings, warehouse, night
):
    """Warehouses made before batches noted their newest version."""
    page = tickets(ticket(1, 10), ticket(2, 30), cursor="a")
    land(night(), "zendesk", "tickets", ZENDESK, client=Pages(page))
    load("night-1")
    assert rows(warehouse, "select newest_version::int from ops.batches") == [(30,)]
    warehouse.execute("update ops.batches set newest_version = null")
    land(run := night(), "zendesk", "tickets", ZENDESK, client=Pages(page))
    assert load(run)["superseded"] == 2
    assert rows(warehouse, "select newest_version::int from ops.batches") == [(None,), (None,)]


def test_a_later_chunk_is_compared_with_what_an_earlier_one_stored(
    settings, warehouse, night, monkeypatch
):
    monkeypatch.setattr(loading, "CHUNK_RECORDS", 2)
    same = [
        ticket(1, 50),
        ticket(2, 10),
        ticket(3, 11),
        ticket(1, 50),
        ticket(4, 12),
        ticket(1, 50),
    ]
    land(night(), "zendesk", "tickets", ZENDESK, client=Pages(tickets(*same, cursor="a")))
    assert load("night-1")["superseded"] == 2
    assert rows(warehouse, "select newest_version::int from ops.batches") == [(50,)]
    land(run := night(), "zendesk", "tickets", ZENDESK, client=Pages(tickets(*same, cursor="b")))
    assert (load(run)["loaded"], len(raw(warehouse))) == (0, 4)


def test_an_object_that_is_damaged_stops_none_that_came_before_it(
    settings, warehouse, night, monkeypatch
):
    """Though it is read ahead, while the one before it is on its way."""
    monkeypatch.setattr("answerable.landing.batch.RECORDS", 2)
    for broken in ("object", "manifest"):
        run = night()
        many = [
            tickets(ticket(n, n), ticket(n + 1, n), cursor=f"{broken}{n}", end=n == 17)
            for n in (11, 13, 15, 17)
        ]
        source = Connection(
            name=f"desk_{broken}", kind="zendesk", host="h", login="a", password="p"
        )
        land(run, source.name, "tickets", source, client=Pages(*many))
        zone = Zone.at(settings.landing)
        name = zone.names(source.name, "tickets")[2] + (
            ".manifest.json" if broken == "manifest" else ""
        )
        whole = zone.path(name).read_bytes()
        zone.path(name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(LandingError):
            load(run)
        counted = "select count(*)::int from raw.zendesk_tickets where source = %s"
        assert rows(warehouse, counted, source.name) == [(4,)], broken
        zone.path(name).write_bytes(whole)
        load(run)
        assert rows(warehouse, counted, source.name) == [(8,)]


def test_instants_with_and_without_fractions_order_versions_in_one_batch(
    settings, warehouse, night
):
    def group(id, at):
        return {"id": id, "updated_at": f"2026-01-01T00:00:{at}Z"}

    page = {"groups": [group(1, "01"), group(1, "01.5"), group(2, "02")]}
    land(night(), "zendesk", "groups", ZENDESK, client=Pages(page | {"meta": {"has_more": False}}))
    assert load("night-1")["loaded"] == 3
    versions = rows(warehouse, "select mod(version, 60) from raw.zendesk_groups order by position")
    assert [float(version) for (version,) in versions] == [1, 1.5, 2]


def test_the_same_id_in_two_accounts_is_two_records(settings, warehouse, night):
    run = night()
    for name in ("zendesk", "zendesk_uk"):
        account = Connection(name=name, kind="zendesk", host="h", login="a", password="p")
        land(run, name, "tickets", account, client=Pages(tickets(ticket(1, 10), cursor="a")))
    assert load(run)["loaded"] == 2
    assert rows(warehouse, "select source from raw.zendesk_tickets order by 1") == [
        ("zendesk",),
        ("zendesk_uk",),
    ]


# --- records that do not fit -------------------------------------------------------------------

BIG = "9" * 5000
POISON = {
    '{"generated_timestamp": 1}': "key 'id' is missing",
    '{"id": null, "generated_timestamp": 1}': "key 'id' is missing",
    '{"id": 7.0, "generated_timestamp": 1}': "nor a whole number",
    '{"id": true, "generated_timestamp": 1}': "nor a whole number",
    '{"id": 1}': "version field 'generated_timestamp' is missing",
    '{"id": 1, "generated_timestamp": "1"}': "not a number",
    '{"id": 1, "generated_timestamp": 1, "n": NaN}': "NaN",
    '{"id": 1, "generated_timestamp": 1, "n": -Infinity}': "Infinity",
    f'{{"id": 1, "generated_timestamp": 1, "n": {BIG}}}': "digits",
    '{"id": 1, "generated_timestamp": 1, "created_at": "2026-01-01T00:00Z", "n": 1e400000}': (
        "refused by PostgreSQL"
    ),
    f'{{"id": 1, "generated_timestamp": 1, "n": {"[" * 250}{"]" * 250}}}': "nested",
    f'{{"id": 1, "generated_timestamp": 1, "n": {"[" * 9000}{"]" * 9000}}}': "nested",
    "[1]": "not an object",
    "null": "not an object",
    '"text"': "not an object",
    '{"id": "7a", "generated_timestamp": 1}': "'id' is not an id",
    '{"id": 1, "generated_timestamp": 1}': "'created_at' is missing",
    '{"id": 1, "generated_timestamp": 1, "created_at": null}': "'created_at' is missing",
    '{"id": 1, "generated_timestamp": 1, "created_at": 17}': "not an ISO instant",
    '{"id": 1, "generated_timestamp": 1, "created_at": "2026-03-01T00:00:00"}': "without a zone",
    '{"id": 1, "generated_timestamp": 1, "created_at": "2026-02-30T00:00:00Z"}': "not an ISO",
    '{"id": 1, "generated_timestamp": 1, "created_at": "2026-W09-1T00:00:00Z"}': "not an ISO",
    '{"id": 1, "generated_timestamp": 1, "created_at": "2026-03-01T24:00:00Z"}': "not an ISO",
    '{"id": 1, "generated_timestamp": 1, "created_at": "0001-01-01T00:00:00Z"}': "before 1900",
    '{"id": 1, "generated_timestamp": 1, "created_at": "9999-12-31T23:59:59-05:00"}': "not an ISO",
}
_FIT = {
    '{"id": 21, "generated_timestamp": 1, "t": "a\\u0000b\\\\u0000"}': "a\ufffdb\\u0000",
    '{"id": 22, "generated_timestamp": 1, "t": "\\ud83d \\ud83d\\ude00 \\ude00\\ud83d"}': (
        "\ufffd \U0001f600 \ufffd\ufffd"
    ),
    '{"id": 23, "generated_timestamp": 1, "t": "tab\\t, \\\\., end"}': "tab\t, \\., end",
    '{"id": 24, "generated_timestamp": 1, "t": "\\\\ud83d"}': "\\ud83d",
    '{"id": 9223372036854775808, "generated_timestamp": 1, "t": "' + "x" * 10**6 + '"}': "x"
    * 10**6,
    '{"id": "-5",\n\r\n "generated_timestamp": 1, "t": "\u202eright to left \U0001f469\u200d"}': (
        "\u202eright to left \U0001f469\u200d"
    ),
}
FIT = {  # an instant that all of them need, and that is not what they are here for
    record.replace("_timestamp", f'_timestamp": 1, "created_at": "{CREATED}", "_', 1): text
    for record, text in _FIT.items()
}


def test_poison_goes_to_quarantine_with_reason_and_bytes_and_spares_its_batch(
    settings, warehouse, night
):
    run = night()
    every = [*POISON, *FIT]
    body = f'{{"tickets": [{",".join(every)}], "after_cursor": "a", "end_of_stream": true}}'
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(body))
    receipt = load(run)
    assert (receipt["quarantined"], receipt["loaded"]) == (len(POISON), len(FIT))
    found = rows(
        warehouse, "select untouched, reason, position from raw.quarantine order by position"
    )
    assert [bytes(untouched).decode() for untouched, _, _ in found] == list(POISON)
    for (_, reason, _), says in zip(found, POISON.values(), strict=True):
        assert says in reason
    stored = rows(warehouse, "select payload ->> 't' from raw.zendesk_tickets order by position")
    assert [text for (text,) in stored] == list(FIT.values())
    assert rows(warehouse, "select cursor from ops.watermarks") != []


def test_bytes_that_are_no_text_go_to_quarantine(settings, warehouse, night):
    run = night()
    body = '{"tickets": [{"id": 1, "t": "\udcff"}], "after_cursor": "a", "end_of_stream": true}'
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(body))
    load(run)
    ((untouched, reason),) = rows(warehouse, "select untouched, reason from raw.quarantine")
    assert (bytes(untouched), reason) == (b'{"id": 1, "t": "\xff"}', "not UTF-8")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["\x00", "\ud83d", "\\u0000", "'", '"', "\\.", "\t"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    records=st.lists(
        json_values
        | st.fixed_dictionaries(
            {"id": json_values, "generated_timestamp": st.integers() | json_values},
            optional={"subject": json_values},
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_a_record_holds_nothing_is_lost(settings, warehouse, night_for_all, records):
    run = night_for_all
    body = json.dumps({"tickets": records, "after_cursor": "a", "end_of_stream": True})
    warehouse.execute("delete from ops.stream_runs")
    warehouse.commit()
    before = len(raw(warehouse))
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(body))
    receipt = load(run)
    assert receipt["records"] == len(records)
    assert receipt["loaded"] + receipt["superseded"] + receipt["quarantined"] == len(records)
    assert len(raw(warehouse)) == before + receipt["loaded"]


@pytest.fixture
def night_for_all(night):
    return night()


# --- objects that are not what they were -------------------------------------------------------


def test_an_object_that_was_changed_is_refused_whole(settings, warehouse, night):
    run = night()
    page = tickets(ticket(1, 10), ticket(2, 11), cursor="a")
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(page))
    zone = Zone.at(settings.landing)
    (name,) = zone.names()
    zone.path(name).write_bytes(gzip.compress(b'{"id": 1, "generated_timestamp": 10}\n'))
    with pytest.raises(LandingError, match="changed after it was landed"):
        load(run)
    assert state(warehouse) == [[], [], [], []]


def test_an_object_that_is_cut_is_refused_whole(settings, warehouse, night):
    run = night()
    page = tickets(*(ticket(n, n) for n in range(1000)), cursor="a")
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(page))
    zone = Zone.at(settings.landing)
    (name,) = zone.names()
    zone.path(name).write_bytes(zone.path(name).read_bytes()[:-200])
    with pytest.raises(LandingError, match="damaged"):
        load(run)
    assert state(warehouse) == [[], [], [], []]


def test_counts_that_do_not_add_up_are_refused_by_the_table(
    settings, warehouse, night, monkeypatch
):
    run = night()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(tickets(ticket(1, 10), cursor="a")))
    monkeypatch.setattr(loading, "incoming", lambda *_: iter(()))
    with pytest.raises(LoadError, match="1 records were landed, but 0 loaded"):
        load(run)
    monkeypatch.undo()
    assert state(warehouse) == [[], [], [], []]


def test_raw_is_rebuilt_from_landing_alone(settings, warehouse, night):
    for page in (
        tickets(ticket(1, 10), ticket(2, 10), cursor="a"),
        tickets(ticket(1, 20), cursor="b"),
    ):
        run = night()
        land(run, "zendesk", "tickets", ZENDESK, client=Pages(page))
        load(run)
    before = [(key, version, digest) for key, version, _, _, digest, _ in raw(warehouse)]
    warehouse.execute("truncate raw.zendesk_tickets, ops.batches, raw.quarantine, ops.watermarks")
    warehouse.commit()
    load(night())
    assert [(key, version, digest) for key, version, _, _, digest, _ in raw(warehouse)] == before
    assert json.loads(rows(warehouse, "select cursor from ops.watermarks")[0][0])["cursor"] == "b"


# --- X -----------------------------------------------------------------------------------------


def post(id, **more):
    return {
        "id": id,
        "edit_history_tweet_ids": [id],
        "author_id": "7",
        "created_at": CREATED,
        **more,
    }


def test_newest_first_died_in_mid_walk_goes_on_below_what_it_had_and_then_above(
    settings, warehouse, night
):
    run = night()
    land(run, "x", "mentions", X, client=Pages({"data": [post("50")], "meta": {"newest_id": "50"}}))
    load(run)
    run = night()
    one = {"data": [post("90")], "meta": {"newest_id": "90", "next_token": "t"}}
    receipt = land(run, "x", "mentions", X, client=Pages(one, SourceError("answered 503")))
    assert (receipt["status"], receipt["records"]) == ("failed", 1)
    load_all = night()
    client = Pages(
        {"data": [post("80")], "meta": {"newest_id": "80"}},
        {"data": [post("50")], "meta": {"newest_id": "50"}},  # the list goes on below what we had
        {"data": [post("95")], "meta": {"newest_id": "95"}},
    )
    receipt = land(load_all, "x", "mentions", X, client=client)
    bounds = [
        {name: asked[name] for name in ("since_id", "until_id") if name in asked}
        for _, asked in client.asked
    ]
    assert bounds == [
        {"since_id": "50", "until_id": "90"},
        {"until_id": "80"},
        {"since_id": "90"},
    ]
    assert receipt["status"] == "landed"
    assert load(load_all)["superseded"] == 0
    assert [row[0] for row in raw(warehouse, "x_mentions")] == ["50", "90", "80", "95"]
    assert json.loads(rows(warehouse, "select cursor from ops.watermarks")[0][0]) == {"11": "95"}
    assert rows(warehouse, "select * from ops.holes") == []


def test_posts_pointed_at_are_looked_up_once_and_land_before_the_watermark_may_move(
    settings, warehouse, night
):
    run = night()
    points = {"referenced_tweets": [{"type": "replied_to", "id": "10"}]}
    walked = {"data": [post("90", **points)], "meta": {"newest_id": "90"}}
    with pytest.raises(Killed):
        land(run, "x", "mentions", X, client=Pages(walked, Killed()))
    assert Zone.at(settings.landing).names() == []
    client = Pages(walked, {"data": [post("10")]})
    receipt = land(run, "x", "mentions", X, client=client)
    assert receipt["brought_along"] == {"referenced_posts": 1}
    assert client.asked[0][1].get("since_id") is None
    # landed, not loaded yet: known all the same
    client = Pages({"data": [post("91", **points)], "meta": {"newest_id": "91"}})
    land(run, "x", "posts", X, client=client)
    assert len(client.asked) == 1
    load(run)
    assert [row[0] for row in raw(warehouse, "x_referenced_posts")] == ["10"]
    # loaded: known
    client = Pages({"data": [post("92", **points)], "meta": {"newest_id": "92"}})
    land(night(), "x", "posts", X, client=client)
    assert len(client.asked) == 1


# --- described exports -------------------------------------------------------------------------

MAPPING = """
source: shop
kind: cases
timezone: UTC
key: id
columns:
  case_id: id
  opened_at: opened
  subject: text
"""


@pytest.fixture
def mapping(tmp_path):
    file = tmp_path / "shop.yml"
    file.write_text(MAPPING)
    return file


def export(tmp_path, text, name="day1.csv"):
    file = tmp_path / name
    file.write_text("id,opened,text\n" + text, newline="")
    return file


def test_an_export_is_landed_once_per_content_and_loaded_with_its_refused_rows(
    settings, warehouse, night, tmp_path, mapping
):
    run = night()
    file = export(tmp_path, "1,2026-03-01 10:00:00,a\n2,yesterday,b\n3,2026-03-01 11:00:00,\x00\n")
    first = land_file(run, mapping, file)
    assert (first["records"], first["is_new"]) == (3, True)
    receipt = load(run)
    assert (receipt["loaded"], receipt["quarantined"]) == (2, 1)
    assert rows(
        warehouse, "select file, line, column_name, value, reason, untouched from raw.quarantine"
    ) == [
        ("day1.csv", 3, "opened", "yesterday", "opened_at: not an ISO instant", b"2,yesterday,b\n")
    ]
    again = land_file(night(), mapping, file.rename(tmp_path / "renamed.csv"))
    assert not again["is_new"]
    stored = rows(warehouse, "select payload from raw.file_cases order by position")
    assert stored[0] == (
        {
            "case_id": "1",
            "opened_at": "2026-03-01T10:00:00Z",
            "opened_at_raw": "2026-03-01 10:00:00",
            "subject": "a",
            "file": "day1.csv",
            "line": 1,
        },
    )
    assert stored[1][0]["subject"] == "\ufffd"


def test_the_next_export_brings_only_what_differs(settings, warehouse, night, tmp_path, mapping):
    run = night()
    land_file(run, mapping, export(tmp_path, "1,2026-03-01 10:00:00,a\n2,2026-03-01 10:00:00,b\n"))
    load(run)
    run = night()
    file = export(tmp_path, "2,2026-03-01 10:00:00,b\n1,2026-03-01 10:00:00,z\n", "day2.csv")
    land_file(run, mapping, file)
    receipt = load(run)
    assert (receipt["loaded"], receipt["superseded"]) == (1, 1)


def test_an_export_is_loaded_by_the_description_it_was_landed_with(
    settings, warehouse, night, tmp_path, mapping
):
    run = night()
    file = export(tmp_path, "1,2026-03-01 10:00:00,a\n")
    land_file(run, mapping, file)
    mapping.unlink()
    file.unlink()
    assert load(run)["loaded"] == 1


def test_an_export_without_its_columns_is_the_users_to_put_right(
    settings, warehouse, night, tmp_path, mapping
):
    file = tmp_path / "day1.csv"
    file.write_text("id,opned,text\n1,2026-03-01 10:00:00,a\n")
    with pytest.raises(SpecError, match="did you mean 'opned'"):
        land_file(night(), mapping, file)
    assert Zone.at(settings.landing).names() == []


# --- names and hygiene -------------------------------------------------------------------------


def test_no_password_reaches_the_landing_zone_or_the_database(settings, warehouse, night):
    canary = "canary-4711-secret"
    account = Connection(name="zendesk", kind="zendesk", host="h", login="a", password=canary)
    run = night()
    land(run, "zendesk", "tickets", account, client=Pages(SourceError("answered 503")))
    land(
        run, "zendesk", "groups", account, client=Pages({"groups": [], "meta": {"has_more": False}})
    )
    load(run)
    for path in Zone.at(settings.landing).root.rglob("*"):
        assert path.is_dir() or canary.encode() not in path.read_bytes()
    assert canary not in str(rows(warehouse, "select * from ops.stream_runs"))


def test_batches_of_a_large_walk_are_several_objects_of_whole_pages(
    settings, warehouse, night, monkeypatch
):
    monkeypatch.setattr("answerable.landing.batch.RECORDS", 10)
    run = night()
    pages = [
        tickets(*(ticket(7 * n + m, n) for m in range(7)), cursor=str(n), end=n == 4)
        for n in range(5)
    ]
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(*pages))
    zone = Zone.at(settings.landing)
    manifests = [zone.manifest(name) for name in zone.names()]
    assert [(m.record_count, m.is_last) for m in manifests] == [(14, False), (14, False), (7, True)]
    cursors = [json.loads(m.cursor_to)["cursor"] for m in manifests]
    assert cursors == ["1", "3", "4"]
    assert [m.cursor_from for m in manifests[1:]] == [m.cursor_to for m in manifests[:-1]]
    assert load(run)["loaded"] == 35


def test_manifests_of_later_versions_of_this_program_are_read(settings):
    text = json.dumps({"object": "a", "format": "ndjson.gz", "source": "s", "source_kind": "x",
        "stream": "t", "run_id": "r", "walk": 1, "record_count": 0, "sha256": "", "landed_at": "",
        "something_new": 1})  # fmt: skip
    assert Manifest.read(text, "a").object == "a"
    with pytest.raises(LandingError):
        Manifest.read("{}", "a")


def test_odd_characters_are_counted(settings, warehouse, night):
    odd = Counter()
    judged = loading.judge(
        landing.stream_of("zendesk", "tickets"),
        1,
        b'{"id": 1, "generated_timestamp": 1, "created_at": "2026-01-01T00:00:00Z",'
        b' "t": "\\u0000"}',
        odd,
    )
    assert judged.reason is None and odd == {loading.CLEANED: 1}
