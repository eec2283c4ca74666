"""What one identifier is however it is written, and which ones a message gives."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from answerable.identity.customers import nights_by
from answerable.identity.identifiers import given, identifier
from answerable.identity.step import _nights

PHRASES = ["my number is", "reach me at"]


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        ("phone", "+442079460123", "phone:+442079460123"),
        ("phone", "GB 02079460123", "phone:+442079460123"),
        ("phone", "GB 00442079460123", "phone:+442079460123"),
        ("phone", "US 2025550123", "phone:+12025550123"),
        ("phone", "SE 081234567", "phone:+4681234567"),
        ("phone", "+442079460123ext5", "phone:+442079460123;ext=5"),
        ("email", " CORA@Mail.Example", "email:cora@mail.example"),
        ("email", "Cora Imagina <cora@mail.example>", "email:cora@mail.example"),
        ("email", "cora+shop@mail.example", "email:cora+shop@mail.example"),
        ("email", "cora@bücher.example", "email:cora@xn--bcher-kva.example"),
        ("x_handle", "@Cora_Imagina", "x_handle:cora_imagina"),
        ("x_handle", "https://twitter.com/Cora_Imagina/", "x_handle:cora_imagina"),
        ("x_user", "42", "x_user:42"),
        ("facebook_user", "42", "facebook_user:42"),
        ("help_desk_user", "42", "as the models call it"),
        ("order_number", "42", "as the models call it"),
    ],
)
def test_each_way_to_write_it_is_one(kind, text, key):
    one = identifier(kind, text, "as the models call it")
    assert one.key == key and one.is_readable


@pytest.mark.parametrize(
    ("kind", "text"),
    [("phone", "anonymous"), ("phone", "GB 0000"), ("phone", "02079460123"), ("phone", "GB 112"),
     ("email", "nobody"), ("x_handle", "@")],
)  # fmt: skip
def test_what_cannot_be_read_says_so_and_stays_as_it_is(kind, text):
    one = identifier(kind, text, "raw")
    assert not one.is_readable
    assert one.value in (text, "")


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("Hi. MY NUMBER IS: 020 7946 0123, after five.", [("phone", "+442079460123")]),
        ("my number is +1 (200) 555-0100.", [("phone", "+12005550100")]),
        ("You can reach me at Cora@Mail.example.", [("email", "cora@mail.example")]),
        ("reach me at home, or ask the shop at 020 7946 0999", []),
        ("my number is 5, the shop's is 020 7946 0999", []),
        ("The number on the box is 020 7946 0999", []),
        ("my number is on the letter: 020 7946 0999", []),
        ("my number is 020 7946 0123. Again: my number is 020 7946 0124",
         [("phone", "+442079460123"), ("phone", "+442079460124")]),
        ("İ my number is 020 7946 0123", [("phone", "+442079460123")]),
        ("my number is", []),
    ],
)  # fmt: skip
def test_a_message_gives_what_follows_the_words_at_once(text, gives):
    assert list(given(text, PHRASES, "GB")) == gives


def test_without_a_region_a_national_number_is_not_read():
    assert list(given("my number is 020 7946 0123", PHRASES, None)) == []


def test_nights_begin_at_midnight_of_the_company_over_a_change_of_clocks():
    zone = ZoneInfo("Europe/Berlin")
    as_of = datetime(2026, 3, 30, 22)  # 00:00 of the 31st, in summer
    oldest = int((datetime(2026, 3, 28, 12) - datetime(1970, 1, 1)).total_seconds())
    first, boundaries = _nights(oldest, as_of, zone)
    last = first + len(boundaries) - 1
    assert datetime.fromordinal(last).date().isoformat() == "2026-03-31"
    nights_of = nights_by(boundaries, first)

    def night(instant: datetime) -> str:
        seconds = int((instant - datetime(1970, 1, 1)).total_seconds())
        return datetime.fromordinal(int(nights_of(np.array([seconds]))[0])).date().isoformat()

    assert night(datetime(2026, 3, 28, 22, 59, 59)) == "2026-03-29"  # winter
    assert night(datetime(2026, 3, 28, 23)) == "2026-03-30"
    assert night(datetime(2026, 3, 29, 21, 59, 59)) == "2026-03-30"  # summer
    assert night(datetime(2026, 3, 29, 22)) == "2026-03-31"
    assert night(datetime(2026, 3, 30, 21, 59, 59)) == "2026-03-31"


def test_evidence_of_before_all_time_is_known_to_the_first_night():
    first, boundaries = _nights(-60_000_000_000, datetime(2026, 3, 1), ZoneInfo("UTC"))
    assert datetime.fromordinal(first).year == 1900
    assert nights_by(boundaries, first)(np.array([-60_000_000_000])).tolist() == [first]
