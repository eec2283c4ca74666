"""Lists that come newest first, stop when the money does, and end where the source forgets."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.sources import stream
from answerable.sources.body import Body
from answerable.sources.errors import (
    BudgetSpent,
    OutOfCredits,
    RequestRejected,
    SourceError,
    SpecError,
)
from answerable.sources.paging import Start, walk
from answerable.sources.timelines import first_id_at, instant_of

MENTIONS, SEARCH = stream("x", "mentions"), stream("x", "search")
REFRESHED = stream("x", "refreshed_posts")
ONE = {"own_user_ids": ["11"]}
DAY = 86_400


class List:
    """A list of post ids that shows the newest `reach` of them, or those of `days` days."""

    def __init__(self, ids, *, reach=None, days=None, now=None, credits=10**9):
        self.ids, self.reach, self.days, self.now = sorted(ids, reverse=True), reach, days, now
        self.credits, self.read, self.asked = credits, Counter(), []

    def room(self, path, least, beside):
        if self.credits < least:
            raise BudgetSpent("spent")
        return self.credits

    def __call__(self, path, params):
        self.asked.append((path, dict(params)))
        since, until = int(params.get("since_id", 0)), int(params.get("until_id", 2**63))
        shown = self.ids[: self.reach]
        if self.days is not None:
            oldest = first_id_at(datetime.fromtimestamp(self.now - self.days * DAY, UTC))
            shown = [id for id in shown if id >= oldest]
            for bound in ("since_id", "until_id"):
                if int(params.get(bound, oldest)) < oldest:
                    raise RequestRejected("400", 400)
        token = params.get("pagination_token") or params.get("next_token")
        left = [id for id in shown if since < id < until and (not token or id < int(token))]
        page = left[: int(params["max_results"])]
        self.read.update(page)
        self.credits -= len(page)
        body = {"meta": {"result_count": len(page)}}
        if page:
            body["data"] = [
                {"id": str(id), "edit_history_tweet_ids": [str(id)], "author_id": "7"}
                for id in page
            ]
            body["meta"] |= {"newest_id": str(page[0]), "oldest_id": str(page[-1])}
        if len(left) > len(page):
            body["meta"]["next_token"] = str(page[-1])
        made = Body.of(body)
        return Body(made.parts, self.now) if self.now else made


def night(stream, shown, cursor, extra=ONE):
    """What a walk brings: ids, the watermark then, holes, and how it ended."""
    ids, holes, ended = [], [], "landed"
    try:
        for page in walk(stream, Start(cursor=cursor, extra=extra, room=shown.room), shown):
            ids += [int(json.loads(record)["id"]) for record in page.records]
            holes += page.holes
            cursor = page.cursor_to or cursor
            ended = "landed" if page.is_last else "stopped"
    except SourceError as error:
        ended = error
    return ids, cursor, holes, ended


def test_a_walk_that_stops_goes_on_below_what_it_had_and_asks_for_nothing_twice():
    shown = List(range(1001, 1301), credits=130)
    ids, cursor, _, ended = night(MENTIONS, shown, None)
    assert ids == [*range(1300, 1170, -1)]
    assert json.loads(cursor) == {"11": {"newest": "1300", "since": None, "until": "1171"}}
    assert isinstance(ended, BudgetSpent)
    assert "of 11 what is older than post 1171 of 2010-11-04" in str(ended)
    assert "what is newer than post 1300" in str(ended)

    shown.ids, shown.credits = [1350, *shown.ids], 10**9
    more, cursor, holes, ended = night(MENTIONS, shown, cursor)
    assert more == [*range(1170, 1000, -1), 1350]  # the gap first: it may not be shown for long
    assert (json.loads(cursor), holes, ended) == ({"11": "1350"}, [], "landed")
    assert set(shown.read.values()) == {1}


@given(
    nights=st.lists(st.tuples(st.integers(0, 240), st.integers(0, 400)), min_size=1, max_size=8),
    is_search=st.booleans(),
)
def test_whatever_each_night_may_spend_nothing_is_lost_and_nothing_read_twice(nights, is_search):
    described = SEARCH if is_search else MENTIONS
    extra = {"search": "tidewell"} if is_search else ONE
    shown, cursor, brought, last = List([]), None, [], 10_000
    for new, credits in [*nights, (0, 10**9)]:
        shown.ids = [*range(last + new, last, -1), *shown.ids]
        last += new
        shown.credits = credits
        ids, cursor, holes, _ = night(described, shown, cursor, extra)
        brought += ids
        assert holes == [] and shown.credits >= 0
    assert sorted(brought, reverse=True) == shown.ids
    # whether a list of mentions goes on below what we had is asked at the price of a few posts
    assert not is_search or set(shown.read.values()) <= {1}


def test_more_mentions_than_the_list_keeps_leave_a_hole_that_is_told():
    shown = List(range(1, 2001), reach=800)
    _, _, holes, _ = night(MENTIONS, shown, None)
    assert holes == []  # what was before we came is no hole
    at = datetime(2026, 3, 1, tzinfo=UTC)
    first = first_id_at(at)
    shown = List([first + (n << 22) * 1000 for n in range(2000)], reach=800)
    cursor = json.dumps({"11": str(shown.ids[-100])})
    ids, moved, (hole,), ended = night(MENTIONS, shown, cursor)
    assert len(ids) == 800 and ended == "landed"
    assert (hole.part, hole.after_id, hole.before_id) == (
        "11", str(shown.ids[-100]), str(shown.ids[799]),
    )  # fmt: skip
    assert hole.from_at == "2026-03-01T00:01:39Z"
    assert hole.until_at == "2026-03-01T00:20:00Z"
    assert "800" in hole.reason
    assert json.loads(moved) == {"11": str(shown.ids[0])}


@pytest.mark.parametrize("behind", [700, 799])
def test_as_many_mentions_as_the_list_keeps_are_no_hole_where_it_goes_on_below(behind):
    shown = List(range(1, 2001), reach=800)
    cursor = json.dumps({"11": str(2000 - behind)})
    ids, _, holes, _ = night(MENTIONS, shown, cursor)
    assert (len(ids), holes) == (behind, [])
    assert shown.asked[-1][1]["max_results"] == "5"


def test_few_mentions_are_not_worth_asking_whether_the_list_goes_on():
    shown = List(range(1, 2001), reach=800)
    night(MENTIONS, shown, json.dumps({"11": "1900"}))
    assert len(shown.asked) == 1


def test_a_gap_that_fell_out_of_the_list_while_nobody_paid_is_a_hole():
    shown = List(range(1, 301), credits=100, reach=800)
    cursor = json.dumps({"11": "50"})
    _, cursor, _, _ = night(MENTIONS, shown, cursor)
    shown.ids, shown.credits = [*range(1200, 300, -1), *shown.ids], 10**9
    ids, cursor, holes, ended = night(MENTIONS, shown, cursor)
    assert ids == [*range(1200, 400, -1)] and ended == "landed"
    assert [(hole.after_id, hole.before_id) for hole in holes] == [("50", "201"), ("300", "401")]
    assert json.loads(cursor) == {"11": "1200"}


def test_a_page_that_was_paid_for_is_kept_where_no_more_can_be_asked():
    shown = List(range(1, 2001), reach=800, credits=800)
    ids, cursor, holes, ended = night(MENTIONS, shown, json.dumps({"11": "1200"}))
    assert len(ids) == 800 and isinstance(ended, BudgetSpent) and holes == []
    assert json.loads(cursor) == {"11": {"newest": "2000", "since": "1200", "until": "1201"}}
    shown.credits = 100
    ids, cursor, holes, ended = night(MENTIONS, shown, cursor)
    assert (ids, json.loads(cursor), ended) == ([], {"11": "2000"}, "landed")
    assert len(holes) == 1  # 1200 is not shown any more, so nobody can tell


# --- search --------------------------------------------------------------------------------------

NOW = int(datetime(2026, 3, 20, tzinfo=UTC).timestamp())
# nothing that was written an hour before the walk can be missing any more
LOOKED = str(first_id_at(datetime.fromtimestamp(NOW - 3_600, UTC)))
QUERIES = {"search": {"tidewell": "tidewell -is:retweet", "nookly": "nookly"}}


def at_day(day, number=0):
    return first_id_at(datetime(2026, 3, day, 12, tzinfo=UTC)) + number


def test_each_search_is_walked_by_its_name_which_travels_with_what_it_found():
    shown = List([at_day(18, n) for n in range(15)], days=7, now=NOW)
    pages = list(walk(SEARCH, Start(extra=QUERIES), shown))
    assert [path for path, _ in shown.asked] == ["/2/tweets/search/recent"] * 2
    assert [asked["query"] for _, asked in shown.asked] == [*QUERIES["search"].values()]
    names = [{json.loads(record)["_query"] for record in page.records} for page in pages]
    assert names == [{"tidewell"}, {"nookly"}]
    assert json.loads(pages[-1].cursor_to) == {"nookly": LOOKED, "tidewell": LOOKED}
    assert [page.is_last for page in pages] == [False, True]
    assert "start_time" not in shown.asked[0][1]


def test_pages_of_a_search_follow_by_next_token():
    shown = List([at_day(18, n) for n in range(250)], days=7, now=NOW)
    pages = list(walk(SEARCH, Start(extra={"search": "tidewell"}), shown))
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert "pagination_token" not in shown.asked[1][1] and shown.asked[1][1]["next_token"]
    assert json.loads(pages[0].cursor_to)["search"]["newest"] == str(at_day(18, 249))
    assert json.loads(pages[-1].cursor_to) == {"search": LOOKED}


def test_after_more_than_a_week_a_search_asks_without_its_watermark_and_tells_the_hole():
    shown = List([at_day(day) for day in range(1, 20)], days=7, now=NOW)
    cursor = json.dumps({"tidewell": str(at_day(5))})
    ids, cursor, (hole,), ended = night(SEARCH, shown, cursor, {"search": {"tidewell": "tidewell"}})
    assert ids == [at_day(day) for day in range(19, 12, -1)] and ended == "landed"
    assert "since_id" in shown.asked[0][1] and "since_id" not in shown.asked[1][1]
    assert (hole.from_at, hole.until_at) == ("2026-03-05T12:00:00Z", "2026-03-13T00:00:00Z")
    assert json.loads(cursor) == {"tidewell": LOOKED}


def test_within_the_week_there_is_no_hole():
    shown = List([at_day(day) for day in range(1, 20)], days=7, now=NOW)
    cursor = json.dumps({"search": str(at_day(14))})
    ids, _, holes, _ = night(SEARCH, shown, cursor, {"search": "tidewell"})
    assert (ids, holes) == ([at_day(day) for day in range(19, 14, -1)], [])


def test_a_gap_of_a_search_that_nobody_shows_any_more_is_a_hole_and_the_walk_goes_on():
    shown = List([at_day(day) for day in range(1, 20)], days=7, now=NOW)
    gap = {"newest": str(at_day(8)), "since": str(at_day(3)), "until": str(at_day(6))}
    ids, cursor, holes, ended = night(
        SEARCH, shown, json.dumps({"search": gap}), {"search": "tidewell"}
    )
    assert [(hole.from_at[:10], hole.until_at[:10]) for hole in holes] == [
        ("2026-03-03", "2026-03-06"),
        ("2026-03-08", "2026-03-13"),
    ]
    assert ids == [at_day(day) for day in range(19, 12, -1)] and ended == "landed"
    assert json.loads(cursor) == {"search": LOOKED}


def test_a_search_that_finds_nothing_for_weeks_is_not_behind():
    shown, cursor, newest = List([at_day(1)], days=7, now=NOW), None, None
    for day in (2, 8, 14, 20):
        shown.now = int(datetime(2026, 3, day, tzinfo=UTC).timestamp())
        _, cursor, holes, ended = night(SEARCH, shown, cursor, {"search": "tidewell"})
        assert (holes, ended) == ([], "landed")
        assert newest is None or int(json.loads(cursor)["search"]) > newest
        newest = int(json.loads(cursor)["search"])
    shown.ids, shown.now = [at_day(20), *shown.ids], NOW + 43_200
    ids, cursor, _, _ = night(SEARCH, shown, cursor, {"search": "tidewell"})
    assert ids == [at_day(20)] and json.loads(cursor) == {"search": str(at_day(20))}


def test_a_query_that_is_refused_is_an_error_and_no_hole():
    def refuses(path, params):
        raise RequestRejected("answered 400", 400)

    start = Start(cursor='{"search": "5"}', extra={"search": "("})
    with pytest.raises(RequestRejected):
        list(walk(SEARCH, start, refuses))


@pytest.mark.parametrize("given", [{"a": ""}, {"a": 5}, ["tidewell"], 7, {"a": " "}])
def test_searches_are_queries_by_name(given):
    with pytest.raises(SpecError, match="search is a query"):
        list(walk(SEARCH, Start(extra={"search": given}), List([])))


# --- fresh numbers, and no money -----------------------------------------------------------------


class Lookup:
    def __init__(self, credits=10**9):
        self.credits, self.asked = credits, []

    def room(self, path, least, beside):
        if self.credits < least:
            raise BudgetSpent("spent")
        return self.credits

    def __call__(self, path, params):
        ids = params["ids"].split(",")
        self.asked.append(ids)
        self.credits -= len(ids)
        return Body.of({"data": [{"id": id, "edit_history_tweet_ids": [id]} for id in ids]})


def test_posts_of_the_last_days_are_looked_up_again_a_hundred_at_a_time():
    get, stored = Lookup(), [str(id) for id in range(900, 650, -1)]
    start = Start(extra={"refresh_days": 3}, recent=lambda days: stored if days == 3 else [])
    pages = list(walk(REFRESHED, start, get))
    assert [len(ids) for ids in get.asked] == [100, 100, 50]
    assert {page.stream for page in pages} == {"refreshed_posts"} and pages[-1].is_last
    assert sum(len(page.records) for page in pages) == 250


def test_fresh_numbers_end_with_the_budget_and_say_what_is_missing():
    get, stored = Lookup(credits=120), [str(id) for id in range(900, 650, -1)]
    start = Start(extra={"refresh_days": 3}, recent=lambda days: stored, room=get.room)
    with pytest.raises(BudgetSpent, match="130 of 250 posts, from post 780"):
        list(walk(REFRESHED, start, get))
    assert [len(ids) for ids in get.asked] == [100, 20]


@pytest.mark.parametrize("days", [0, True, "3", -1])
def test_refresh_days_are_a_number_of_days(days):
    with pytest.raises(SpecError, match="refresh_days"):
        list(walk(REFRESHED, Start(extra={"refresh_days": days}), Lookup()))


def test_an_account_out_of_credits_says_what_is_missing():
    pages = [
        {"data": [{"id": "90"}], "meta": {"newest_id": "90", "oldest_id": "90", "next_token": "t"}},
        {"errors": [{"type": "https://api.twitter.com/2/problems/usage-capped"}], "meta": {}},
    ]
    extra = {"own_user_ids": ["11", "12"]}
    start = Start(cursor='{"11": "50"}', extra=extra)
    with pytest.raises(OutOfCredits) as told:
        list(walk(MENTIONS, start, lambda path, params: Body.of(pages.pop(0))))
    assert "of 11 what is older than post 90" in str(told.value)
    assert "newer than post 50" in str(told.value) and "of 12 all" in str(told.value)


def test_ids_hold_the_instant_they_were_made_at():
    at = datetime(2026, 3, 1, 10, 0, 7, tzinfo=UTC)
    assert instant_of(first_id_at(at)) == at
    assert instant_of(first_id_at(at) - 1) < at
