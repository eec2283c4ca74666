"""The sandbox's world: the same for the same seed, only growing, and told in full by its server."""

import base64
import csv
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import requests

from answerable.sandbox import SMALL, Fault, Handle, serve
from answerable.sandbox import company as c
from answerable.sandbox.history import World, world
from answerable.sandbox.repairs import BENCHES
from answerable.sandbox.truth import truth
from answerable.sandbox.x import XView
from answerable.sandbox.zendesk import ZendeskView
from answerable.settings import ROOT

TEN_DAYS = c.at("2025-12-11")
FIELDS = "author_id,conversation_id,created_at,in_reply_to_user_id,referenced_tweets,lang"


@pytest.fixture(scope="module")
def small() -> World:
    return world(c.DEFAULT_SEED, SMALL)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Handle]:
    with serve(size=SMALL, present="2025-12-11") as handle:
        yield handle


def desk_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.auth = (f"{c.ZENDESK_LOGIN}/token", c.ZENDESK_TOKEN)
    return session


def x_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {c.X_TOKEN}"
    return session


def everything(view: World, present: int) -> bytes:
    """All that both sources show, as bytes."""
    desk, x = ZendeskView(view, present), XView(view, present)
    return json.dumps(
        [
            desk.tickets, desk.ticket_events, desk.users, sorted(desk.identities.items()),
            desk.organizations, desk.groups, desk.group_memberships, desk.brands,
            desk.satisfaction_ratings, desk.ticket_metric_events,
            [x.tweet(post) for account in c.ACCOUNTS for _, post in x.mentions[account.id]],
            [x.tweet(post) for account in c.ACCOUNTS for _, post in x.posts[account.id]],
        ]
    ).encode()  # fmt: skip


# The world


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two = World(3, 0.3), World(3, 0.3)
    list(two.days_before(c.at("2026-01-05")))  # has looked further ahead already
    assert everything(one, TEN_DAYS) == everything(two, TEN_DAYS)
    assert everything(one, TEN_DAYS) != everything(World(4, 0.3), TEN_DAYS)


def test_a_later_present_only_adds(small: World) -> None:
    early, late = (
        {row[1]: row[2] for row in ZendeskView(small, present).ticket_events}
        for present in (TEN_DAYS, TEN_DAYS + 3 * c.DAY)
    )
    assert early.items() <= late.items()
    assert len(late) > len(early)
    before, after = XView(small, TEN_DAYS), XView(small, TEN_DAYS + 3 * c.DAY)
    assert set(before.by_id) < set(after.by_id)
    for post in {post.id: post for post in before.by_id.values()}.values():
        one, two = before.tweet(post), after.tweet(post)
        was, now = one.pop("public_metrics"), two.pop("public_metrics")
        assert all(was[name] <= now[name] for name in now)
        if one["edit_history_tweet_ids"] == two["edit_history_tweet_ids"]:
            assert one == two


def test_nothing_at_or_after_the_present_is_shown(small: World) -> None:
    for present in (TEN_DAYS, TEN_DAYS - 12 * 3_600 - 17):
        limit = c.iso(present)
        desk, x = ZendeskView(small, present), XView(small, present)
        for rows in (desk.tickets, desk.ticket_events, desk.users, desk.organizations):
            assert rows
            assert max(row[0] for row in rows) < present
        for _, _, ticket in desk.tickets:
            assert max(ticket["created_at"], ticket["updated_at"]) < limit
        for identities in desk.identities.values():
            assert all(one["created_at"] < limit for one in identities)
        for post in x.by_id.values():
            assert x.tweet(post)["created_at"] < limit


def test_a_changed_ticket_is_exported_anew_behind_the_old_cursor(small: World) -> None:
    early, late = (
        {row[1]: row for row in ZendeskView(small, present).tickets}
        for present in (TEN_DAYS, TEN_DAYS + c.DAY)
    )
    last = max(row[:2] for row in early.values())
    changed = [id_ for id_ in early if early[id_][2] != late[id_][2]]
    assert len(changed) > 30
    assert all(late[id_][:2] > last and late[id_][0] >= TEN_DAYS for id_ in changed)
    lagging = [row for row in late.values() if c.iso(row[0]) != row[2]["updated_at"]]
    assert len(lagging) > 20, "some are exported later than they were updated"


