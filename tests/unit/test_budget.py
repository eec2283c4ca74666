"""What reading costs, and when a night has spent what it may."""

from decimal import Decimal

import pytest

from answerable.sources import PRICES, Connection
from answerable.sources.body import Body
from answerable.sources.budget import ANY, Budget, Spent, resources
from answerable.sources.errors import BudgetSpent, SpecError

MINE = "/2/users/11/mentions"


def budget(**extra) -> Budget:
    connection = Connection(name="x", kind="x", host="h", password="p", extra=extra)
    return Budget.of(connection, PRICES["x"])


def test_without_a_budget_there_is_always_room():
    assert budget().room(Spent(10**8, Decimal(10**8)), MINE, 5, 2) == ANY
    assert not budget().is_limited


def test_room_counts_on_the_dearest_case_so_that_nothing_is_overspent():
    # a post and its author, and two posts that it points at with theirs: 3 * 0.015
    limited = budget(budget={"money": 1})
    assert limited.room(Spent(), MINE, 5, 2) == 22
    assert limited.room(Spent(0, Decimal("0.5")), MINE, 5, 2) == 11
    assert limited.room(Spent(), "/2/tweets/search/recent", 10, 0) == 66
    counted = budget(budget={"reads": 60})
    assert counted.room(Spent(), MINE, 5, 2) == 10
    assert budget(budget={"reads": 60, "money": "0.24"}).room(Spent(), MINE, 5, 2) == 5


def test_room_below_the_least_page_is_a_budget_spent_and_says_how_much():
    limited = budget(budget={"money": "1.50", "reads": 2000})
    with pytest.raises(BudgetSpent, match=r"12 of 2,000 reads, 1\.28 of 1\.5$"):
        limited.room(Spent(12, Decimal("1.280")), MINE, 5, 2)
    with pytest.raises(BudgetSpent, match="0 of 0 reads"):
        budget(budget={"reads": 0}).room(Spent(), MINE, 5, 2)


def test_timelines_of_the_app_s_owner_are_cheaper():
    owned = budget(app_owner_id=11)
    assert owned.price_of(MINE, "post") == Decimal("0.001")
    assert owned.price_of("/2/users/112/mentions", "post") == Decimal("0.005")
    assert owned.price_of(MINE, "user") == Decimal("0.010")
    assert owned.price_of("/2/tweets", "post") == Decimal("0.005")


def test_prices_can_be_said_otherwise():
    told = budget(prices={"post": 0.004, "user": 0})
    assert told.price_of(MINE, "post") == Decimal("0.004") and told.price_of(MINE, "user") == 0
    free = budget(prices={"post": 0, "user": 0}, budget={"money": 1})
    assert free.room(Spent(), MINE, 5, 2) == ANY


@pytest.mark.parametrize(
    "extra",
    [
        {"budget": {"dollars": 5}},
        {"budget": 5},
        {"budget": {"reads": "5"}},
        {"budget": {"reads": True}},
        {"budget": {"money": -1}},
        {"budget": {"money": "five"}},
        {"prices": {"tweet": 1}},
        {"prices": {"post": "NaN"}},
        {"prices": {"post": True}},
    ],
    ids=str,
)
def test_a_budget_that_makes_no_sense_is_refused_by_name(extra):
    with pytest.raises(SpecError, match=r"connection 'x': (budget|prices)"):
        budget(**extra)


def test_an_answer_is_charged_for_its_posts_and_authors_once_each():
    body = {
        "data": [{"id": "1"}, {"id": "2"}, {"id": "1"}],
        "includes": {"users": [{"id": "7"}, {"id": "7"}], "tweets": [{"id": "9"}]},
    }
    assert resources(Body.of(body)) == {
        "post:1": "post", "post:2": "post", "post:9": "post", "user:7": "user",
    }  # fmt: skip
    assert resources(Body.of({"meta": {}})) == {}
