"""Described exports: what a description may say, what rows become, what is refused and how."""

import gzip
import io
import json
from pathlib import Path

import pytest
import yaml

from answerable import files
from answerable.files.kinds import KINDS
from answerable.settings import ROOT
from answerable.sources.errors import SpecError

CASES = """
source: shop
kind: cases
timezone: America/New_York
key: id
columns:
  case_id: id
  opened_at: {column: opened, format: "%Y-%m-%d %H:%M:%S"}
  status: {column: state, map: {Open: open, Done: closed}}
"""

SALES = """
source: crm
kind: sales
timezone: UTC
key: id
columns:
  sale_id: id
  found_at: {column: found}
  won_at: {column: closed, when: {stage: Won}}
  amount: {column: sum, decimal: ",", thousands: "."}
"""

HISTORY = """
source: desk
kind: field_changes
timezone: UTC
missing: ["", "-"]
columns:
  case_id: ticket
  changed_at: at
  field: {column: what, map: {State: status, Owner: agent_id, Group: team}, otherwise: other}
  field_raw: what
  old: from
  new: to
values:
  status: {Open: open, Waiting: pending, Parked: null}
"""


def described(text=CASES, **changes):
    given = {**yaml.safe_load(text), **changes}
    return files.from_mapping(given, "shop.yml")


def with_columns(**columns):
    return described(columns={**yaml.safe_load(CASES)["columns"], **columns})


def read(description, text, notes=None):
    data = text.encode() if isinstance(text, str) else text
    return list(files.rows(description, io.BytesIO(data), "export.csv", notes))


HEADER = "id,opened,state\n"


@pytest.mark.parametrize(
    "text, says",
    [
        ("kind: cases\ncolumns: {}", "source missing"),
        (CASES.replace("kind: cases", "kind: case"), "unknown kind 'case'; did you mean 'cases'?"),
        (CASES.replace("timezone:", "timezon:"), "did you mean 'timezone'?"),
        (CASES.replace("opened_at", "opend_at"), "did you mean 'opened_at'?"),
        (CASES.replace("America/New_York", "New_York"), "timezone: 'New_York'"),
        (CASES.replace("%Y", "%Q"), "columns.opened_at.format: %Q"),
        (CASES.replace("Done: closed", "Done: close"), "did you mean 'closed'?"),
        (CASES.replace("Done: closed", "1: closed"), "put it in quotes"),
        (CASES.replace("  case_id: id\n", ""), "cases need a column for case_id"),
        (CASES + "  status: state\n", "stands there twice"),
        (CASES + "constants: {brand: 5}", "constants.brand: expected a text"),
        (CASES + "constants: {case_id: a}", "a column and a constant"),
        (CASES + "  due_at: {column: due, formt: iso}", "did you mean 'format'?"),
        (CASES + "  due_at: {date: due}", "one of column, join, time"),
        (CASES + "  topic: {column: t, otherwise: keep}", "otherwise goes with map"),
        (CASES + "  channel: {column: c, map: {a: x}, otherwise: keep}", "keep would let in"),
        (CASES.replace("timezone: America/New_York\n", ""), "name one with timezone:"),
        (CASES + "  due_at: {date: a, time: b, follows: status}", "'status' is no instant"),
        (
            SALES.replace("found_at: {column: found}", "email: m").replace("won_at", "#"),
            "sales need a column for one of found_at",
        ),
        (SALES + "  status: stage\n", "status and status_at go together"),
        (SALES.replace('decimal: ","', 'decimal: "."'), "are the same character"),
        (
            SALES.replace("column: found", 'column: found, decimal: ","'),
            "decimal and thousands are",
        ),
        (
            SALES.replace("  amount:", "  currency: c\nconstants: {amount: 1.5}\n#"),
            "expected a number in quotes, found 1.5",
        ),
        (SALES.replace("  amount:", "constants: {amount: 1e3}\n#"), "'1e3' is no number"),
        (HISTORY.replace("Waiting: pending", "Waiting: waiting"), "values.status.Waiting"),
        (HISTORY.replace("  status: {", "  state: {"), "did you mean 'status'?"),
        (CASES + "values: {status: {Open: open}}", "values: is for field_changes"),
        ("a: [", "not YAML"),
        ("- a", "expected keys and values"),
    ],
)
def test_a_wrong_description_is_an_error_that_names_file_and_key(tmp_path, text, says):
    file = tmp_path / "shop.yml"
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        files.describe(file)
    assert "shop.yml" in str(caught.value) and says in str(caught.value)