def test_ids_are_unique(small: World) -> None:
    days = list(small.days_before(c.at("2026-01-01")))
    posts = [version.id for day in days for post in day.posts for version in post.versions]
    children = [
        child["id"]
        for _, _, event in ZendeskView(small, c.at("2026-01-01")).ticket_events
        for child in (event, *event["child_events"])
    ]
    assert len(posts) == len(set(posts))
    assert len(children) == len(set(children))
    assert min(int(one) for one in posts) > 2**53


def test_ten_small_days_are_about_five_hundred_cases(small: World) -> None:
    told = truth(small, TEN_DAYS)
    assert 450 <= len(told.cases) <= 560
    assert 2_000 <= len(told.interactions) <= 2_600
    outcomes = Counter(one.outcome for one in told.verdicts.values())
    assert set(outcomes) == {"met", "breached", "running", "void", "no_policy"}


def test_the_small_world_holds_every_kind_of_story(small: World) -> None:
    tickets, posts = small.tickets_before(TEN_DAYS), small.posts_before(TEN_DAYS)
    changes = [
        change for ticket in tickets for audit in ticket.audits if audit.at < TEN_DAYS
        for change in audit.changes
    ]  # fmt: skip
    assert {ticket.via for ticket in tickets} == {
        "email", "web", "chat", "twitter", "voice", "api"
    }  # fmt: skip
    assert {one.value for one in changes if one.name == "status"} == {
        "new", "open", "pending", "hold", "solved", "closed", "deleted"
    }  # fmt: skip
    assert any((one.was, one.value) == ("solved", "open") for one in changes)
    assert any(one.name == "priority" and one.was is not None for one in changes)
    assert any(ticket.spam_from and ticket.spam_from < TEN_DAYS for ticket in tickets)
    assert any(ticket.lost and ticket.lost[1] < TEN_DAYS for ticket in tickets), "came back"
    by_id = {ticket.id: ticket for ticket in tickets}
    merges = [
        (one, by_id[one.merged_into])
        for one in tickets
        if one.merged_at and one.merged_at < TEN_DAYS
    ]
    assert {one.created_at < into.created_at for one, into in merges} == {True, False}
    assert any(into.merged_at and into.merged_at < TEN_DAYS for _, into in merges), "a chain"
    assert any(one.via != into.via for one, into in merges), "from one channel to another"
    assert any(one.merged_at - into.created_at > c.DAY for one, into in merges), "a day later"
    notes = [
        audit.comment for _, into in merges for audit in into.audits
        if audit.comment and audit.comment.merge_of
    ]  # fmt: skip
    assert {note.says_merge_by_via for note in notes} == {True, False}
    assert any(len(post.versions) > 1 for post in posts if post.person is None)
    assert any(not post.is_seen for post in posts)
    assert any(post.author_id == c.CEO.id and post.answers for post in posts)
    assert any(post.person is None and post.mentions for post in posts), "we mention ourselves"
    found = [post for post in posts if post.person is not None and not post.is_seen]
    answered = {post.replied_to for post in posts if post.person is None}
    assert any(post.id in answered for post in found), "found and answered"
    assert sum(post.id not in answered for post in found) > 10, "missed"
    assert any(len(post.versions) > 1 for post in found)
    talked = {(post.conversation_id, post.author_id) for post in posts if post.is_seen}
    assert any((p.conversation_id, p.author_id) in talked and p.id not in answered for p in found)
    pairs = Counter(
        conversation
        for conversation, _ in {
            (post.conversation_id, post.author_id)
            for post in posts
            if post.person is not None and post.is_seen
        }
    )
    assert max(pairs.values()) > 1, "several customers in one thread"


