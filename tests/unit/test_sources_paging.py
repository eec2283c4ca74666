"""Walks over dicts of pages: what is asked, in which order, and all that comes of it."""

import json

import pytest

from answerable.settings import ROOT
from answerable.sources import KINDS, Connection, stream, streams_of
from answerable.sources.body import Body, NotJson, elements, members, with_member
from answerable.sources.errors import NoProgress, RequestRejected, SourceError
from answerable.sources.page import Window
from answerable.sources.paging import WALKS, Start, walk
from answerable.sources.stream import PAGES


class Pages:
    """Answers each request with the page that `given` has for its telling parameter."""

    def __init__(self, given, tells):
        self.given, self.tells, self.asked = given, tells, []

    def __call__(self, path, params):
        self.asked.append((path, dict(params)))
        key = next((params[name] for name in self.tells if name in params), None)
        page = self.given[key]
        if isinstance(page, Exception):
            raise page
        return Body.of(page)


def ids(pages):
    return [[json.loads(record)["id"] for record in page.records] for page in pages]


TICKETS = stream("zendesk", "tickets")
EVENTS = stream("zendesk", "ticket_events")
GROUPS = stream("zendesk", "groups")
MENTIONS = stream("x", "mentions")


def ticket(id, at):
    return {"id": id, "generated_timestamp": at}


def test_cursor_export_sends_start_time_once_and_then_only_the_cursor():
    get = Pages(
        {
            "0": {"tickets": [ticket(1, 10)], "after_cursor": "a", "end_of_stream": False},
            "a": {"tickets": [], "after_cursor": "b", "end_of_stream": False},
            "b": {"tickets": [ticket(2, 30)], "after_cursor": "c", "end_of_stream": True},
        },
        ("cursor", "start_time"),
    )
    pages = list(walk(TICKETS, Start(), get))
    assert ids(pages) == [[1], [], [2]]  # an empty page in the middle is not the end
    assert [page.is_last for page in pages] == [False, False, True]
    assert json.loads(pages[-1].cursor_to) == {"cursor": "c", "seen_until": 30}
    assert [("start_time" in asked, "cursor" in asked) for _, asked in get.asked] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_cursor_export_goes_on_from_the_stored_cursor_without_start_time():
    get = Pages({"c": {"tickets": [], "after_cursor": "c", "end_of_stream": True}}, ("cursor",))
    pages = list(walk(TICKETS, Start(cursor='{"cursor": "c", "seen_until": 30}'), get))
    assert len(get.asked) == 1 and "start_time" not in get.asked[0][1]
    assert json.loads(pages[-1].cursor_to) == {"cursor": "c", "seen_until": 30}


def test_cursor_that_is_refused_falls_back_to_the_last_row_less_an_hour():
    get = Pages(
        {
            "old": RequestRejected("no", 400),
            "6400": {"tickets": [ticket(9, 9000)], "after_cursor": "z", "end_of_stream": True},
        },
        ("cursor", "start_time"),
    )
    pages = list(walk(TICKETS, Start(cursor='{"cursor": "old", "seen_until": 10000}'), get))
    assert ids(pages) == [[9]]


@pytest.mark.parametrize("after", ["a", None])
def test_cursor_export_that_stands_still_is_an_error(after):
    page = {"tickets": [ticket(1, 1)], "after_cursor": after, "end_of_stream": False}
    get = Pages({"0": {**page, "after_cursor": "a"}, "a": page}, ("cursor", "start_time"))
    with pytest.raises(NoProgress, match="after_cursor"):
        list(walk(TICKETS, Start(), get))


def test_cursor_export_without_end_of_stream_is_an_error_not_an_end():
    with pytest.raises(SourceError, match="end_of_stream"):
        list(walk(TICKETS, Start(), Pages({"0": {"tickets": []}}, ("start_time",))))


def event(id, at):
    return {"id": id, "timestamp": at}


