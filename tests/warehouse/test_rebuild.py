"""Raw made again from the landing zone: the same rows, nobody asked, and the next build is full."""

import json

import landed
import pytest
from landed import Killed, Pages, groups, rows, ticket, tickets

from answerable.landing import Zone, land
from answerable.landing.zone import LandingError
from answerable.sources import Connection
from answerable.sources.errors import SourceError
from answerable.warehouse import rebuild
from answerable.warehouse.load import load
from answerable.warehouse.rebuild import RebuildError, rebuild_raw

ZENDESK = Connection(name="zendesk", kind="zendesk", host="h", login="a", password="p")
UK = Connection(name="zendesk_uk", kind="zendesk", host="h", login="a", password="p")


def stored(conn):
    """All that raw and its ledger hold, but for numbers given by the database and times."""
    ledger = "object, sha256, landed_by_run, cursor_from, cursor_to, record_count, loaded_count"
    return [
        rows(
            conn,
            "select object, position, raw.source, record_key, version, record_hash, payload::text"
            " from raw.zendesk_tickets as raw join ops.batches using (batch_id) order by 1, 2",
        ),
        rows(
            conn,
            "select object, position, reason, untouched from raw.quarantine"
            " join ops.batches using (batch_id) order by 1, 2",
        ),
        rows(conn, f"select {ledger}, first_read_run_no, is_last from ops.batches order by 1"),
        rows(conn, "select source, stream, cursor from ops.watermarks order by 1, 2"),
        rows(conn, "select source, folder, walk, is_finished, record_count from ops.walks"
             " order by 1, 2, 3"),
    ]  # fmt: skip


@pytest.fixture
def nights(settings, warehouse, monkeypatch):
    """Three nights of two accounts, with a walk that died, one that failed, and a bad record."""
    monkeypatch.setattr("answerable.landing.batch.RECORDS", 2)
    night = landed.nights(warehouse)
    for account in (ZENDESK, UK):
        run = night()
        died = Pages(tickets(ticket(1, 10), ticket(2, 11), cursor="a", end=False), Killed())
        with pytest.raises(Killed):
            land(run, account.name, "tickets", account, client=died)
        again = Pages(
            tickets(ticket(2, 11), ticket(3, 12), {"id": 4}, cursor="b", end=False),
            tickets(ticket(1, 13), cursor="c"),
        )
        land(run, account.name, "tickets", account, client=again)
        load(run)
        run = night()
        failed = Pages(
            tickets(ticket(1, 13), ticket(3, 20), cursor="d", end=False), SourceError("503")
        )
        land(run, account.name, "tickets", account, client=failed)
        land(run, account.name, "groups", account, client=Pages(groups(0)))
        load(run)
    return night


def test_raw_made_again_holds_the_same_rows(settings, warehouse, nights):
    before = stored(warehouse)
    assert len(before[0]) == 10 and len(before[1]) == 2
    receipt = rebuild_raw(settings)
    assert stored(warehouse) == before
    assert receipt["records"] == receipt["loaded"] + receipt["superseded"] + receipt["quarantined"]
    run = nights()
    assert load(run)["objects"] == 0  # nothing waits
    land(run, "zendesk", "tickets", ZENDESK, client=(client := Pages(tickets(cursor="e"))))
    assert client.asked[0][1]["cursor"] == "d"


def test_walks_that_died_are_kept_and_marked(settings, warehouse, nights):
    rebuild_raw(settings)
    walks = rows(
        warehouse,
        "select walk, is_finished, record_count::int from ops.walks where source = 'zendesk'"
        " order by folder, walk",
    )
    assert walks == [(1, False, 2), (2, True, 4), (1, False, 2)]


def test_the_build_after_it_is_full_until_one_is_published(settings, warehouse, nights):
    def is_full():
        run = nights()
        load(run)
        return run, rows(warehouse, "select is_full from ops.runs where run_id = %s", run)[0][0]

    run, full = is_full()
    assert full is None
    rebuild_raw(settings)
    run, full = is_full()
    assert full is True
    assert is_full()[1] is True  # the run before was not published
    warehouse.execute(
        "insert into ops.publications (run_id, run_no, as_of, reads_up_to, fingerprint)"
        " select run_id, run_no, as_of, run_no, '' from ops.runs where run_id = %s",
        [run],
    )
    warehouse.commit()
    assert is_full()[1] is None


def test_killed_in_the_middle_raw_is_what_it_was(settings, warehouse, nights, monkeypatch):
    before = stored(warehouse)
    real = Zone.manifest

    def dies_at_the_third(zone, name, seen=[]):  # noqa: B006
        seen.append(name)
        if len(seen) == 3:
            raise Killed
        return real(zone, name)

    monkeypatch.setattr(Zone, "manifest", dies_at_the_third)
    with pytest.raises(Killed):
        rebuild_raw(settings)
    assert stored(warehouse) == before


def test_an_object_that_is_gone_or_changed_is_no_reason_to_lose_rows(settings, warehouse, nights):
    before = stored(warehouse)
    zone = Zone.at(settings.landing)
    name = zone.names("zendesk", "tickets")[0]
    manifest = zone.path(name + ".manifest.json")
    text = manifest.read_text()
    manifest.unlink()
    with pytest.raises(RebuildError, match=r"1 of the \d+ objects that are loaded are not there"):
        rebuild_raw(settings)
    changed = json.loads(text) | {"sha256": "0" * 64}
    manifest.write_text(json.dumps(changed))
    with pytest.raises(LandingError, match="changed after it was landed"):
        rebuild_raw(settings)
    assert stored(warehouse) == before


def test_who_has_read_raw_and_does_not_end_is_told_of(settings, warehouse, nights, monkeypatch):
    monkeypatch.setattr(rebuild, "LOCK_TIMEOUT", "100ms")
    before = stored(warehouse)
    warehouse.execute("select 1 from raw.zendesk_tickets")
    with pytest.raises(RebuildError, match="a transaction has read it and did not end within"):
        rebuild_raw(settings)
    warehouse.rollback()
    assert stored(warehouse) == before