def test_metric_events_tell_of_every_clock_and_of_promises_to_groups(small: World) -> None:
    events = [row[2] for row in ZendeskView(small, TEN_DAYS).ticket_metric_events]
    kinds = {(one["metric"], one["type"]) for one in events}
    assert {type_ for _, type_ in kinds} == {
        "activate", "pause", "fulfill", "apply_sla", "apply_group_sla", "breach", "update_status"
    }  # fmt: skip
    assert ("group_ownership_time", "apply_group_sla") in kinds
    assert len({one["id"] for one in events}) == len(events)
    assert all(one["time"] < c.iso(TEN_DAYS) for one in events)
    handed_over = {one["ticket_id"] for one in events if one["instance_id"] > 1}
    assert len(handed_over) > 20


def test_our_people_are_those_of_the_policy_seeds() -> None:
    """The seeds are written by hand: where they and the simulation differ, no truth can hold."""
    folder = ROOT / "dbt_project" / "seeds" / "policy"
    with (folder / "agents_teams.csv").open(encoding="utf-8") as handle:
        seeds = {
            (row["agent"], row["team"], max(row["valid_from"], "2025-12-01"), row["valid_until"])
            for row in csv.DictReader(handle)
            if row["source"] in ("zendesk", "x")
        }
    acted = set()
    for one in (*c.AGENTS, *c.ACCOUNTS):
        starts = [since for since, _ in one.teams]
        ends = [*(c.iso(since)[:10] for since in starts[1:]), ""]
        for (since, team), until in zip(one.teams, ends, strict=False):
            acted.add((str(one.id), team, max(c.iso(since)[:10], "2025-12-01"), until))
    assert seeds == acted
    with (folder / "teams.csv").open(encoding="utf-8") as handle:
        assert {(row["team"], row["department"]) for row in csv.DictReader(handle)} == {
            *((group.name, group.department) for group in c.GROUPS),
            *BENCHES.items(),
        }


# Over HTTP


