"""Records of every odd kind in one night: each is in the warehouse, or in quarantine and counted.

An odd copy comes behind a record of the sandbox, with its key and version. Expected is one of

equal        it can be read, and what is published is as without it
a reason     it cannot; it is in quarantine with this reason, and what is published is as without it

An odd text takes the place of what somebody wrote. It is published to the letter, but for what
PostgreSQL cannot hold, and nothing else changes.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import odd_bodies as odd
import pytest
from trials import FIRST, SECOND, Trials, accounts_at, unlike

from answerable.sandbox.server import Fault

pytestmark = pytest.mark.slow

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copy:
    """An odd copy of a stream's record; `change` gives a record, or its text."""

    stream: str
    name: str
    expected: str  # "equal", or the reason of the quarantine
    change: Callable[[Record], Record | str]


def but(**members: Any) -> Callable[[Record], Record]:
    return lambda record: record | members


def without(name: str) -> Callable[[Record], Record]:
    return lambda record: {k: v for k, v in record.items() if k != name}


def renamed(name: str, other: str) -> Callable[[Record], Record]:
    return lambda record: {other if k == name else k: v for k, v in record.items()}


def with_text(written: str) -> Callable[[Record], str]:
    """The record with one member more, written as JSON is not, or should not be."""
    return lambda record: json.dumps(record)[:-1] + f", {written}}}"


def nested(deep: int) -> Callable[[Record], str]:
    return with_text(f'"extra": {"[" * deep}0{"]" * deep}')


def id_as_text(record: Record) -> Record:
    return record | {"id": str(record["id"])}


def twice_the_same_key(record: Record) -> str:
    return '{"created_at": "now", "name": 7, ' + json.dumps(record)[1:]


def nothing_as_empty_texts(record: Record) -> Record:
    return {k: "" if v is None and k != "organization_id" else v for k, v in record.items()}


def due(name: str, instant: str, expected: str) -> Copy:
    return Copy("tickets", name, expected, but(due_at=instant))


NO_KEY, NO_INSTANT = "key 'id' is missing or neither", "'due_at' is not an ISO"
# fmt: off
COPIES = [
    Copy("tickets", "a field more", "equal", but(new={"a": [1]})),
    Copy("tickets", "id as text", "equal", id_as_text),
    Copy("tickets", "id as a float", NO_KEY, but(id=7.0)),
    Copy("tickets", "id null", NO_KEY, but(id=None)),
    Copy("tickets", "a list that became a text", "'tags' is not a list", but(tags="vip")),
    Copy("tickets", "a field renamed", "'created_at' is missing", renamed("created_at", "made_at")),
    due("after the year 9999", "9999-12-31T23:59:59-05:00", NO_INSTANT),
    due("24:00", "2026-03-01T24:00:00Z", NO_INSTANT),
    due("leap second", "2016-12-31T23:59:60Z", NO_INSTANT),
    due("without a zone", "2026-03-01T10:00:00", "'due_at' is an instant without a zone"),
    Copy("users", "null for what is needed", "version field 'updated_at'", but(updated_at=None)),
    Copy("users", "nested 100 deep", "equal", nested(100)),
    Copy("users", "nested 250 deep", "nested more than", nested(250)),
    Copy("users", "the same key twice", "equal", twice_the_same_key),
    Copy("users", "empty texts for null", "equal", nothing_as_empty_texts),
    Copy("users", "an instant as a number", "'created_at' is not an ISO", but(created_at=0)),
    Copy("users", "year 1", "'created_at' lies", but(created_at="0001-01-01T00:00:00Z")),
    Copy("ticket_events", "NaN", "NaN, which is no JSON", with_text('"x": NaN')),
    Copy("ticket_events", "Infinity", "Infinity, which is no JSON", with_text('"x": -Infinity')),
    Copy("ticket_events", "5000 digits", "more digits", with_text(f'"x": {"9" * 5000}')),
    Copy("ticket_events", "an object in a list", "not an object", lambda one: json.dumps([one])),
    Copy("ticket_events", "a number as text", "version field 'timestamp'", but(timestamp="1764")),
    Copy("ticket_events", "an object for a list", "'child_events' is not", but(child_events={})),
    Copy("organizations", "year 9999", "equal", but(created_at="9999-12-31T23:59:59Z")),
    Copy("organizations", "a negative id", "equal", but(id=-1)),
    Copy("organizations", "an id of 2^63", "equal", but(id=2**63)),
    Copy("organizations", "an id of 600 digits", "longer than 500", but(id="9" * 600)),
    Copy("group_memberships", "an id in a list", "'user_id' is not an id", but(user_id=[1])),
    Copy("group_memberships", "true for an id", "'user_id' is not an id", but(user_id=True)),
]
TEXTS = {
    "NUL": ("before\x00after", "before\ufffdafter"),
    "half a character": ("broken \ud83d here", "broken \ufffd here"),
    "halves the wrong way round": ("\ude00\ud83d!", "\ufffd\ufffd!"),
    "four bytes and joiners": ("\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308", None),
    "right to left": ("\u202efdp.exe\u202c \u05e9\u05dc\u05d5\u05dd \u2067x\u2069", None),
    "a pile of marks": ("Z" + "\u0301\u0323\u0337" * 200, None),
    "1 MB": ("long " * 210_000 + "text", None),
    "what COPY might end at": ("\\.\n\\N\t\\\\.\r\n\\x00", None),
    "a template": ("{{ticket.requester.name}} {% if x %} ${7*7} '; drop table raw.x; --", None),
}
# fmt: on


