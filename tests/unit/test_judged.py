"""Two ways to judge a record: the quick one takes none that the whole one refuses."""

import json
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import STREAMS, mutated, samples

from answerable.sources import stream
from answerable.sources.stream import Poison, Stream, Unread
from answerable.warehouse.load import _clean, _judged_quickly, _judged_wholly

TICKETS = stream("zendesk", "tickets")
WHOLE = '{"id": 1, "generated_timestamp": 2, "created_at": "2026-01-01T00:00:00Z", "x": %s}'


def both(described: Stream, line: bytes) -> tuple[object, object]:
    payload = _clean(line, Counter())
    try:
        wholly = _judged_wholly(described, payload)
    except Poison as poison:
        wholly = str(poison)
    return _judged_quickly(described, payload), wholly


@pytest.mark.fuzz
@pytest.mark.parametrize("kind, name", STREAMS)
@given(seed=st.integers(0, 2**32 - 1))
def test_of_mutated_records_both_say_the_same(kind, name, seed):
    random = Random(seed)
    described = stream(kind, name)
    for _ in range(20):
        line = mutated(random.choice(samples()[kind, name]), random).encode(
            "utf-8", "surrogateescape"
        )
        if random.random() < 0.3:  # a byte of it is another
            place = random.randrange(len(line))
            line = line[:place] + bytes([random.randrange(256)]) + line[place + 1 :]
        quickly, wholly = both(described, line.replace(b"\n", b" "))
        assert quickly is None or quickly == wholly


@pytest.mark.parametrize("kind, name", STREAMS)
def test_what_sources_send_is_judged_quickly(kind, name):
    """Else the two agree because the quick one never says anything."""
    for record in samples()[kind, name]:
        quickly, wholly = both(stream(kind, name), record.encode())
        assert quickly == wholly != None  # noqa: E711  # a chain


@pytest.mark.parametrize(
    "member",
    [
        "NaN", "-Infinity", "1e400000", "-0", "01", "1.", ".5", "+1", "0x1", "tru", "nul", "'a'",
        '"a', '"\\x"', '"\\u12"', '"\\uZZZZ"', '"\t"', '"\x01"', '"\x7f"', "[1,]", "[,1]",
        '{"a"}', '{"a":1,}', "{1:2}", "1 2", "1}", "/* no */ 1", "9" * 4300, "9" * 4301,
        "[" * 199 + "]" * 199, "[" * 201 + "]" * 201, "[" * 1200 + "]" * 1200, '"\ufeff"',
        "\ufeff1", "\xa01", "\f1", "\v1", '"' + "[" * 300 + '"', '"' + "7" * 5000 + '"',
        '1, "id": 7.0', '1, "id": null', '1, "id": -5', '1, "id": 18446744073709551616',
        '1, "id": "' + "k" * 501 + '"', '1, "tags": {}', '1, "tags": "a"', '1, "due_at": 5',
        '1, "generated_timestamp": 2.0', '1, "generated_timestamp": true',
        '1, "generated_timestamp": 99999999999999999999999999999999',
    ],
)  # fmt: skip
def test_of_odd_json_both_say_the_same(member):
    quickly, wholly = both(TICKETS, (WHOLE % member).encode())
    assert quickly is None or quickly == wholly


def test_what_is_no_text_is_never_judged_quickly():
    line = (WHOLE % '"\xff"').encode("latin-1")
    assert both(TICKETS, line) == (None, "not UTF-8")
    assert both(TICKETS, line.replace(b"\xff", b"y")) == (("1", 2), ("1", 2))


def test_only_the_members_that_decide_are_read():
    events = stream("zendesk", "ticket_events")
    record = {
        "id": 1,
        "timestamp": 2,
        "child_events": [{"created_at": None, "body": "x"}, {"body": "y"}],
        "metadata": {"system": 1},
    }
    read = events.read(json.dumps(record).encode())
    assert read == {"id": 1, "timestamp": 2, "child_events": [{"created_at": None}, {}]}
    for other in ([1], {"a": 1}, "x"):
        with pytest.raises(Unread):
            events.read(json.dumps(record | {"child_events": other}).encode())