def test_time_export_reads_the_last_second_again_and_drops_what_it_had():
    get = Pages(
        {
            "0": {
                "ticket_events": [event(1, 5), event(2, 7), event(3, 7)],
                "end_time": 7,
                "end_of_stream": False,
                "next_page": "https://elsewhere.example/?start_time=8",
            },
            "7": {
                "ticket_events": [event(3, 7), event(4, 7), event(2, 7), event(5, 9)],
                "end_time": 9,
                "end_of_stream": True,
            },
        },
        ("start_time",),
    )
    pages = list(walk(EVENTS, Start(), get))
    assert ids(pages) == [[1, 2, 3], [4, 5]]
    assert pages[-1].is_last and json.loads(pages[-1].cursor_to) == {"end_time": 9}
    assert all(asked["include"] == "comment_events" for _, asked in get.asked)


def test_time_export_starts_an_overlap_before_its_watermark():
    end = {"ticket_events": [], "end_time": None, "end_of_stream": True}
    get = Pages({"940": end}, ("start_time",))
    (page,) = walk(EVENTS, Start(cursor='{"end_time": 1000}'), get)
    assert json.loads(page.cursor_to) == {"end_time": 1000}  # an empty answer moves nothing


def test_time_export_of_a_second_that_fills_a_page_is_an_error_that_says_what_it_is():
    page = {"ticket_events": [event(1, 7)], "end_time": 7, "end_of_stream": False}
    with pytest.raises(NoProgress, match="start_time 7"):
        list(walk(EVENTS, Start(), Pages({"0": page, "7": page}, ("start_time",))))


def test_list_takes_the_cursor_of_a_link_and_nothing_else_of_it():
    link = "http://user@elsewhere.example:99/other?page%5Bafter%5D=n2&page%5Bsize%5D=1"
    get = Pages(
        {
            None: {"groups": [{"id": 1}], "meta": {"has_more": True}, "links": {"next": link}},
            "n2": {"groups": [{"id": 2}], "meta": {"has_more": False, "after_cursor": "n3"}},
        },
        ("page[after]",),
    )
    pages = list(walk(GROUPS, Start(), get))
    assert ids(pages) == [[1], [2]] and pages[-1].is_last
    assert [path for path, _ in get.asked] == ["/api/v2/groups.json"] * 2
    assert [asked.get("page[size]") for _, asked in get.asked] == ["100", "100"]


def test_list_that_has_more_but_not_where_is_an_error():
    page = {"groups": [], "meta": {"has_more": True}, "links": {"next": None}}
    with pytest.raises(NoProgress, match="missing"):
        list(walk(GROUPS, Start(), Pages({None: page}, ("page[after]",))))


def post(id, *points_at, answers=None, kind="replied_to", edits=()):
    record = {"id": id, "edit_history_tweet_ids": [*edits, id], "author_id": "7", "text": "-"}
    if points_at:
        record["referenced_tweets"] = [{"type": kind, "id": each} for each in points_at]
    if answers:
        record["in_reply_to_user_id"] = answers
    return record


class Timeline:
    """A timeline of one page per token, and /2/tweets beside it."""

    def __init__(self, pages, posts=()):
        self.pages, self.posts, self.asked = pages, {p["id"]: p for p in posts}, []

    def __call__(self, path, params):
        self.asked.append((path, dict(params)))
        if path == "/2/tweets":
            found = [self.posts[i] for i in params["ids"].split(",") if i in self.posts]
            gone = [{"type": "https://api/problems/resource-not-found"}]
            return Body.of(
                {"data": found, "errors": gone} if found else {"errors": gone, "meta": {}}
            )
        user = path.split("/")[3]
        return Body.of(self.pages[user, params.get("pagination_token")])


def test_newest_first_moves_the_watermark_with_every_page_and_keeps_what_it_has_not_read():
    get = Timeline(
        {
            ("11", None): {
                "data": [post("90"), post("80")],
                "meta": {"newest_id": "90", "next_token": "t"},
            },
            ("11", "t"): {"data": [post("70")], "meta": {"newest_id": "70", "next_token": "u"}},
            ("11", "u"): {"meta": {"result_count": 0}},
            ("12", None): {"data": [post("60")], "meta": {"newest_id": "60"}},
        }
    )
    start = Start(cursor='{"12": "50"}', extra={"own_user_ids": ["11", "12"]})
    pages = list(walk(MENTIONS, start, get))
    assert ids(pages) == [["90", "80"], ["70"], [], ["60"]]
    assert [json.loads(page.cursor_to) for page in pages] == [
        {"11": {"newest": "90", "since": None, "until": "80"}, "12": "50"},
        {"11": {"newest": "90", "since": None, "until": "70"}, "12": "50"},
        {"11": "90", "12": "50"},
        {"11": "90", "12": "60"},
    ]
    assert [page.is_last for page in pages] == [False, False, False, True]
    assert [asked.get("since_id") for _, asked in get.asked] == [None, None, None, "50"]