@pytest.mark.parametrize(
    "header, says",
    [
        ("id,opend,state\n", "no column 'opened', which shop.yml names; did you mean 'opend'?"),
        ("id,opened,state,id\n", "two columns are called 'id'"),
        ("\x1b[2Jone,t\u202ewo\n", "it has: \ufffd[2Jone, t\ufffdwo"),
        ("", "empty"),
    ],
)
def test_a_file_with_other_columns_is_an_error_that_names_both(header, says):
    with pytest.raises(SpecError) as caught:
        read(described(), header)
    assert "export.csv" in str(caught.value) and says in str(caught.value)


def test_instants_keep_their_text_and_become_utc():
    (row,) = read(described(), HEADER + "7,2011-07-01 01:32:33,Open\n")
    assert row.payload == {
        "case_id": "7",
        "opened_at": "2011-07-01T05:32:33Z",
        "opened_at_raw": "2011-07-01 01:32:33",
        "status": "open",
    }
    assert (row.key, row.number, row.line, row.problem) == ("7", 1, 2, None)


def test_a_local_time_that_happens_twice_is_the_first_and_one_that_never_does_moves_forward():
    notes = files.Notes()
    rows = read(
        described(),
        HEADER
        + "1,2011-11-06 00:59:59,Open\n2,2011-11-06 01:30:00,Open\n3,2011-11-06 02:00:00,Open\n"
        + "4,2011-03-13 02:30:00,Open\n5,2011-03-13 03:00:00,Open\n",
        notes,
    )
    assert [row.payload["opened_at"] for row in rows] == [
        "2011-11-06T04:59:59Z",
        "2011-11-06T05:30:00Z",
        "2011-11-06T07:00:00Z",
        "2011-03-13T07:30:00Z",
        "2011-03-13T07:00:00Z",
    ]
    assert dict(notes.counts) == {
        "local time that happens twice, taken as the first": 1,
        "local time that never happens, moved forward": 1,
    }


@pytest.mark.parametrize(
    "line, column, value, reason",
    [
        ("1,2011-02-30 01:00:00,Open", "opened", "2011-02-30 01:00:00", "no such date"),
        ("1,yesterday,Open", "opened", "yesterday", "not in the stated format"),
        ("1,2011-07-01 01:32:33,Shut", "state", "Shut", "the map has not"),
        ("1,,Open", "opened", "", "no opened_at"),
        (",2011-07-01 01:32:33,Open", "id", "", "no case_id"),
        ("1,2011-07-01 01:32:33", None, None, "2 values, the header has 3"),
    ],
)
def test_a_row_that_cannot_be_read_names_line_column_and_value(line, column, value, reason):
    good = "9,2011-07-01 01:32:33,Open\n"
    one, bad, two = read(described(), HEADER + good + line + "\n" + good)
    assert one.payload and two.payload and bad.payload is None
    assert (bad.line, bad.problem.column, bad.problem.value) == (3, column, value)
    assert reason in bad.problem.reason and bad.text == line + "\n"


def test_line_breaks_in_a_text_split_no_record_and_lines_are_counted_as_an_editor_does():
    description = with_columns(subject="text")
    text = (
        "id,opened,state,text\r\n"
        '1,2011-07-01 01:32:33,Open,"a\rb\nc"\r\n'
        "\r\n"
        '2,2011-07-01 01:32:33,Open,"d"\r\n'
        "3,never,Open,e\r\n"
    )
    one, two, three = read(description, text)
    assert one.payload["subject"] == "a\rb\nc"
    assert [(row.number, row.line) for row in (one, two, three)] == [(1, 2), (2, 5), (3, 6)]


