"""What is in quarantine is shown without what it says, and loaded once its cause is gone."""

import io
import json
import logging

import landed
import pytest
from landed import Pages, groups, rows, ticket, tickets
from rich.console import Console

from answerable.landing import land, land_file
from answerable.runtime import tables
from answerable.sources import Connection
from answerable.sources.errors import NotAvailable, SourceError
from answerable.warehouse import load as loading
from answerable.warehouse import quarantine, streams
from answerable.warehouse.load import load
from answerable.warehouse.rebuild import rebuild_raw

ZENDESK = Connection(name="zendesk", kind="zendesk", host="h", login="a", password="p")
CREATED = '"created_at":"2026-01-01T00:00:00Z"'
SECRET = "anna@example.com wrote this"
DEEP = "[" * 150 + f'"{SECRET}"' + "]" * 150


@pytest.fixture
def night(warehouse):
    return landed.nights(warehouse)


def told(show, found):
    out = io.StringIO()
    show(Console(file=out, width=250), found)
    return out.getvalue()


@pytest.fixture
def refused(settings, warehouse, night):
    """A night in which two records in a hundred were refused for their depth, one for its key."""
    run = night()
    page = json.dumps(tickets(ticket(1, 10), {"id": SECRET * 99, "t": SECRET}, cursor="a"))
    record = f'{{"id":7,"generated_timestamp":11,{CREATED},"t":{DEEP}}}'
    other = f'{{"id":8,"generated_timestamp":11,{CREATED},"t":{DEEP}}}'
    page = page.replace('"tickets": [', f'"tickets": [{record},{other},')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "DEEPEST", 100)  # the fault of ours that is put right later
        land(run, "zendesk", "tickets", ZENDESK, client=Pages(page))
        assert load(run)["quarantined"] == 3
    return night


def test_quarantine_is_shown_by_reason_with_places_and_without_contents(warehouse, refused):
    found = quarantine.refused(warehouse)
    assert [(each.count, each.examples[-1]) for each in found] == [
        (2, "key 7"),
        (1, found[1].examples[0]),
    ]
    assert found[0].reason == "nested more than 100 deep"
    shown = told(tables.show_refused, found)
    assert "nested more than 100 deep" in shown and "key 8; key 7" in shown
    assert "record 4" in shown  # one whose key is a text is told by its place
    assert "anna" not in shown and "wrote" not in shown


def test_after_a_fix_what_fits_is_loaded_and_read_by_the_next_night(settings, warehouse, refused):
    assert quarantine.retry(settings) == {"tried": 3, "loaded": 2, "still_refused": 1}
    assert [each.count for each in quarantine.refused(warehouse)] == [1]
    assert quarantine.retry(settings) == {"tried": 1, "loaded": 0, "still_refused": 1}
    run = refused()
    assert load(run)["objects"] == 0
    found = rows(
        warehouse,
        "select record_key, first_read_run_no from raw.zendesk_tickets join ops.batches"
        " using (batch_id) order by 1",
    )
    assert found == [("1", 1), ("7", 2), ("8", 2)]
    # each record is accounted for in its batch, in the new one too
    assert rows(
        warehouse,
        "select record_count, loaded_count, quarantined_count from ops.batches order by batch_id",
    ) == [(4, 1, 3), (2, 2, 0)]
    assert rows(warehouse, "select count(*) from ops.walks") == [(1,)]


def test_raw_made_again_after_a_retry_holds_the_same_records(settings, warehouse, refused):
    quarantine.retry(settings)
    query = "select record_key, version, record_hash from raw.zendesk_tickets order by 1"
    before = rows(warehouse, query)
    rebuild_raw(settings)
    assert rows(warehouse, query) == before
    assert [each.count for each in quarantine.refused(warehouse)] == [1]


def test_a_record_that_is_stored_by_now_is_not_stored_twice(settings, warehouse, refused):
    run = refused()
    record = f'{{"id":7,"generated_timestamp":11,{CREATED},"t":{DEEP}}}'
    page = json.dumps(tickets(cursor="b")).replace("[]", f"[{record}]")
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(page))
    assert load(run)["loaded"] == 1
    assert quarantine.retry(settings)["loaded"] == 2
    assert rows(warehouse, "select count(*) from raw.zendesk_tickets") == [(3,)]


def test_rows_of_an_export_are_tried_again_where_they_were_landed(
    settings, warehouse, night, tmp_path, monkeypatch
):
    mapping = tmp_path / "m.yml"
    mapping.write_text(
        "source: desk\nkind: cases\nkey: id\ntimezone: UTC\n"
        "columns:\n  case_id: id\n  opened_at: opened\n  subject: text\n"
    )
    export = tmp_path / "day1.csv"
    export.write_text(f"id,opened,text\n1,2026-03-01 10:00:00,a\n2,2026-03-01 10:00:00,{SECRET}\n")
    run = night()
    land_file(run, mapping, export)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "LARGEST_RECORD", 130)
        assert load(run)["quarantined"] == 1
    found = quarantine.refused(warehouse)
    assert found[0].examples == ["day1.csv line 3"]
    assert "anna" not in told(tables.show_refused, found)
    assert quarantine.retry(settings) == {"tried": 1, "loaded": 1, "still_refused": 0}
    assert rows(warehouse, "select record_key from raw.file_cases order by 1") == [("1",), ("2",)]
    assert quarantine.refused(warehouse) == []


def test_streams_are_listed_with_cursor_rows_quarantine_and_lag(settings, warehouse, refused):
    assert "never came" not in told(tables.show_streams, streams.states(warehouse))
    run = refused()
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(SourceError("answered 503")))
    land(run, "zendesk", "brands", ZENDESK, client=Pages(NotAvailable("answered 404")))
    land(run, "zendesk", "groups", ZENDESK, client=Pages(groups(3)))
    load(run)
    found = {each.stream: each for each in streams.states(warehouse)}
    assert (found["tickets"].status, found["tickets"].rows) == ("failed", 1)
    assert found["tickets"].quarantined == 3 and found["tickets"].lag is not None
    assert json.loads(found["tickets"].cursor)["cursor"] == "a"
    assert (found["brands"].status, found["brands"].lag) == ("not_available", None)
    assert (found["groups"].status, found["groups"].rows) == ("landed", 3)
    shown = told(tables.show_streams, streams.states(warehouse))
    assert "zendesk.tickets: answered 503" in shown and "never came" in shown
    assert "anna" not in shown


def test_logs_are_lines_that_programs_read_with_counts_and_no_contents(
    settings, warehouse, night, caplog
):
    caplog.set_level(logging.INFO, "answerable")
    run = night()
    page = tickets(ticket(1, 10, subject=SECRET), {"id": SECRET}, cursor="a")
    land(run, "zendesk", "tickets", ZENDESK, client=Pages(page))
    load(run)
    lines = [json.loads(r.message) for r in caplog.records if r.name == "answerable.progress"]
    assert [(line["stage"], line["state"]) for line in lines] == [
        ("land zendesk.tickets", "done"),
        ("load zendesk.tickets", "done"),
    ]
    assert lines[1]["counts"] == {"rows": 2, "loaded": 1, "superseded": 0, "quarantined": 1}
    assert "anna" not in caplog.text
