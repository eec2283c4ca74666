"""Figures, lengths and foreign text, as the report says them."""

import doctest

import pytest

from answerable.reports import charts, words
from answerable.reports.figures import shortened, start_of, unit_of, with_share


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(words)
    assert results.attempted >= 8
    assert results.failed == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "-"),
        (None, "-"),
        (
            "zero\u200bwidth \u202eright-to-left\x1b[31m",
            "zero\ufffdwidth \ufffdright-to-left\ufffd[31m",
        ),
        ("one\nline\tonly", "one line only"),
        ("x" * 200, "x" * 119 + "…"),
        ("Grüße 你好 🎉", "Grüße 你好 🎉"),
    ],
)
def test_foreign_text_is_one_visible_line(text, said):
    assert words.plain(text) == said


def test_a_share_never_rounds_to_all_or_nothing():
    assert words.share(99999, 100000) == "99.9 %"
    assert words.share(1, 100000) == "0.1 %"
    assert words.share(0, 5) == "0 %"
    assert words.share(5, 5) == "100 %"
    assert words.share(None) == "-"


def counts(**given: int) -> dict[str, int]:
    names = ("clocks", "met", "breached", "running", "void", "no_policy", "unanswered")
    return dict.fromkeys(names, 0) | given


def test_a_share_has_met_and_breached_as_its_denominator():
    row = with_share(counts(clocks=10, met=3, breached=1, running=4, void=1, no_policy=1))
    assert (row["decided"], row["share"]) == (4, 0.75)
    assert with_share(counts(clocks=2, running=2))["share"] is None


def test_a_long_list_ends_with_the_sum_of_the_rest():
    rows = [counts(clocks=n, met=1) | {"name": f"team {n}"} for n in range(30, 0, -1)]
    short = shortened(rows)
    assert len(short) == 20
    assert short[:19] == rows[:19]
    assert (short[19]["name"], short[19]["other_count"], short[19]["met"]) == (None, 11, 11)
    assert sum(row["clocks"] for row in short) == sum(range(1, 31))
    assert shortened(rows[:20]) == rows[:20]


def test_many_days_are_drawn_as_weeks_and_many_weeks_as_months():
    from datetime import date, timedelta

    first = date(2011, 7, 1)
    for days, unit in ((1, "day"), (120, "day"), (121, "week"), (840, "week"), (841, "month")):
        assert unit_of([first + timedelta(days=days - 1), first]) == unit, days
    assert unit_of([]) == "day"
    assert start_of(date(2026, 3, 1), "week") == date(2026, 2, 23)
    assert start_of(date(2026, 3, 2), "week") == date(2026, 3, 2)
    assert start_of(date(2026, 3, 31), "month") == date(2026, 3, 1)
    assert start_of(first, "day") == first


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_a_chart_names_no_address_and_runs_nothing(unit):
    from datetime import date

    points = [
        {"start": date(2026, 2, 2)} | with_share(counts(clocks=3, met=2, breached=1)),
        {"start": date(2026, 3, 2)} | with_share(counts(clocks=2, running=1, no_policy=1)),
    ]
    svg = charts.over_time(points, unit)
    assert svg.startswith('<svg aria-hidden="true"')
    assert "met share" in svg
    for word in ("//", "href", "<script", "xmlns", "url("):
        assert word not in svg


def test_no_line_is_drawn_over_a_time_without_a_decision():
    from datetime import date

    days = (date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3), date(2026, 2, 5))
    points = [
        {"start": day} | with_share(counts(clocks=1, met=int(day.day != 2), running=1))
        for day in days
    ]
    assert [stretch for stretch, _ in charts._stretches(points, "day")] == [0, 1, 2]
    weeks = [{**points[0], "start": date(2026, 2, day)} for day in (2, 9, 23)]
    assert [stretch for stretch, _ in charts._stretches(weeks, "week")] == [0, 0, 1]
    months = [
        points[0],
        {**points[0], "start": date(2026, 3, 1)},
        {**points[0], "start": date(2026, 5, 1)},
    ]
    assert [stretch for stretch, _ in charts._stretches(months, "month")] == [0, 0, 1]


def test_a_chart_that_would_load_something_is_refused():
    for bad in ('<image href="x"/>', "<script>", '<g onload="x"/>', "fill:url(#a)"):
        with pytest.raises(ValueError, match="refers to something outside"):
            charts.self_contained(f"<svg >{bad}</svg>")
