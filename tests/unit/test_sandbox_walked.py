"""Our own client walks the sandbox and comes home with all of it: night after night, too."""

import json

import pytest

from answerable.runtime.sandbox import account
from answerable.sandbox import SMALL, Fault, serve
from answerable.sandbox import company as c
from answerable.sandbox.history import world
from answerable.sandbox.x import XView
from answerable.sandbox.zendesk import ZendeskView
from answerable.sources import Connection, stream
from answerable.sources.http import Client, Limits
from answerable.sources.paging import Start, walk

DESK = (
    "tickets", "ticket_events", "users", "groups", "group_memberships", "organizations", "brands",
    "ticket_metric_events", "satisfaction_ratings", "sla_policies", "group_sla_policies",
    "ticket_audits", "schedules",
)  # fmt: skip


class Nights:
    """What several nights of walks have brought, by stream and key; the newest version of each."""

    def __init__(self, served: dict[str, str]) -> None:
        self.clients = {}
        self.connections = {}
        for kind in ("zendesk", "x"):
            connection = Connection.from_dict(account(kind, served))
            self.connections[kind] = connection
            self.clients[kind] = Client(connection, Limits.of(connection), sleep=lambda _: None)
        self.cursors: dict[str, str | None] = {}
        self.records: dict[str, dict[str, tuple]] = {}

    def walk(self, kind: str, name: str) -> None:
        connection = self.connections[kind]
        known = {key for rows in self.records.values() for key in rows}
        start = Start(
            cursor=self.cursors.get(name),
            extra=connection.extra,
            known=lambda ids: known & set(ids),
        )
        for page in walk(stream(kind, name), start, self.clients[kind].get):
            described = stream(kind, page.stream)
            rows = self.records.setdefault(page.stream, {})
            for text in page.records:
                record = json.loads(text)
                key, version = described.key_of(record), described.version_of(record)
                if key not in rows or rows[key][0] <= version:
                    rows[key] = (version, record)
            self.cursors[page.stream] = page.cursor_to or self.cursors.get(page.stream)

    def night(self) -> None:
        for name in DESK:
            self.walk("zendesk", name)
        for name in ("mentions", "search", "posts"):
            self.walk("x", name)


def expected(present: int) -> dict[str, set[str]]:
    small = world(c.DEFAULT_SEED, SMALL)
    desk, x = ZendeskView(small, present), XView(small, present)
    seen = {str(post.id) for post in small.posts_before(present)}
    timelines = {
        name: {post.id for account in c.ACCOUNTS for _, post in lists[account.id]}
        for name, lists in (("mentions", x.mentions), ("posts", x.posts))
    }
    timelines["search"] = {
        post.id for query in c.X_EXTRA["search"].values() for _, post in x.found(query)
    }
    return {
        **{
            name: {str(row[1]) for row in getattr(desk, name)}
            for name in (
                "tickets",
                "ticket_events",
                "users",
                "organizations",
                "satisfaction_ratings",
                "ticket_metric_events",
            )
        },
        **{
            name: {str(row["id"]) for row in getattr(desk, name)}
            for name in ("groups", "group_memberships", "brands")
        },
        **timelines,
        "referenced_posts": seen.difference(*timelines.values()),
    }


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [
            Fault("tickets/cursor", status=429, headers={"Retry-After": "1"}),
            Fault("ticket_events", status=500),
            Fault("ticket_events", "empty", nth=3),
            Fault("users", "duplicate", nth=4),
            Fault("users", "cut", nth=2),
            Fault("group_memberships", "html", nth=2),
            Fault("mentions", "reset", nth=2),
            Fault("ticket_events", "duplicate", nth=3),
            Fault("mentions", "duplicate", nth=5),
            Fault("tweets", "short", nth=3),
        ],
    ],
    ids=["undisturbed", "disturbed"],
)
def test_three_nights_bring_every_record_in_its_newest_version(faults: list[Fault]) -> None:
    presents = [c.at(f"2025-12-{day:02d}") for day in (7, 8, 11)]
    with serve(size=SMALL, faults=faults) as handle:
        nights = Nights(handle.airflow_connections())
        for present in presents:
            handle.move_to(c.utc(present))
            nights.night()
            wanted = expected(present)
            for name, keys in wanted.items():
                found = set(nights.records[name])
                if name == "group_memberships":  # a list tells nothing of what is gone
                    found &= keys
                if name == "referenced_posts":  # looked up before its own walk came to it: fine
                    found -= wanted["mentions"] | wanted["posts"] | wanted["search"]
                assert found == keys, name
    view = ZendeskView(world(c.DEFAULT_SEED, SMALL), presents[-1])
    # what happened to a ticket while it was deleted lies before the walk when the ticket comes back
    came_back = {
        str(audit.id)
        for ticket in world(c.DEFAULT_SEED, SMALL).tickets_before(presents[-1])
        if any(ticket.gone_since(present) is not None for present in presents[:-1])
        for audit in ticket.audits
    }
    told = {str(row[1]) for row in view.ticket_audits} - came_back
    assert told < set(nights.records["ticket_audits"]) < set(nights.records["ticket_events"]), (
        "of tickets that were deleted since, none come any more, and what came stays"
    )
    for name in ("tickets", "satisfaction_ratings", "ticket_metric_events"):
        newest = {str(row[1]): row[2] for row in getattr(view, name)}
        assert {key: record for key, (_, record) in nights.records[name].items()} == newest


def test_lists_without_history_come_whole_each_night() -> None:
    with serve(size=0.02) as handle:
        nights = Nights(handle.airflow_connections())
        seen = []
        for present in ("2025-12-06", "2025-12-07", "2026-01-13"):
            handle.move_to(present)
            for name in ("sla_policies", "schedules"):
                nights.walk("zendesk", name)
            seen.append(
                [nights.records[name]["all"][1][name] for name in ("sla_policies", "schedules")]
            )
    targets = [
        {each["title"]: each["policy_metrics"][0]["target"] for each in policies}
        for policies, _ in seen
    ]
    usual = {"Mail": 480, "Chat": 5}
    assert targets == [
        {**usual, "X": 120, "Nookly forms": 720},
        {**usual, "X": 60, "Nookly forms": 720},
        {**usual, "X": 60},  # what is gone is not there
    ]
    ends = [
        {each["name"]: each["intervals"][-1]["end_time"] % 1440 for each in schedules}
        for _, schedules in seen
    ]
    assert ends[0] == ends[1] == {"Support hours": 1050, "Social hours": 1200, "Voice hours": 780}
    assert ends[2] == ends[0] | {"Social hours": 1320}
    free = {each["name"]: len(each["_holidays"]) for each in seen[0][1]}
    assert free == {"Support hours": 2, "Social hours": 1, "Voice hours": 2}