def test_the_ticket_export_is_complete_and_ends_by_its_own_word(
    sandbox: Handle, small: World
) -> None:
    session, url = desk_session(), f"http://127.0.0.1:{sandbox.port}"
    path = "/api/v2/incremental/tickets/cursor.json"
    found, query, pages = [], {"start_time": "0", "per_page": "50"}, 0
    while True:
        page = session.get(url + path, params=query).json()
        pages += 1
        found += page["tickets"]
        assert c.HOST in page["after_url"]
        if page["end_of_stream"]:
            break
        query = {"cursor": page["after_cursor"], "per_page": "50"}
    assert [one["id"] for one in found] == [row[1] for row in ZendeskView(small, TEN_DAYS).tickets]
    assert pages == -(-len(found) // 50)
    last = base64.b64decode(page["after_cursor"]).decode()
    assert last == f"{found[-1]['generated_timestamp']}.0||{found[-1]['id']}"
    again = session.get(url + path, params={"cursor": page["after_cursor"]}).json()
    assert (again["tickets"], again["end_of_stream"]) == ([], True)
    assert again["after_cursor"] == page["after_cursor"], "what one keeps between nights"


def test_the_event_export_repeats_its_last_second_and_is_complete(
    sandbox: Handle, small: World
) -> None:
    session, url = desk_session(), f"http://127.0.0.1:{sandbox.port}"
    found: list[int] = []
    start = 0
    while True:
        page = session.get(
            f"{url}/api/v2/incremental/ticket_events.json",
            params={"start_time": start, "include": "comment_events"},
        ).json()
        assert page["count"] == len(page["ticket_events"]) <= 1_000
        found += [one["id"] for one in page["ticket_events"]]
        if page["end_of_stream"]:
            break
        start = page["end_time"]
    expected = {row[1] for row in ZendeskView(small, TEN_DAYS).ticket_events}
    assert set(found) == expected
    assert len(found) > len(expected), "the second of each page's end came twice"


def test_lists_page_by_cursor_to_their_last_page(sandbox: Handle) -> None:
    session, url = desk_session(), f"http://127.0.0.1:{sandbox.port}"
    for name, count in (("groups", len(c.GROUPS)), ("group_memberships", 24), ("brands", 3)):
        found, query = [], {"page[size]": "4"}
        while True:
            page = session.get(f"{url}/api/v2/{name}.json", params=query).json()
            found += page[name]
            if not page["meta"]["has_more"]:
                break
            assert c.HOST in page["links"]["next"]
            query["page[after]"] = page["meta"]["after_cursor"]
        assert page["links"]["next"] is None
        assert len({one["id"] for one in found}) == len(found) == count


def test_users_come_with_their_identities(sandbox: Handle) -> None:
    session, url = desk_session(), f"http://127.0.0.1:{sandbox.port}"
    page = session.get(
        f"{url}/api/v2/incremental/users/cursor.json",
        params={"start_time": 0, "include": "identities"},
    ).json()
    owners = {one["id"] for one in page["users"]}
    assert {one["user_id"] for one in page["identities"]} == owners
    assert {"email", "twitter", "phone_number"} == {one["type"] for one in page["identities"]}


@pytest.mark.parametrize("kind", ["mentions", "tweets"])
def test_timelines_come_newest_first_with_short_pages_to_the_end(
    sandbox: Handle, small: World, kind: str
) -> None:
    session, url = x_session(), f"http://127.0.0.1:{sandbox.port}"
    view = XView(small, TEN_DAYS)
    short = 0
    for account in c.ACCOUNTS:
        found: list[int] = []
        query = {"max_results": "20", "tweet.fields": FIELDS, "expansions": "author_id"}
        while True:
            page = session.get(f"{url}/2/users/{account.id}/{kind}", params=query).json()
            ids = [int(one["id"]) for one in page["data"]]
            assert page["meta"]["result_count"] == len(ids)
            assert page["meta"]["newest_id"] == str(ids[0])
            authors = {one["author_id"] for one in page["data"]}
            assert authors == {one["id"] for one in page["includes"]["users"]}
            found += ids
            if "next_token" not in page["meta"]:
                break
            short += len(ids) < 20
            query["pagination_token"] = page["meta"]["next_token"]
        lists = view.mentions if kind == "mentions" else view.posts
        assert found == [number for number, _ in lists[account.id]]
        assert found == sorted(found, reverse=True)
        newer = session.get(
            f"{url}/2/users/{account.id}/{kind}",
            params={"since_id": str(found[0]), "max_results": "20"},
        ).json()
        assert newer == {"meta": {"result_count": 0}}
    assert short, "a short page is not the last"


def test_a_look_up_tells_what_is_missing_beside_what_is_there(
    sandbox: Handle, small: World
) -> None:
    session, url = x_session(), f"http://127.0.0.1:{sandbox.port}"
    there = next(post for post in small.posts_before(TEN_DAYS) if not post.is_seen)
    answer = session.get(f"{url}/2/tweets", params={"ids": f"{there.id},12"}).json()
    assert [one["id"] for one in answer["data"]] == [there.id]
    assert set(answer["data"][0]) == {"id", "text", "edit_history_tweet_ids"}, "as was asked"
    assert [one["resource_id"] for one in answer["errors"]] == ["12"]


def test_referenced_posts_of_strangers_are_there_or_gone(small: World) -> None:
    view = XView(small, TEN_DAYS)
    referred = {
        one["id"]
        for _, post in (*view.mentions[c.CARE.id], *view.posts[c.CARE.id])
        for one in view.tweet(post).get("referenced_tweets", ())
    }
    assert any(id_ not in view.by_id for id_ in referred)
    strangers = [view.by_id[id_] for id_ in referred if id_ in view.by_id]
    assert any(not post.is_seen for post in strangers)


def test_who_may_not_read_gets_401_and_no_data(sandbox: Handle) -> None:
    url = f"http://127.0.0.1:{sandbox.port}"
    plain = requests.Session()
    plain.trust_env = False
    for path in ("/api/v2/groups.json", f"/2/users/{c.CARE.id}/mentions"):
        assert plain.get(url + path).status_code == 401
        wrong = plain.get(url + path, headers={"Authorization": "Bearer nonsense"})
        assert wrong.status_code == 401
        assert "data" not in wrong.json() and "groups" not in wrong.json()


@pytest.mark.parametrize(
    ("path", "session", "status"),
    [
        ("/api/v2/nothing.json", desk_session, 404),
        ("/api/v2/incremental/tickets/cursor.json", desk_session, 400),
        ("/api/v2/incremental/tickets/cursor.json?cursor=nonsense", desk_session, 400),
        ("/api/v2/incremental/ticket_events.json?start_time=soon", desk_session, 400),
        ("/2/users/1402000000000000101/mentions?max_results=101", x_session, 400),
        ("/2/users/1402000000000000101/tweets?tweet.fields=nonsense", x_session, 400),
        ("/2/tweets", x_session, 400),
        ("/2/nothing", x_session, 404),
    ],
)
def test_a_wrong_request_is_refused(sandbox: Handle, path: str, session, status: int) -> None:
    assert session().get(f"http://127.0.0.1:{sandbox.port}{path}").status_code == status


def test_the_present_can_move_on() -> None:
    with serve(size=0.2, present="2025-12-03") as handle:
        url = f"http://127.0.0.1:{handle.port}/api/v2/incremental/tickets/cursor.json"
        first = desk_session().get(url, params={"start_time": 0}).json()
        handle.move_to(datetime(2025, 12, 4, tzinfo=UTC))
        second = desk_session().get(url, params={"cursor": first["after_cursor"]}).json()
    assert first["tickets"]
    assert second["tickets"]
    assert min(one["generated_timestamp"] for one in second["tickets"]) >= c.at("2025-12-03")


def test_faults_strike_where_they_were_asked_for() -> None:
    soon = format_datetime(datetime(2030, 1, 1, tzinfo=UTC), usegmt=True)
    faults = [
        Fault("groups", status=429, headers={"Retry-After": "1"}),
        Fault("groups", status=429, headers={"Retry-After": soon}, nth=2),
        Fault("groups", status=500, nth=3),
        Fault("groups", "cut", nth=4),
        Fault("groups", "reset", nth=5),
        Fault("groups", "html", nth=6),
        Fault("groups", "empty", nth=7),
        Fault("groups", "short", nth=8),
        Fault("brands", "duplicate", nth=2),
    ]
    with serve(size=0.1, present="2025-12-02", faults=faults) as handle:
        url = f"http://127.0.0.1:{handle.port}/api/v2"
        session = desk_session()
        for header in ("1", soon):
            limited = session.get(f"{url}/groups.json")
            assert (limited.status_code, limited.headers["Retry-After"]) == (429, header)
        assert session.get(f"{url}/groups.json").status_code == 500
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            session.get(f"{url}/groups.json")
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(f"{url}/groups.json")
        assert session.get(f"{url}/groups.json").headers["Content-Type"] == "text/html"
        assert session.get(f"{url}/groups.json").content == b""
        with pytest.raises(requests.exceptions.JSONDecodeError):
            session.get(f"{url}/groups.json").json()
        assert len(session.get(f"{url}/groups.json").json()["groups"]) == len(c.GROUPS)
        first = session.get(f"{url}/brands.json", params={"page[size]": 1}).json()
        after = {"page[size]": 1, "page[after]": first["meta"]["after_cursor"]}
        assert session.get(f"{url}/brands.json", params=after).json() == first
        assert session.get(f"{url}/brands.json", params=after).json() != first
        assert [status for target, status in handle.requests if "groups" in target] == [
            429, 429, 500, 200, 0, 200, 200, 200, 200
        ]  # fmt: skip