class Odd:
    """Puts odd copies behind a page's first record, once."""

    def __init__(self, copies: list[Copy]) -> None:
        self.copies = copies

    def __call__(self, body: odd.Body) -> str:
        rows = odd.records(body)
        texts = []
        for number, each in enumerate(self.copies):
            changed = each.change(dict(rows[0]))
            texts.append(changed if isinstance(changed, str) else json.dumps(changed))
            rows.insert(number + 1, f"@@{number}@@")
        whole = json.dumps(body)
        for number, text in enumerate(texts):
            assert f'"@@{number}@@"' in whole
            whole = whole.replace(f'"@@{number}@@"', text)
        return whole


class OddTexts:
    """Puts odd texts in the place of what people wrote, each in the place of one that tells no
    address or number of theirs."""

    def __init__(self) -> None:
        self.left = [text for text, _ in TEXTS.values()]
        self.of: dict[int, str] = {}  # by comment: what comes twice says the same twice

    def __call__(self, body: odd.Body) -> odd.Body:
        for event in odd.records(body):
            if event["metadata"]["custom"]:
                continue  # the channel has the message, too
            for child in event["child_events"]:
                if child.get("type") == "Comment" and child["public"]:
                    tells_nothing = not re.search(r"[@\d]", child["body"])
                    if child["id"] not in self.of and self.left and tells_nothing:
                        self.of[child["id"]] = self.left.pop(0)
                    if text := self.of.get(child["id"]):
                        child |= dict.fromkeys(("body", "plain_body", "html_body"), text)
        return body


@pytest.fixture(scope="module")
def odd_night(trials: Trials):
    """What was quarantined and published in a night in which all of it came."""
    trials.undisturbed(FIRST)
    trials.back_to("nothing")
    texts = OddTexts()
    faults = [
        *(
            Fault(rf"/{stream}(/cursor)?\.json", kind="body", change=Odd(of_stream(stream)))
            for stream in dict.fromkeys(each.stream for each in COPIES)
        ),
        Fault("/ticket_events", kind="body", change=texts, nth=2, times=8),
    ]
    with trials.sources(FIRST, faults) as handle:
        trials.good_night(FIRST, handle)
    assert [fault.struck for fault in faults[:-1]] == [1] * (len(faults) - 1)
    assert texts.left == []
    return trials.quarantined(), trials.published(), trials.stale()