def test_an_empty_timeline_keeps_its_watermark():
    get = Timeline({("11", None): {"meta": {"result_count": 0}}})
    start = Start(cursor='{"11": "90"}', extra={"own_user_ids": ["11"]})
    (page,) = walk(MENTIONS, start, get)
    assert page.is_last and json.loads(page.cursor_to) == {"11": "90"}


def test_posts_pointed_at_come_before_the_page_that_ends_the_walk():
    walked = [
        post("90", "80"),  # in this walk
        post("85", "40", answers="11"),  # one of ours: the walk of our posts brings it
        post("84", "41", answers="11", kind="quoted"),
        post("80", "30", edits=("79",)),
        post("78", "79"),  # an older version of a post of this walk
        post("77", "20"),  # known
        post("76", "10"),  # gone
    ]
    get = Timeline(
        {("11", None): {"data": walked, "meta": {"newest_id": "90"}}}, [post("30"), post("41")]
    )
    start = Start(extra={"own_user_ids": ["11"]}, known=lambda wanted: {"20"} & set(wanted))
    pages = list(walk(MENTIONS, start, get))
    assert [page.stream for page in pages] == ["referenced_posts", "mentions"]
    assert get.asked[-1][1]["ids"] == "10,30,41"
    assert ids(pages)[0] == ["30", "41"]
    assert pages[-1].is_last and pages[-1].cursor_to == '{"11": "90"}'


def test_many_ids_are_looked_up_a_hundred_at_a_time():
    walked = [post(str(1000 + n), str(n)) for n in range(201)]
    get = Timeline({("11", None): {"data": walked, "meta": {"newest_id": "1200"}}})
    list(walk(MENTIONS, Start(extra={"own_user_ids": ["11"]}), get))
    assert [asked["ids"].count(",") + 1 for path, asked in get.asked[1:]] == [100, 100, 1]


def test_authors_travel_with_their_posts_in_their_own_characters():
    get = Timeline(
        {
            ("11", None): {
                "data": [post("1")],
                "includes": {"users": [{"id": "7", "name": "\ud83d\u0000", "n": 1}]},
                "meta": {"newest_id": "1"},
            }
        }
    )
    (page,) = walk(MENTIONS, Start(extra={"own_user_ids": ["11"]}), get)
    assert '"_author":{"id": "7", "name": "\\ud83d\\u0000", "n": 1}}' in page.records[0]


def test_capped_usage_is_an_error_though_the_status_is_200():
    capped = {"errors": [{"type": "https://api.twitter.com/2/problems/usage-capped"}], "meta": {}}
    with pytest.raises(SourceError, match="usage-capped"):
        list(walk(MENTIONS, Start(extra={"own_user_ids": ["1"]}), Timeline({("1", None): capped})))


def test_identities_travel_with_their_users():
    get = Pages(
        {
            "0": {
                "users": [{"id": 1}, {"id": 2}],
                "identities": [
                    {"user_id": 1, "value": "a"},
                    {"user_id": 9, "value": "c"},
                    {"user_id": 1, "value": "b"},
                ],
                "after_cursor": "x",
                "end_of_stream": True,
            }
        },
        ("start_time",),
    )
    (page,) = walk(stream("zendesk", "users"), Start(), get)
    carried = [[i["value"] for i in json.loads(r)["_identities"]] for r in page.records]
    assert carried == [["a", "b"], []]


# --- a page that comes twice --------------------------------------------------------------------


class Repeating:
    """Answers like `inner`, but gives the page before in place of each page but the first, once."""

    def __init__(self, inner):
        self.inner, self.last, self.repeat = inner, None, False

    def __call__(self, path, params):
        self.repeat = not self.repeat and self.last is not None
        if self.repeat:
            return self.last
        self.last = self.inner(path, params)
        return self.last


