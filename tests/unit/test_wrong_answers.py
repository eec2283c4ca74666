"""Each wrong answer does to its share of the records what its name says, and nothing to others."""

import gzip
import json
import urllib.request
from base64 import b64encode
from copy import deepcopy

import pytest
from mutations import PRESENT, samples

from answerable.quality import mutate_sources
from answerable.quality.mutate_sources import Outcome
from answerable.quality.wrong_answers import (
    CALLS,
    EVENTS,
    MENTIONS,
    SIZES,
    TICKETS,
    WRONG_ANSWERS,
    between,
    chosen,
    concerned,
    delivered,
    key_of,
    rewriting,
    rows,
)
from answerable.sandbox import SMALL, company, server
from answerable.sandbox.exports import FILES, deliver
from answerable.sandbox.history import world

GROUPS = ("zendesk", "groups")
MOST = 400  # records of a stream
CALLS_FILE = next(file for file in FILES if (file.source, file.name) == CALLS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("exports")
    deliver(found, world(company.DEFAULT_SEED, SMALL), PRESENT)
    return found


@pytest.fixture(scope="module")
def served(folder):
    """What the small company's sources have of each stream."""
    of_streams = {name: list(map(json.loads, texts)) for name, texts in samples().items()}
    # a list that is landed as one record is served as its elements
    lists = {
        name: [each for record in records for each in record[name[1]]]
        if name[1] in records[0]
        else records
        for name, records in of_streams.items()
    }
    (calls,) = (folder / "switchboard").iterdir()
    lists[CALLS] = rows(CALLS_FILE, calls)
    return {
        name: {key_of(record, number): record for number, record in enumerate(records)}
        for name, records in lists.items()
    }


@pytest.fixture(scope="module")
def few(served):
    """The first of each stream, and the tickets that are deleted."""
    return {
        name: {
            key: record
            for number, (key, record) in enumerate(records.items())
            if number < MOST or record.get("status") == "deleted"
        }
        for name, records in served.items()
    }


def everything(wrong, served):
    """Those that the wrong answer would be done to, were it done to all."""
    return {
        stream: {key: record for key, record in records.items() if (wrong.resent or bool)(record)}
        if stream in wrong.streams
        else records
        for stream, records in served.items()
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [name for name, one in WRONG_ANSWERS.items() if not one.is_late])
def test_a_share_of_what_it_concerns_is_changed_and_nothing_else(name, size, few):
    wrong = WRONG_ANSWERS[name]
    served = everything(wrong, few)
    those = chosen(wrong, size, served)
    assert len(those) == max(1, round(size * len(concerned(wrong, served))))
    if size < 1:
        assert those <= chosen(wrong, 1.0, served)
    rewrite = rewriting(wrong, those)
    for stream in (*wrong.streams, GROUPS):
        was = list(served[stream].values())
        before = deepcopy(was)
        now = rewrite(stream, was)
        assert was == before, "what the sandbox keeps is not touched"
        is_chosen = [(stream, key_of(record, n)) in those for n, record in enumerate(was)]
        kept = [record for record, its in zip(was, is_chosen, strict=True) if not its]
        of_chosen = [record for record, its in zip(was, is_chosen, strict=True) if its]
        is_kept = {id(record) for record in kept}
        assert [record for record in now if id(record) in is_kept] == kept
        assert not of_chosen or [each for each in now if id(each) not in is_kept] != of_chosen


TICKET = {
    "id": 7,
    "created_at": "2026-03-03T23:30:00Z",
    "updated_at": "2026-03-03T23:40:00Z",
    "generated_timestamp": 1772581200,
    "status": "solved",
    "requester_id": 1,
    "brand_id": 2,
    "tags": ["a"],
    "via": {"channel": "email"},
}
EVENT = {
    "id": 8,
    "timestamp": 1772581200,
    "created_at": "2026-03-03T23:40:00Z",
    "child_events": [
        {"id": 9, "event_type": "Comment", "body": "a", "author_id": 1, "public": False}
        | {"created_at": "2026-03-03T23:40:00Z"},
        {"id": 10, "event_type": "Change", "status": "open", "previous_value": "new"},
    ],
}
MENTION = {
    "id": "2030070102908477443",
    "edit_history_tweet_ids": ["2030070102908477443"],
    "created_at": "2026-03-03T23:30:00.000Z",
    "author_id": "5",
    "public_metrics": {"impression_count": 3},
}
CALL = {
    "call_no": "C1",
    "begin": "2026-03-03T23:30:00+01:00",
    "queued": "",
    "connected": "2026-03-03T23:31:00+01:00",
    "end": "2026-03-03T23:40:00+01:00",
    "handling_s": "35",
    "result": "answered",
    "line": "care",
}


def with_child(number, **changes):
    children = deepcopy(EVENT["child_events"])
    children[number] |= changes
    return EVENT | {"child_events": children}


MADE = {
    "zendesk.tickets: records are missing": (TICKET, []),
    "zendesk.tickets: records come again under new ids": (
        TICKET,
        [TICKET, TICKET | {"id": 1_000_000_007}],
    ),
    "x.mentions: records come again under new ids": (
        MENTION,
        [MENTION, MENTION | {"id": f"{MENTION['id'][:-1]}4"}
            | {"edit_history_tweet_ids": [f"{MENTION['id'][:-1]}4"]}],
    ),
    "zendesk.tickets: created_at is null": (TICKET, [TICKET | {"created_at": None}]),
    "zendesk.tickets: tags are empty": (TICKET, [TICKET | {"tags": []}]),
    "zendesk.ticket_events: author_id of comments is null": (
        EVENT,
        [with_child(0, author_id=None)],
    ),
    "zendesk.ticket_events: texts of comments are empty": (EVENT, [with_child(0, body="")]),
    "zendesk.tickets: via is no more": (TICKET, [{k: v for k, v in TICKET.items() if k != "via"}]),
    "switchboard.calls: the column line is called queue": (
        CALL,
        [{k: v for k, v in CALL.items() if k != "line"} | {"queue": "care"}],
    ),
    "zendesk.tickets: ids are texts with a prefix": (TICKET, [TICKET | {"id": "T-7"}]),
    "zendesk.tickets: times are an hour late": (
        TICKET,
        [
            TICKET
            | {"created_at": "2026-03-04T00:30:00Z", "updated_at": "2026-03-04T00:40:00Z"}
            | {"generated_timestamp": 1772584800}
        ],
    ),
    "switchboard.calls: times are a day late": (
        CALL,
        [
            CALL
            | {"begin": "2026-03-04T23:30:00+01:00", "connected": "2026-03-04T23:31:00+01:00"}
            | {"end": "2026-03-04T23:40:00+01:00"}
        ],
    ),
    "zendesk.ticket_events: status is another's": (EVENT, [with_child(1, status="solved")]),
    "zendesk.ticket_events: internal notes are public": (EVENT, [with_child(0, public=True)]),
    "switchboard.calls: handling_s is in sixtieths": (CALL, [CALL | {"handling_s": "2100"}]),
    "x: impressions a thousandfold": (
        MENTION,
        [MENTION | {"public_metrics": {"impression_count": 3000}}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_becomes_of_a_record(name):
    record, made = MADE[name]
    assert WRONG_ANSWERS[name].change(record) == made


def test_the_newest_are_those_of_the_latest_instant():
    records = {f"{n}": {"id": n, "timestamp": 1000 + n} for n in (9, 11, 100, 20)}
    wrong = WRONG_ANSWERS["zendesk.ticket_events: the newest are missing"]
    assert chosen(wrong, 0.5, {EVENTS: records}) == {(EVENTS, "100"), (EVENTS, "20")}


# -- on the way ---------------------------------------------------------------------------------


def get(handle, path):
    if path.startswith("/api/v2/"):
        pair = f"{company.ZENDESK_LOGIN}/token:{company.ZENDESK_TOKEN}".encode()
        credentials = "Basic " + b64encode(pair).decode()
    else:
        credentials = f"Bearer {company.X_TOKEN}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{handle.port}{path}", headers={"Authorization": credentials}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


TICKETS_PATH = "/api/v2/incremental/tickets/cursor.json?start_time=0&per_page=50"
MENTIONS_PATH = f"/2/users/{company.ACCOUNTS[0].id}/mentions?max_results=20"


def small_sandbox(**how):
    return server.serve(size=SMALL, present="2025-12-05", **how)


def test_a_page_comes_without_what_is_missing():
    with small_sandbox() as handle:
        was = get(handle, TICKETS_PATH)
    key = str(was["tickets"][3]["id"])
    wrong = WRONG_ANSWERS["zendesk.tickets: records are missing"]
    with small_sandbox(faults=between(rewriting(wrong, {(TICKETS, key)}))) as handle:
        now = get(handle, TICKETS_PATH)
        assert get(handle, "/api/v2/groups.json")["groups"]
    assert now["tickets"] == [one for one in was["tickets"] if str(one["id"]) != key]
    assert now["after_cursor"] == was["after_cursor"]  # so nobody comes back for it


def test_x_counts_what_it_shows():
    with small_sandbox() as handle:
        was = get(handle, MENTIONS_PATH)
    ids = [one["id"] for one in was["data"]]
    wrong = WRONG_ANSWERS["x.mentions: records are missing"]
    for gone in (ids[:1], ids):
        those = {(MENTIONS, id_) for id_ in gone}
        with small_sandbox(faults=between(rewriting(wrong, those))) as handle:
            now = get(handle, MENTIONS_PATH)
        assert now["meta"]["result_count"] == len(ids) - len(gone)
        assert now["meta"]["next_token"] == was["meta"]["next_token"]
        if gone == ids:
            assert "data" not in now
            assert "newest_id" not in now["meta"]
        else:
            assert [one["id"] for one in now["data"]] == ids[1:]
            assert now["meta"]["newest_id"] == ids[1]


def test_what_comes_again_comes_once():
    again = {"id": 1, "generated_timestamp": 2}
    wrong = WRONG_ANSWERS["zendesk.tickets: all come again without brand_id"]
    faults = between(rewriting(wrong, set()), {TICKETS: [again]})
    with small_sandbox(faults=faults) as handle:
        first = get(handle, TICKETS_PATH)
        second = get(handle, f"{TICKETS_PATH}&cursor={first['after_cursor']}")
    assert again in first["tickets"]
    assert second["tickets"]
    assert again not in second["tickets"]


def test_a_delivered_file_is_changed_as_it_is_written(folder, tmp_path):
    present = company.at("2025-12-06")
    (path,) = [
        each
        for each in deliver(tmp_path, world(company.DEFAULT_SEED, SMALL), present)
        if each.parent.name == "switchboard"
    ]
    was = rows(CALLS_FILE, path)
    wrong = WRONG_ANSWERS["switchboard.calls: the column line is called queue"]
    all_of_them = {(CALLS, str(number)) for number in range(len(was))}
    delivered([path], rewriting(wrong, all_of_them))
    now = rows(CALLS_FILE, path)
    assert "line" not in now[0]
    assert [row["queue"] for row in now] == [row["line"] for row in was]
    assert [row["call_no"] for row in now] == [row["call_no"] for row in was]
    missing = WRONG_ANSWERS["switchboard.calls: records are missing"]
    delivered([path], rewriting(missing, {(CALLS, "0")}))
    assert rows(CALLS_FILE, path) == now[1:]
    delivered([path], rewriting(missing, all_of_them))
    assert rows(CALLS_FILE, path) == []
    # else the night's own delivery would bring it again
    assert deliver(tmp_path, world(company.DEFAULT_SEED, SMALL), present) == []
    heads = gzip.decompress(path.read_bytes()).decode(CALLS_FILE.encoding)
    assert heads.split(CALLS_FILE.delimiter)[:2] == list(now[0])[:2]


# -- who notices --------------------------------------------------------------------------------


@pytest.fixture
def tried(monkeypatch):
    """What `trial` tries where more than twenty records are noticed."""
    sizes = []

    def attempt(base, wrong, size, those, served):
        sizes.append((size, len(those)))
        return Outcome(
            name=wrong.name,
            size=size,
            record_count=len(those),
            of_count=1000,
            warned_by=("a rule",) if len(those) > 20 else (),
            moved={"a.b": 0.5},
        )

    monkeypatch.setattr(mutate_sources, "attempt", attempt)
    return sizes


def base_of(count):
    served = {TICKETS: {str(n): TICKET | {"id": n} for n in range(count)}}
    return mutate_sources.Base(None, {}, {}, {}, served)


def test_smaller_sizes_are_tried_until_nobody_notices(tried):
    found = mutate_sources.trial(base_of(1000), "zendesk.tickets: status is null")
    assert tried == [(1.0, 1000), (0.2, 200), (0.02, 20)]
    assert [each.became for each in found] == ["warned", "warned", "missed"]


def test_the_same_few_records_are_tried_once(tried):
    tried_all = mutate_sources.trial(base_of(2), "zendesk.tickets: status is null")
    assert tried == [(1.0, 2)]
    assert tried_all[0].became == "missed"


def test_the_list_is_told_by_size():
    def outcome(size, **became):
        return Outcome(
            name="zendesk.tickets: status is null",
            size=size,
            record_count=1,
            of_count=9,
            **became,
        )

    found = [
        outcome(1.0, stopped_at="the raw gate", stopped_by=("batches ExpectA", "t ExpectB")),
        outcome(0.2, warned_by=("fct_x ExpectC (a day)",), moved={"a": 0.2}),
        outcome(0.02, moved={"a": 0.2}),
    ]
    assert [each.became for each in found] == ["stopped", "warned", "missed"]
    assert outcome(0.02, moved={}).became == "harmless"
    assert mutate_sources.table([found]).splitlines()[-1] == (
        "| zendesk.tickets: status is null | 9 | stopped | warned | **missed** | ExpectC |"
    )