def test_bytes_that_are_no_text_refuse_their_row_only_and_stay_as_they_are():
    data = HEADER.encode() + b"1,2011-07-01 01:32:33,Open\n\xff,2011-07-01 01:32:33,Open\n"
    one, two = read(described(), b"\xef\xbb\xbf" + data)  # a byte order mark is no part of a name
    assert one.payload["case_id"] == "1"
    assert two.problem.reason == "not utf-8"
    assert two.text.encode("utf-8", "surrogateescape") == b"\xff,2011-07-01 01:32:33,Open\n"


def sale(line):
    (row,) = read(described(SALES), "id,found,closed,stage,sum\n" + line)
    return row


@pytest.mark.parametrize(
    "text, amount",
    [
        ("1200", "1200"),
        ("1.200,50", "1200.50"),
        ("1.234.567,8901", "1234567.8901"),
        ("-0,5", "-0.5"),
        ("99999999999999,9999", "99999999999999.9999"),
        ("", None),
    ],
)
def test_an_amount_keeps_its_digits(text, amount):
    """As text: a number of JSON would be read as a float by whoever comes next."""
    row = sale(f'1,2026-02-01,2026-02-09,Won,"{text}"\n')
    assert (row.problem, row.payload.get("amount")) == (None, amount)


@pytest.mark.parametrize(
    "text",
    ["1,200.50", "12.00", "1.20,5", "1,00000", "1e3", "€ 5", "٣", "1.2345.678", "100000000000000"],
)
def test_an_amount_that_may_mean_two_things_is_refused(text):
    row = sale(f'1,2026-02-01,2026-02-09,Won,"{text}"\n')
    assert (row.payload, row.problem.column, row.problem.value) == (None, "sum", text)


def test_a_sale_without_any_step_is_refused():
    assert sale("1,,2026-02-09,Open,5\n").problem.reason == (
        "none of found_at, qualified_at, won_at, lost_at, status_at"
    )
    steps = described(
        SALES.replace("found_at: {column: found}", "status: stage").replace(
            "won_at: {column: closed, when: {stage: Won}}", "status_at: closed"
        )
    )
    rows = read(steps, "id,closed,stage,sum\n1,2026-02-09,won,5\n1,2026-02-09,,5\n1,,won,5\n")
    assert [row.problem and row.problem.reason for row in rows] == [
        None,
        "only one of status and status_at",
        "none of found_at, qualified_at, won_at, lost_at, status_at",
    ]


def test_a_history_says_before_and_after_in_our_words_and_keeps_other_fields():
    rows = read(
        described(HISTORY),
        "ticket,at,what,from,to\n"
        "7,2026-02-01,State,Open,Waiting\n"
        "7,2026-02-01,State,Waiting,Parked\n"
        "7,2026-02-01,Owner,agda,-\n"
        "7,2026-02-01,Colour,red,blue\n"
        "7,2026-02-01,State,Open,Lost\n",
    )
    kept = ("sequence", "field", "field_raw", "old", "old_raw", "new", "new_raw")
    assert [row.payload and tuple(row.payload.get(each) for each in kept) for row in rows] == [
        (1, "status", "State", "open", "Open", "pending", "Waiting"),
        (2, "status", "State", "pending", "Waiting", None, "Parked"),
        (3, "agent_id", "Owner", "agda", None, None, None),
        (4, "other", "Colour", "red", None, "blue", None),
        None,
    ]
    assert rows[-1].problem == files.Problem(
        "new: a value that values.status has not", "to", "Lost"
    )
    without = yaml.safe_load(HISTORY)
    del without["values"]
    (row,) = read(
        files.from_mapping(without, "desk.yml"),
        "ticket,at,what,from,to\n7,2026-02-01,State,open,Waiting\n",
    )
    assert (row.problem.column, row.problem.value) == ("to", "Waiting")