LISTED = {
    None: {"groups": [{"id": 1}], "meta": {"has_more": True, "after_cursor": "b"}},
    "b": {"groups": [{"id": 2}], "meta": {"has_more": True, "after_cursor": "c"}},
    "c": {"groups": [{"id": 3}], "meta": {"has_more": False}},
}
EXPORTED = {
    "0": {"tickets": [ticket(1, 1)], "after_cursor": "a", "end_of_stream": False},
    "a": {"tickets": [ticket(2, 2)], "after_cursor": "b", "end_of_stream": False},
    "b": {"tickets": [ticket(3, 3)], "after_cursor": "c", "end_of_stream": True},
}
TIMED = {
    "0": {"ticket_events": [event(1, 5)], "end_time": 5, "end_of_stream": False},
    "5": {"ticket_events": [event(2, 6)], "end_time": 6, "end_of_stream": False},
    "6": {"ticket_events": [event(3, 7)], "end_time": 7, "end_of_stream": True},
}
TOLD = {
    ("11", None): {"data": [post("3")], "meta": {"newest_id": "3", "next_token": "t"}},
    ("11", "t"): {"data": [post("2")], "meta": {"next_token": "u"}},
    ("11", "u"): {"data": [post("1")], "meta": {"result_count": 1}},
}


@pytest.mark.parametrize(
    "stream, inner",
    [
        (GROUPS, Pages(LISTED, ("page[after]",))),
        (TICKETS, Pages(EXPORTED, ("cursor", "start_time"))),
        (EVENTS, Pages(TIMED, ("start_time",))),
        (MENTIONS, Timeline(TOLD)),
    ],
    ids=["list", "cursor export", "time export", "newest first"],
)
def test_a_page_that_comes_twice_is_asked_for_again(stream, inner):
    start = Start(extra={"own_user_ids": ["11"]})
    pages = list(walk(stream, start, Repeating(inner)))
    assert sorted(str(id) for page in ids(pages) for id in page) == ["1", "2", "3"]
    assert [page.is_last for page in pages] == [False, False, True]


# --- bodies in their own characters -----------------------------------------------------------


def test_records_keep_every_character_that_parsing_would_change():
    records = [
        '{"id": 9223372036854775808, "n": 1.10, "n": 2e400, "t": "\\u0000 \\ud83d"}',
        '{"id": NaN}',
        "[" * 5000 + "]" * 5000,
        "1" * 5000,
        '"text, with ] and } and \\" in it"',
    ]
    body = Body.read('{"a": [' + " ,\n".join(records) + '], "end": true}')
    assert body.texts("a") == records
    assert body.value("end") is True


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a": 1', '{"a": [1, 2}', '{"a": 1} {"b": 2}', "<html>", '{"a" 1}', '{"a": }'],
)
def test_what_is_not_one_json_object_is_refused(text):
    with pytest.raises(NotJson):
        Body.read(text).texts("a")


@pytest.mark.parametrize("text", ["[1, 2", "[1 2]", "[1,]", "{}", "["])
def test_what_is_not_an_array_is_refused(text):
    with pytest.raises(NotJson):
        elements(text)


def test_empty_things_are_read():
    assert (members(" {} "), elements("[ ]")) == ({}, [])
    assert (with_member("{ }", "a", "1"), with_member("[1]", "a", "1")) == ('{ "a":1}', "[1]")


def test_every_stream_states_its_rules():
    for streams in KINDS.values():
        assert len({each.name for each in streams}) == len(streams)
        for each in streams:
            unsaid = [name for name, words in each.rules.items() if not words]
            assert unsaid == [], f"{each.kind}.{each.name} does not say its {unsaid}"
            assert each.paging in PAGES
    assert set(GROUPS.rules) == {
        "endpoint", "key", "version", "cursor", "pages", "rate", "window", "deletion"
    }  # fmt: skip
    assert set(PAGES) == {*WALKS, "lookup"}


def test_the_documentation_has_a_row_for_every_stream():
    rows = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8").splitlines()
    for streams in KINDS.values():
        for each in streams:
            row = f"| `{each.name}` | `{each.path}`"
            assert any(line.startswith(row) for line in rows), f"{each.kind}: {row}"


RATINGS = stream("zendesk", "satisfaction_ratings")
DAY = 86_400


def rating(id, at):
    return {"id": id, "created_at": f"2026-01-{at:02d}T00:00:00Z"}