def of_stream(name: str) -> list[Copy]:
    return [each for each in COPIES if each.stream == name]


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: f"{copy.stream}: {copy.name}")
def test_an_odd_copy_is_read_or_counted(odd_night, copy):
    quarantined, _, _ = odd_night
    same = [each for each in of_stream(copy.stream) if each.expected == copy.expected]
    reasons = [
        reason
        for stream, reason in quarantined
        if stream == f"zendesk.{copy.stream}" and copy.expected in reason
    ]
    assert len(reasons) == (0 if copy.expected == "equal" else len(same)), quarantined


def test_no_more_is_in_quarantine_than_what_was_odd(odd_night):
    quarantined, _, stale = odd_night
    assert len(quarantined) == sum(each.expected != "equal" for each in COPIES)
    assert stale == {}


def test_what_people_wrote_is_kept_to_the_letter_and_nothing_else_changes(trials, odd_night):
    _, found, _ = odd_night
    wanted = trials.undisturbed(FIRST)
    table = "private.interaction_texts"
    columns = found[table]["columns"]
    key, text = columns.index("interaction_key"), columns.index("text")
    before = {row[key]: row[text] for row in wanted[table]["rows"]}
    shown = {
        row[key]: row[text] for row in found[table]["rows"] if row[text] != before.get(row[key])
    }
    assert sorted(shown.values()) == sorted(stored or text for text, stored in TEXTS.values())
    assert unlike(without_texts(found, set(shown)), without_texts(wanted, set(shown))) == {}


def without_texts(published, keys):
    """What is published, but for the texts of these interactions, masked or not."""
    told = {}
    for table, content in published.items():
        columns = content["columns"]
        texts = [n for n, name in enumerate(columns) if re.match("text|subject_masked", name)]
        key = columns.index("interaction_key") if "interaction_key" in columns else None
        told[table] = content | {
            "rows": sorted(
                (
                    tuple(None if n in texts and row[key] in keys else v for n, v in enumerate(row))
                    if key is not None
                    else row
                    for row in content["rows"]
                ),
                key=repr,
            )
        }
    return told


def test_the_same_ids_in_two_accounts_are_two_of_everything(trials):
    """A second account that has every id of the first: nothing of the first changes hands."""
    wanted = trials.undisturbed(FIRST)
    trials.back_to("nothing")
    with trials.sources(FIRST) as handle:
        accounts = accounts_at(handle)
        second = json.loads(json.dumps(accounts[0])) | {"name": "zendesk_uk"}
        trials.good_night(FIRST, handle, accounts=[*accounts, second])
    found = trials.published()
    # what the policy's rows make of it, which know one account only, is left out
    told = ["case_key", "row_no", "from_at", "to_at", "status", "event_kind", "agent_key"]

    def timeline(published):
        table = published["marts.fct_case_timeline"]
        at = [table["columns"].index(name) for name in told]
        return [tuple(row[n] or "" for n in at) for row in table["rows"]]

    before = timeline(wanted)
    theirs = [row for row in timeline(found) if row[0].startswith("zendesk_uk:")]
    ours = [row for row in timeline(found) if not row[0].startswith("zendesk_uk:")]
    assert sorted(ours) == sorted(before)
    assert sorted(
        tuple(value.replace("zendesk_uk:", "zendesk:") for value in row) for row in theirs
    ) == sorted(row for row in before if row[0].startswith("zendesk:"))
    assert len(theirs) > 50


def test_a_stream_of_which_nothing_can_be_read_stops_the_night(trials):
    """The gate: what is published stays, and the error says which stream."""
    trials.undisturbed(FIRST)
    trials.back_to(FIRST)
    before = trials.published()

    def spoil(body):
        for row in odd.records(body):
            row["tags"] = "vip"
        return body

    fault = Fault("/tickets/cursor", kind="body", change=spoil, times=10**6)
    with trials.sources(SECOND, [fault]) as handle:
        night = trials.night(SECOND, handle)
    assert night.code == 1
    assert "ExpectLittleQuarantine" in night.told["error"]
    assert "zendesk" in night.told["error"] and "tickets" in night.told["error"]
    assert unlike(trials.published(), before) == {}