def test_values_that_mean_missing_are_absent():
    description = described(missing=["", "?"], columns={
        **yaml.safe_load(CASES)["columns"],
        "team": "team",
        "priority": {"column": "prio", "missing": "0"},
        "topic": {"column": ["sub", "top"]},
        "reopen_count": "n",
    })  # fmt: skip
    header = "id,opened,state,team,prio,sub,top,n\n"
    rows = read(
        description,
        header + "1,2011-07-01 01:32:33,Open,?,0,?,t,?\n2,2011-07-01 01:32:33,Open,0,1,s,t,-3\n",
    )
    wanted = ("team", "priority", "topic", "reopen_count")
    assert [[row.payload.get(name) for name in wanted] for row in rows] == [
        [None, None, "t", None],
        ["0", "1", "s", -3],
    ]
    assert "team" not in rows[0].payload


def test_maps_have_the_default_that_is_stated():
    def one(**field):
        (row,) = read(
            with_columns(priority={"column": "p", "map": {"a": "high", "b": None}, **field}),
            "id,opened,state,p\n1,2011-07-01 01:32:33,Open,z\n",
        )
        return row.payload and row.payload.get("priority")

    assert one() is None and one(otherwise="missing") is None
    assert (one(otherwise="keep"), one(otherwise="low")) == ("z", "low")


CALLS = """
source: desk
kind: calls
timezone: Asia/Jerusalem
columns:
  call_id: {join: [line, id]}
  started_at: {date: day, time: start, format: "%y%m%d %H:%M:%S"}
  ended_at:
    date: day
    time: [end, left]
    format: "%y%m%d %H:%M:%S"
    missing: "0:00:00"
    follows: started_at
  ivr_seconds: {column: ivr, negative: missing}
  outcome: {column: how, map: {A: answered}}
  agent_id: {column: who, when: {how: A}}
"""


def test_a_time_of_day_long_before_its_start_is_on_the_next_day():
    header = "line,id,day,start,end,left,ivr,how,who\n"
    rows = read(
        described(CALLS),
        header
        + "L,1,990201,23:50:32,0:00:32,0:00:00,5,A,me\n"
        + "L,2,990201,9:48:14,9:47:17,0:00:00,-57,A,me\n"  # a minute back is an odd clock
        + "L,3,990201,7:00:00,0:00:00,7:01:00,5,A,me\n",
    )
    assert [row.payload["ended_at"] for row in rows] == [
        "1999-02-01T22:00:32Z",
        "1999-02-01T07:47:17Z",
        "1999-02-01T05:01:00Z",
    ]
    assert rows[0].payload["call_id"] == "L|1"
    assert "ivr_seconds" not in rows[1].payload and rows[1].payload["ivr_seconds_raw"] == "-57"


@pytest.mark.parametrize(
    "format, text, utc",
    [
        ("%a %b %d %H:%M:%S %z %Y", "Tue Oct 31 22:10:47 +0130 2017", "2017-10-31T20:40:47Z"),
        ("iso", "2017-10-31T22:10:47.9-05:00", "2017-11-01T03:10:47Z"),
        ("%d/%m/%Y %I:%M %p", "1/2/2020 12:05 am", "2020-02-01T00:05:00Z"),
        ("epoch", "1509487847", "2017-10-31T22:10:47Z"),
        ("epoch_ms", "1509487847999", "2017-10-31T22:10:47Z"),
    ],
)
def test_formats(format, text, utc):
    description = described(
        timezone="UTC",
        columns={"case_id": "id", "opened_at": {"column": "opened", "format": format}},
    )
    (row,) = read(description, f"id,opened\n1,{text}\n")
    assert row.payload["opened_at"] == utc


@pytest.mark.parametrize("text", [CASES, CALLS])
def test_the_description_alone_reads_the_same_again(text):
    description = described(text)
    kept = json.loads(json.dumps(description.as_mapping(), sort_keys=True))
    again = files.from_mapping(kept, "again")
    assert again.sha256 == description.sha256 and again.fields == description.fields


# --- the real files ----------------------------------------------------------------------------

REAL = {
    "boston311": ("boston311_2011H2.csv.gz", 58_251),
    "uci_incidents": ("uci_incident_event_log.csv.gz", 141_712),
    "bank_calls": ("anonymous_bank_feb1999.csv.gz", 33_344),
    "twcs": ("twcs_first5000.csv.gz", 5_000),
}