def since(*records, after=None):
    return {
        "satisfaction_ratings": list(records),
        "meta": {"has_more": bool(after), "after_cursor": after},
    }


def test_a_list_since_a_time_moves_its_watermark_after_the_last_page_to_the_newest_seen():
    get = Pages(
        {"0": since(rating(1, 20), after="a"), "a": since(after="b"), "b": since(rating(2, 10))},
        ("page[after]", "start_time"),
    )
    pages = list(walk(RATINGS, Start(), get))
    assert ids(pages) == [[1], [], [2]]
    seen_until = 1768867200  # the 20th, though the 10th came last
    assert [page.cursor_to for page in pages] == [
        None,
        None,
        json.dumps({"seen_until": seen_until}),
    ]
    assert {asked["start_time"] for _, asked in get.asked} == {"0"}
    assert {path for path, _ in get.asked} == {"/api/v2/satisfaction_ratings.json"}

    asked_for = str(seen_until - RATINGS.overlap_seconds)
    get = Pages({asked_for: since()}, ("start_time",))
    (nothing_new,) = walk(RATINGS, Start(cursor=pages[-1].cursor_to), get)
    assert nothing_new.cursor_to == pages[-1].cursor_to


def test_ratings_are_read_again_for_longer_than_customers_think():
    assert RATINGS.overlap_seconds >= 14 * DAY


def test_a_list_since_a_time_that_is_empty_has_no_watermark():
    (page,) = walk(RATINGS, Start(), Pages({"0": since()}, ("start_time",)))
    assert (page.cursor_to, page.is_last) == (None, True)


AUDITS = stream("zendesk", "ticket_audits")
AT = 1_767_225_600  # 2026-01-01


def audit(id, day):
    return {"id": id, "created_at": f"2026-01-{day:02d}T00:00:00Z"}


def audits(*records, after=None):
    return {"audits": list(records), "meta": {"has_more": bool(after), "after_cursor": after}}


def test_a_list_that_comes_newest_first_ends_where_the_walk_before_began():
    get = Pages(
        {
            None: audits(audit(9, 20), audit(8, 19), after="a"),
            "a": audits(audit(7, 18), audit(6, 17), after="b"),
            "b": audits(audit(5, 16), after="c"),
        },
        ("page[after]",),
    )
    cursor = json.dumps({"seen_until": AT + 17 * DAY + 600})  # ten minutes after audit 7
    pages = list(walk(AUDITS, Start(cursor=cursor), get))
    assert ids(pages) == [[9, 8], [7]]  # 7 lies in the overlap, 6 before it: no third page
    assert [page.cursor_to for page in pages] == [None, json.dumps({"seen_until": AT + 19 * DAY})]
    assert [page.is_last for page in pages] == [False, True]
    assert "start_time" not in get.asked[0][1]


def test_where_the_newest_do_not_come_first_the_list_is_walked_to_its_end():
    pages = {
        None: audits(audit(1, 2), audit(2, 3), after="a"),
        "a": audits(audit(3, 18), audit(4, 1), after="b"),
        "b": audits(audit(5, 20)),
    }
    start = Start(cursor=json.dumps({"seen_until": AT + 17 * DAY}))
    found = list(walk(AUDITS, start, Pages(pages, ("page[after]",))))
    assert ids(found) == [[], [3], [5]]
    assert [page.cursor_to for page in found] == [None, None, f'{{"seen_until": {AT + 19 * DAY}}}']


def test_audits_before_the_beginning_of_history_are_left_out():
    get = Pages({None: audits(audit(2, 20), audit(1, 19), after="a")}, ("page[after]",))
    (page,) = walk(AUDITS, Start(extra={"start_time": AT + 19 * DAY}), get)
    assert ids([page]) == [[2]] and page.is_last


def test_audits_are_walked_where_the_connection_asks_for_them():
    account = {"name": "desk", "kind": "zendesk", "host": "desk.example"}
    asked = Connection.from_dict({**account, "extra": {"audits": True}})
    walked = [{each.name for each in streams_of(one)} for one in (Connection(**account), asked)]
    assert walked[1] - walked[0] == {"ticket_audits"}


POLICIES = stream("zendesk", "sla_policies")
SCHEDULES = stream("zendesk", "schedules")


