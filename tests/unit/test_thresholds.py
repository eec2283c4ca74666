"""Bounds learnt from a history: what they say of days that are, and are not, like those before."""

from datetime import date, timedelta
from random import Random

import pytest

from answerable.quality.thresholds import (
    STEP,
    Threshold,
    before,
    drift,
    held,
    like_its_weekday,
    like_other_shares,
    not_lost,
    silence,
)

MONDAY = date(2026, 3, 2)
_SHAPE = (1.2, 1.15, 1.1, 1.1, 1.0, 0.7, 0.6)


def history(usual: float, *, seed: int = 1, days: int = 84, until: date = MONDAY) -> dict:
    random = Random(seed)
    found = {}
    for back in range(1, days + 1):
        day = until - timedelta(days=back)
        mean = usual * _SHAPE[day.weekday()]
        found[day] = float(max(0, round(random.gauss(mean, mean**0.5))))
    return found


def threshold(**given) -> Threshold:
    return Threshold(
        **{"table_name": "t", "rule": "r", "subject": "s", "day": MONDAY, "found": 0.0, "how": "h"}
        | given
    )


def test_days_without_rows_count_as_none_and_days_before_the_first_do_not():
    values = {MONDAY - timedelta(days=3): 5.0, MONDAY - timedelta(days=1): 7.0, MONDAY: 9.0}
    assert list(before(values, MONDAY).values()) == [5.0, 0.0, 7.0]
    assert list(before(values, MONDAY, [MONDAY - timedelta(days=1)]).values()) == [5.0, 0.0]
    assert before({MONDAY: 9.0}, MONDAY) == {}


def test_no_more_than_twelve_weeks_are_learnt_from():
    assert len(before({MONDAY - timedelta(days=900): 1.0}, MONDAY)) == 84


@pytest.mark.parametrize("usual", [0, 3, 45, 300, 5_000])
def test_an_ordinary_day_is_like_its_weekday(usual):
    """Of 2,000 ordinary days none is called unusual."""
    odd = 0
    for seed in range(2_000):
        known = history(usual, seed=seed)
        mean = usual * _SHAPE[0]
        value = max(0, round(Random(-seed).gauss(mean, mean**0.5)))
        bounds = like_its_weekday(known, MONDAY)
        odd += not bounds.lower <= value <= bounds.upper
        assert (not_lost(known).lower or 0) <= value
    assert odd == 0


def test_a_day_is_compared_with_its_weekday():
    known = history(300)
    sunday = MONDAY - timedelta(days=1)
    of_monday, of_sunday = like_its_weekday(known, MONDAY), like_its_weekday(known, sunday)
    assert of_monday.lower > 1.5 * of_sunday.lower
    assert "of 12 days of its weekday" in of_monday.how


def test_a_holiday_and_a_tenfold_day_in_the_history_move_its_bounds_little():
    known = history(300)
    plain = like_its_weekday(known, MONDAY)
    known[MONDAY - timedelta(days=7)] *= 10
    known[MONDAY - timedelta(days=14)] *= 0.1
    bounds = like_its_weekday(known, MONDAY)
    assert bounds.lower == pytest.approx(plain.lower, rel=0.15)
    assert bounds.upper == pytest.approx(plain.upper, rel=0.15)


def test_too_short_a_history_sets_no_bound_and_says_so():
    short = history(300, days=27)
    for bounds in (like_its_weekday(short, MONDAY), not_lost(short), silence(short, is_sure=True)):
        assert bounds.lower is bounds.upper is None
        assert bounds.how == "no bound: 27 days are too little to learn from"


@pytest.mark.parametrize("usual", [200, 300, 5_000])
def test_a_holiday_that_is_a_sunday_too_is_not_lost_and_an_empty_day_is(usual):
    for seed in range(500):
        lower = not_lost(history(usual, seed=seed)).lower
        assert 0 < lower <= 0.45 * 0.6 * usual - 3 * (0.45 * 0.6 * usual) ** 0.5 or lower == 1


def test_of_a_small_table_no_day_is_lost():
    assert not_lost(history(30)).lower is None


def test_a_silence_is_measured_by_the_longest_there_was():
    known = {MONDAY - timedelta(days=back): 600.0 for back in range(1, 85)}
    assert silence(known, is_sure=True).upper == 600 + 6 * 3600
    assert silence(known, is_sure=False).upper == 600 + 1800
    known[MONDAY - timedelta(days=2)] = 100_000.0
    assert silence(known, is_sure=True).upper == 400_000


def test_a_share_is_compared_with_those_of_other_days_and_what_few_may_do():
    wholes = dict.fromkeys(before({MONDAY - timedelta(days=84): 1.0}, MONDAY), 100.0)
    parts = {day: 18.0 + day.day % 5 for day in wholes}
    of_many = like_other_shares(parts, wholes, MONDAY, 400)
    of_few = like_other_shares(parts, wholes, MONDAY, 20)
    assert of_many.lower > 0.05 and of_many.upper < 0.35
    assert of_few.lower == 0.0 and of_few.upper > 0.6
    assert like_other_shares(parts, dict.fromkeys(wholes, 3.0), MONDAY, 400).upper is None


def test_what_the_past_may_change_by_is_learnt_within_limits():
    assert drift([], least=0.005, most=0.02).upper == 0.005
    assert drift([0.0, 0.003, 0.001], least=0.005, most=0.02).upper == pytest.approx(0.009)
    assert drift([0.5], least=0.005, most=0.02).upper == 0.02


def test_a_bound_moves_no_further_in_a_night_than_a_step_and_says_so():
    last = threshold(day=MONDAY - timedelta(days=1), lower=100.0, upper=200.0)
    wide = held(threshold(lower=10.0, upper=2_000.0), last)
    assert (wide.lower, wide.upper) == (pytest.approx(100 / STEP), pytest.approx(200 * STEP))
    assert (
        wide.is_held
        and wide.how == "h; held near those of 2026-03-01: history alone says 10 to 2,000"
    )
    narrow = held(threshold(lower=150.0, upper=160.0), last)
    assert (narrow.lower, narrow.upper) == (pytest.approx(100 * STEP), pytest.approx(200 / STEP))
    near = threshold(lower=98.0, upper=205.0)
    assert held(near, last) == near and not near.is_held


def test_a_bound_may_move_further_in_more_nights():
    last = threshold(day=MONDAY - timedelta(days=7), lower=100.0)
    assert held(threshold(lower=10.0), last).lower == pytest.approx(100 / STEP**7)
    assert held(threshold(lower=10.0), None).lower == 10.0