@pytest.fixture(scope="module")
def checked(data_folder: Path):
    return {
        name: files.check(ROOT / "examples" / "files" / f"{name}.yml", data_folder / file)
        for name, (file, _) in REAL.items()
    }


def test_every_record_of_the_real_files_is_read(checked):
    found = {name: (one["records"], one["refused"]) for name, one in checked.items()}
    assert found == {name: (count, 0) for name, (_, count) in REAL.items()}


def test_boston_keeps_what_it_has(checked):
    filled = checked["boston311"]["filled"]
    assert (filled["due_at"], filled["closed_at"], filled["source_verdict"]) == (
        47_270,
        54_570,
        58_093,
    )


def test_the_dirty_status_of_uci_is_absent_and_its_event_stays(checked):
    filled = checked["uci_incidents"]["filled"]
    assert (filled["event_at"], filled["status"]) == (141_712, 141_707)
    assert checked["uci_incidents"]["odd"] == {}


def test_the_traps_of_the_bank_are_known(checked):
    assert checked["bank_calls"]["filled"]["agent_id"] == 33_344 - 6_673
    assert checked["bank_calls"]["odd"]["ivr_seconds below zero, left out"] == 25


def test_bank_services_that_cross_midnight_end_after_they_began(data_folder: Path):
    description = files.describe(ROOT / "examples" / "files" / "bank_calls.yml")
    crossing = 0
    with (data_folder / REAL["bank_calls"][0]).open("rb") as handle:
        for row in files.rows(description, handle, "bank"):
            call = row.payload
            if "answered_at" in call:
                assert call["answered_at"] <= call["ended_at"]
                began = call["answered_at_raw"].split(" ")[1].zfill(8)
                crossing += began > call["ended_at_raw"].split(" ")[1].zfill(8)
    assert crossing == 16


def test_replies_in_the_tweets_are_told_from_questions(checked):
    filled = checked["twcs"]["filled"]
    assert (filled["brand"], filled["in_reply_to_id"]) == (2_222, 3_694)


@pytest.mark.parametrize("at", [5, 25, 60, -6])
def test_a_packed_file_that_is_damaged_is_refused_in_words(tmp_path, at):
    body = "id,opened,state\n" + "".join(
        f"{number},2026-02-{number % 28 + 1:02d} 10:00:00,Open\n" for number in range(400)
    )
    packed = bytearray(gzip.compress(body.encode(), mtime=0))
    packed[at] ^= 0x55
    export = tmp_path / "shop.csv.gz"
    export.write_bytes(packed)
    if at == 5:  # of the header: when it was packed, which says nothing
        assert files.count(described(), export) == 400
        return
    with pytest.raises(SpecError, match=r"shop.csv.gz: cannot be read"):
        files.count(described(), export)
    with pytest.raises(SpecError, match="damaged"), export.open("rb") as handle:
        list(files.rows(described(), handle, export.name))


@pytest.mark.parametrize(
    ("kind", "field", "text", "fits"),
    [
        ("calls", "wait_seconds", "2147483647", True),
        ("calls", "wait_seconds", "2147483648", False),
        ("cases", "reopen_count", "-2147483648", False),
        ("case_events", "sequence", "2147483648", True),
        ("case_events", "sequence", str(2**53 + 1), False),
    ],
)
def test_a_number_that_its_column_cannot_hold_is_refused(kind, field, text, fits):
    columns = {name: name for name, each in KINDS[kind].items() if each.is_required}
    description = files.from_mapping(
        {"source": "shop", "kind": kind, "timezone": "UTC", "columns": {**columns, field: field}},
        "shop.yml",
    )
    values = {
        name: "answered" if name == "outcome" else "2026-02-01T10:00:00" for name in columns
    } | {field: text}
    body = f"{','.join(values)}\n{','.join(values.values())}\n"
    (row,) = files.rows(description, io.BytesIO(body.encode()), "shop.csv")
    assert (row.problem is None) is fits
    assert fits or "out of range" in row.problem.reason