def test_a_snapshot_is_one_record_of_all_pages_in_order():
    elsewhere = "https://elsewhere.example/api/v2/slas/policies.json?page=2"
    get = Pages(
        {
            None: {"sla_policies": [{"id": 1}, {"id": 2}], "next_page": elsewhere},
            "2": {"sla_policies": [{"id": 3}], "next_page": None},
        },
        ("page",),
    )
    (page,) = walk(POLICIES, Start(), get)
    (record,) = map(json.loads, page.records)
    assert [each["id"] for each in record["sla_policies"]] == [1, 2, 3]
    assert (POLICIES.key_of(record), POLICIES.version_of(record)) == ("all", 0)
    POLICIES.check(record)
    assert page.is_last and page.cursor_to is None
    assert {path for path, _ in get.asked} == {POLICIES.path}


def test_a_snapshot_of_nothing_is_a_record_and_a_body_without_the_list_is_none():
    (page,) = walk(POLICIES, Start(), Pages({None: {"sla_policies": []}}, ()))
    assert json.loads(page.records[0])["sla_policies"] == []
    with pytest.raises(SourceError, match=r"zendesk\.sla_policies: no sla_policies in the body"):
        list(walk(POLICIES, Start(), Pages({None: {"error": "odd"}}, ())))


def test_a_snapshot_whose_pages_go_round_ends():
    round = {"sla_policies": [{"id": 1}], "next_page": "https://a.example/?page=2"}
    with pytest.raises(NoProgress, match="page 2"):
        list(walk(POLICIES, Start(), Pages({None: round, "2": round}, ("page",))))


def test_each_schedule_carries_the_holidays_that_have_a_path_of_their_own():
    pages = {
        SCHEDULES.path: {"schedules": [{"id": 7, "name": "a"}, {"id": 8, "name": "b"}]},
        "/api/v2/business_hours/schedules/7/holidays.json": {"holidays": [{"id": 1}]},
        "/api/v2/business_hours/schedules/8/holidays.json": {"holidays": []},
    }
    (page,) = walk(SCHEDULES, Start(), lambda path, params: Body.of(pages[path]))
    assert json.loads(page.records[0])["schedules"] == [
        {"id": 7, "name": "a", "_holidays": [{"id": 1}]},
        {"id": 8, "name": "b", "_holidays": []},
    ]


# --- a window of the past --------------------------------------------------------------------


def windowed(since, until, **more):
    return Start(window=Window(since, until), **more)


def test_of_a_cursor_export_a_window_ends_with_the_first_page_that_lies_behind_it():
    get = Pages(
        {
            "20": {"tickets": [ticket(2, 20)], "after_cursor": "a", "end_of_stream": False},
            "a": {"tickets": [ticket(3, 29)], "after_cursor": "b", "end_of_stream": False},
            "b": {"tickets": [ticket(4, 30)], "after_cursor": "c", "end_of_stream": False},
        },
        ("cursor", "start_time"),
    )
    # neither the watermark nor where history begins has a say
    start = windowed(20, 30, cursor=None, extra={"start_time": 5})
    pages = list(walk(TICKETS, start, get))
    assert ids(pages) == [[2], [3], [4]] and [page.is_last for page in pages] == [False] * 2 + [
        True
    ]


def test_of_a_time_export_a_window_ends_with_the_page_that_reaches_its_end():
    def events(*ats, end_time):
        rows = [{"id": at, "timestamp": at} for at in ats]
        return {"ticket_events": rows, "end_time": end_time, "end_of_stream": False}

    get = Pages(
        {"200": events(200, 240, end_time=240), "240": events(240, 300, end_time=300)},
        ("start_time",),
    )
    pages = list(walk(EVENTS, windowed(200, 300), get))
    assert ids(pages) == [[200, 240], [300]] and pages[-1].is_last  # no overlap before it either


def test_of_a_list_that_comes_newest_first_what_is_newer_than_a_window_is_left_out():
    get = Pages(
        {
            None: audits(audit(9, 20), audit(8, 19), after="a"),
            "a": audits(audit(7, 18), audit(6, 17), after="b"),
            "b": audits(audit(5, 16), after="c"),
        },
        ("page[after]",),
    )
    pages = list(walk(AUDITS, windowed(AT + 16 * DAY, AT + 18 * DAY), get))
    assert ids(pages) == [[], [7, 6], []] and pages[-1].is_last
