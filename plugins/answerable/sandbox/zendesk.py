"""The help desk's API over a world: Zendesk Support's paths, paging and bodies.

`answer` is a function of the view, the path and the query; HTTP is the server's matter. Times and
ids follow recorded exchanges: links name another host than the one asked, the cursor is the
base64 of `generated_timestamp||id`, time-based pages repeat their last second.
"""

import base64
import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from . import promises
from .company import (
    ADMIN_ID,
    AGENTS,
    BEFORE_HISTORY,
    BOT_ID,
    BRANDS,
    GROUP,
    GROUPS,
    HOST,
    ORGANIZATIONS,
    SYSTEM_ID,
    User,
    at,
    iso,
)
from .history import World
from .metrics import metric_events
from .ratings import rating_of
from .records import Audit, Comment, Rating, Ticket

Json = dict[str, Any]
Row = tuple[int, int, Json]  # when it was exported, its id, the record

PAGE_LIMIT = 1_000
_CHANNEL_WORDS = {
    "email": "Mail",
    "web": "Web form",
    "chat": "Chat",
    "twitter": "Twitter",
    "voice": "Voicemail",
    "api": "Web service",
}


class Refused(Exception):
    """The request is answered with an error: a status and a body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class ZendeskView:
    """What the help desk shows at a present. Lists are made when first asked for, and kept."""

    def __init__(self, world: World, present: int) -> None:
        self.world = world
        self.present = present
        self._since: dict[tuple[str, int], list[Json]] = {}

    def since(self, name: str, start: int) -> list[Json]:
        """The records of a list that are not older than the start; kept, for page upon page."""
        if (name, start) not in self._since:
            self._since[name, start] = [row[2] for row in getattr(self, name) if row[0] >= start]
        return self._since[name, start]

    @cached_property
    def tickets(self) -> list[Row]:
        rows = [_ticket(one, self.present) for one in self.world.tickets_before(self.present)]
        return sorted(rows, key=lambda row: row[:2])

    @cached_property
    def ticket_events(self) -> list[Row]:
        rows = [
            (audit.at, audit.id, _event(ticket, audit, is_first=audit is ticket.audits[0]))
            for ticket in self.world.tickets_before(self.present)
            for audit in ticket.audits
            if audit.at < self.present
        ]
        # within a second the export has no useful order
        return sorted(rows, key=lambda row: (row[0], row[1] * 2_654_435_761 % 4_294_967_296))

    @cached_property
    def users(self) -> list[Row]:
        rows = [_agent(*facts, self.present) for facts in _staff()]
        rows += [
            _user(user, self.present)
            for person in self.world.people_before(self.present)
            for user in person.users
            if user.created_at < self.present
        ]
        return sorted(rows, key=lambda row: row[:2])

    @cached_property
    def identities(self) -> dict[int, list[Json]]:
        found = {
            row[2]["id"]: [_staff_identity(row[2])] for row in (_agent(*f, 0) for f in _staff())
        }
        for person in self.world.people_before(self.present):
            for user in person.users:
                if user.created_at < self.present:
                    found[user.id] = _identities(user, self.present)
        return found

    @cached_property
    def organizations(self) -> list[Row]:
        return [
            (one.created_at, one.id, _organization(one))
            for one in ORGANIZATIONS
            if one.created_at < self.present
        ]

    @cached_property
    def satisfaction_ratings(self) -> list[Row]:
        """When it was offered, its id, the record; by id, as the list is paged."""
        found = [(one, rating_of(self.world.seed, one)) for one in self._tickets]
        rows = [
            (rating.said[0].at, rating.id, _rating(rating, ticket, self.present))
            for ticket, rating in found
            if rating and rating.said[0].at < self.present
        ]
        return sorted(rows, key=lambda row: row[1])

    @cached_property
    def ticket_metric_events(self) -> list[Row]:
        """When it happened, its id, the event; by id, as the export pages by cursor."""
        rows = [
            (at(one["time"][:-1]), one["id"], one)
            for ticket in self._tickets
            for one in metric_events(ticket, self.present)
        ]
        return sorted(rows, key=lambda row: row[1])

    @cached_property
    def ticket_audits(self) -> list[Row]:
        """Newest first; what is deleted is not shown any more."""
        rows = [
            (audit.at, audit.id, _audit(ticket, audit, is_first=audit is ticket.audits[0]))
            for ticket in self._tickets
            if ticket.gone_since(self.present) is None
            for audit in ticket.audits
            if audit.at < self.present
        ]
        return sorted(rows, key=lambda row: row[:2], reverse=True)

    @cached_property
    def _tickets(self) -> list[Ticket]:
        return self.world.tickets_before(self.present)

    @cached_property
    def groups(self) -> list[Json]:
        return [
            _base("groups", one.id, BEFORE_HISTORY, BEFORE_HISTORY)
            | {
                "is_public": True,
                "name": one.name,
                "description": "",
                "default": False,
                "deleted": False,
            }
            for one in GROUPS
        ]

    @cached_property
    def group_memberships(self) -> list[Json]:
        rows = []
        for number, agent in enumerate(AGENTS):
            held = agent.team_at(self.present - 1)
            for turn, (since, team) in enumerate(agent.teams):
                if team == held and since < self.present:
                    rows.append(
                        _base("group_memberships", 361000000000 + number * 10 + turn, since, since)
                        | {"user_id": agent.id, "group_id": GROUP[team].id, "default": True}
                    )
        return rows

    @cached_property
    def brands(self) -> list[Json]:
        return [
            _base("brands", one.id, BEFORE_HISTORY, BEFORE_HISTORY)
            | {
                "name": one.name,
                "brand_url": f"https://{HOST}",
                "subdomain": one.key,
                "has_help_center": False,
                "active": True,
                "default": one is BRANDS[0],
                "is_deleted": False,
                "logo": None,
                "ticket_form_ids": [],
                "signature_template": "{{agent.signature}}",
            }
            for one in BRANDS
        ]


def answer(view: ZendeskView, path: str, query: Mapping[str, str]) -> Json:
    """The body for a path below the host. Raises Refused where Zendesk answers with an error."""
    match path.removesuffix(".json"):
        case "/api/v2/incremental/tickets/cursor":
            return _cursor_page("tickets", view.tickets, path, query)
        case "/api/v2/incremental/users/cursor":
            page = _cursor_page("users", view.users, path, query)
            if "identities" in query.get("include", "").split(","):
                page["identities"] = [
                    one for user in page["users"] for one in view.identities[user["id"]]
                ]
            return page
        case "/api/v2/incremental/ticket_events":
            page = _time_page("ticket_events", view.ticket_events, path, query)
            if "comment_events" not in query.get("include", "").split(","):
                page["ticket_events"] = [_without_comment(one) for one in page["ticket_events"]]
            return page
        case "/api/v2/incremental/organizations":
            return _time_page("organizations", view.organizations, path, query)
        case "/api/v2/incremental/ticket_metric_events":
            rows = view.since("ticket_metric_events", _number(query, "start_time", 0, 0, None))
            return _list_page("ticket_metric_events", rows, path, query)
        case "/api/v2/satisfaction_ratings":
            rows = view.since("satisfaction_ratings", _number(query, "start_time", 0, 0, None))
            return _list_page("satisfaction_ratings", rows, path, query)
        case "/api/v2/slas/policies":
            found = promises.sla_policies(view.present)
            return {
                "sla_policies": found,
                "next_page": None,
                "previous_page": None,
                "count": len(found),
            }
        case "/api/v2/group_slas/policies":
            found = promises.group_sla_policies(view.present)
            return {
                "group_sla_policies": found,
                "next_page": None,
                "previous_page": None,
                "count": len(found),
            }
        case "/api/v2/ticket_audits":
            return _audits_page(view.ticket_audits, path, query)
        case "/api/v2/business_hours/schedules":
            return {"schedules": promises.schedules(view.present), "url": _link(path, {})}
        case "/api/v2/groups":
            return _list_page("groups", view.groups, path, query)
        case "/api/v2/group_memberships":
            return _list_page("group_memberships", view.group_memberships, path, query)
        case "/api/v2/brands":
            return _list_page("brands", view.brands, path, query)
    if of_schedule := re.fullmatch(r"/api/v2/business_hours/schedules/(\d+)/holidays.json", path):
        free = promises.holidays(int(of_schedule[1]))
        if free is not None:
            return {"holidays": free, "url": _link(path, {})}
    raise Refused(404, {"error": "InvalidEndpoint", "description": "Not found"})


# Paging


def _cursor_page(name: str, rows: list[Row], path: str, query: Mapping[str, str]) -> Json:
    size = _number(query, "per_page", PAGE_LIMIT, 1, PAGE_LIMIT)
    cursor = query.get("cursor")
    if cursor:
        after = _read_cursor(cursor)
        left = [row for row in rows if row[:2] > after]
    elif "start_time" in query:
        start = _number(query, "start_time", 0, 0, None)
        left = [row for row in rows if row[0] >= start]
    else:
        raise Refused(
            400, {"error": "StartTimeMissing", "description": "Required parameter: start_time"}
        )
    page = left[:size]
    if page:
        cursor = _cursor(page[-1][0], page[-1][1])
    kept = {key: value for key, value in query.items() if key not in ("cursor", "start_time")}
    return {
        name: [row[2] for row in page],
        "after_url": _link(path, {"cursor": cursor, **kept}) if cursor else None,
        "after_cursor": cursor,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": len(left) <= size,
    }


def _time_page(name: str, rows: list[Row], path: str, query: Mapping[str, str]) -> Json:
    if "start_time" not in query:
        raise Refused(
            400, {"error": "StartTimeMissing", "description": "Required parameter: start_time"}
        )
    start = _number(query, "start_time", 0, 0, None)
    size = _number(query, "per_page", PAGE_LIMIT, 1, PAGE_LIMIT)
    left = [row for row in rows if row[0] >= start]
    page = left[:size]
    end = page[-1][0] if page else None
    kept = {key: value for key, value in query.items() if key != "start_time"}
    return {
        name: [row[2] for row in page],
        "next_page": _link(path, {"start_time": end, **kept}) if page else None,
        "count": len(page),
        "end_of_stream": len(left) <= size,
        "end_time": end,
    }


def _list_page(name: str, rows: list[Json], path: str, query: Mapping[str, str]) -> Json:
    if "page[size]" in query:
        size = _number(query, "page[size]", 100, 1, 100)
        after = query.get("page[after]")
        start = 0
        if after:
            start = bisect_right(rows, _read_cursor(after)[1], key=lambda row: row["id"])
        page = rows[start : start + size]
        more = start + size < len(rows)
        cursor = _cursor(0, page[-1]["id"]) if page else None
        return {
            name: page,
            "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": after},
            "links": {
                "prev": None,
                "next": _link(path, {"page[after]": cursor, "page[size]": size}) if more else None,
            },
        }
    size = _number(query, "per_page", 100, 1, 100)
    number = _number(query, "page", 1, 1, None)
    page = rows[(number - 1) * size : number * size]
    more = number * size < len(rows)
    return {
        name: page,
        "next_page": _link(path, {"page": number + 1, "per_page": size}) if more else None,
        "previous_page": None,
        "count": len(rows),
    }


def _audits_page(rows: list[Row], path: str, query: Mapping[str, str]) -> Json:
    size = _number(query, "page[size]", 100, 1, 100)
    after = query.get("page[after]")
    left = rows
    if after:
        instant, id_ = _read_cursor(after)
        left = [row for row in rows if row[:2] < (instant, id_)]
    page, more = left[:size], len(left) > size
    cursor = _cursor(page[-1][0], page[-1][1]) if page else None
    return {
        "audits": [row[2] for row in page],
        "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": after},
        "links": {
            "prev": None,
            "next": _link(path, {"page[after]": cursor, "page[size]": size}) if more else None,
        },
    }


def _cursor(instant: int, id_: int) -> str:
    return base64.b64encode(f"{instant}.0||{id_}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[int, int]:
    try:
        instant, id_ = base64.b64decode(cursor, validate=True).decode().split("||")
        return int(float(instant)), int(id_)
    except (ValueError, binascii.Error) as error:
        raise Refused(
            400, {"error": "InvalidCursor", "description": "The cursor is not valid"}
        ) from error


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    try:
        value = int(query.get(name, default))
    except ValueError as error:
        raise Refused(
            400, {"error": "InvalidValue", "description": f"{name} must be an integer"}
        ) from error
    if value < least:
        raise Refused(400, {"error": "InvalidValue", "description": f"{name} is too small"})
    return value if most is None else min(value, most)


def _link(path: str, query: Mapping[str, object]) -> str:
    """A link as recordings show it: on another host than the one asked."""
    return f"https://{HOST}{path}?{urlencode(query, quote_via=quote)}"


# Records


def _base(kind: str, id_: int, created_at: int, updated_at: int) -> Json:
    return {
        "url": f"https://{HOST}/api/v2/{kind}/{id_}.json",
        "id": id_,
        "created_at": iso(created_at),
        "updated_at": iso(updated_at),
    }


def _ticket(ticket: Ticket, present: int) -> Row:
    state: dict[str, int | str | None] = {}
    updated = ticket.created_at
    description = ""
    for audit in ticket.audits:
        if audit.at >= present:
            break
        updated = audit.at
        state.update({change.name: change.value for change in audit.changes})
        if audit.comment and not description:
            description = audit.comment.text
    generated = max([updated, *(touch for touch in ticket.touches if touch < present)])
    tags = ["new_shop", *_topic_tags(ticket)] if ticket.id % 7 == 0 else _topic_tags(ticket)
    if ticket.merged_at is not None and ticket.merged_at < present:
        tags = [*tags, "closed_by_merge"]
    subject = ticket.subject
    if ticket.spam_from is not None and ticket.spam_from < present:
        tags = [*tags, "spam"]
    if ticket.scrubbed_at is not None and ticket.scrubbed_at < present:
        subject = description = "SCRUBBED"
        tags = []
    return (
        generated,
        ticket.id,
        _base("tickets", ticket.id, ticket.created_at, updated)
        | {
            "external_id": None,
            "via": _via(ticket.via),
            "generated_timestamp": generated,
            "type": ticket.kind,
            "subject": subject,
            "raw_subject": subject,
            "description": description,
            "priority": state.get("priority"),
            "status": state["status"],
            "recipient": "support@tidewell.example" if ticket.via == "email" else None,
            "requester_id": ticket.requester_id,
            "submitter_id": ticket.submitter_id,
            "assignee_id": state.get("assignee_id"),
            "organization_id": ticket.organization_id,
            "group_id": state.get("group_id"),
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [],
            "forum_topic_id": None,
            "problem_id": None,
            "has_incidents": False,
            "is_public": True,
            "due_at": None,
            "tags": tags,
            "custom_fields": [],
            "satisfaction_rating": {"score": "unoffered"},
            "sharing_agreement_ids": [],
            "fields": [],
            "followup_ids": [],
            "ticket_form_id": 360000700001,
            "brand_id": ticket.brand_id,
            "allow_channelback": ticket.via == "twitter",
            "allow_attachments": True,
            "from_messaging_channel": False,
        },
    )


def _rating(rating: Rating, ticket: Ticket, present: int) -> Json:
    said = [one for one in rating.said if one.at < present][-1]
    held: dict[str, int | str | None] = {}
    for audit in ticket.audits:
        if audit.at <= said.at:
            held.update({change.name: change.value for change in audit.changes})
    is_bad = said.score == "bad"
    return _base("satisfaction_ratings", rating.id, rating.said[0].at, said.at) | {
        "assignee_id": held.get("assignee_id"),
        "group_id": held.get("group_id"),
        "requester_id": ticket.requester_id,
        "ticket_id": ticket.id,
        "score": f"{said.score}_with_comment" if said.comment else said.score,
        "comment": said.comment,
        "reason": "The issue took too long to resolve" if is_bad else "No reason provided",
        "reason_id": 5,
        "reason_code": 5 if is_bad else 0,
    }


def _topic_tags(ticket: Ticket) -> list[str]:
    return [f"topic_{ticket.topic}"] if ticket.topic else []


def _via(channel: str) -> Json:
    return {"channel": channel, "source": {"from": {}, "to": {}, "rel": None}}


def _event(ticket: Ticket, audit: Audit, *, is_first: bool) -> Json:
    comment = audit.comment
    carried = comment.channel_message_id if comment else None
    if audit.updater_id == SYSTEM_ID:
        via = "Rule"
    elif is_first or carried or audit.updater_id == ticket.requester_id:
        via = _CHANNEL_WORDS[ticket.via]
    else:
        via = "Web form"
    channel = ticket.via if carried or audit.updater_id == ticket.requester_id else "web"
    children: list[Json] = []
    if comment:
        children.append(_comment(comment, audit, channel))
    fields: list[tuple[Json, bool]] = []
    if is_first:
        fields += [
            ({"subject": ticket.subject}, False),
            ({"type": ticket.kind}, False),
            ({"requester_id": ticket.requester_id}, False),
            ({"brand_id": ticket.brand_id}, False),
            ({"tags": _topic_tags(ticket)}, False),
        ]
        if ticket.organization_id:
            fields.append(({"organization_id": ticket.organization_id}, True))
        fields += [
            ({change.name: change.value}, change.by_rule)
            for change in audit.changes
            if change.value is not None
        ]
    else:
        fields += [
            ({change.name: change.value, "previous_value": change.was}, change.by_rule)
            for change in audit.changes
        ]
        told = {ticket.spam_from: "spam", ticket.merged_at: "closed_by_merge"}
        if audit.at in told and any(change.name == "status" for change in audit.changes):
            tags = _topic_tags(ticket)
            fields.append(({"tags": [*tags, told[audit.at]], "previous_value": tags}, False))
    for position, (field, by_rule) in enumerate(fields, start=2):
        children.append(
            {
                "id": audit.id + position,
                "via": "Rule" if by_rule else via,
                "via_reference_id": 360000900001 if by_rule else None,
                **field,
                "event_type": "Create" if is_first else "Change",
            }
        )
    return {
        "id": audit.id,
        "ticket_id": ticket.id,
        "timestamp": audit.at,
        "created_at": iso(audit.at),
        "updater_id": audit.updater_id,
        "via": via,
        "system": {
            "client": "Sandbox/1.0",
            "ip_address": f"192.0.2.{audit.id % 250 + 1}",
            "location": "Nowhere",
            "latitude": 0.0,
            "longitude": 0.0,
        },
        "metadata": {
            "system": {},
            "custom": {"channel_message_id": carried} if carried else {},
        },
        "event_type": "Audit",
        "child_events": children,
    }


_ROUTING = {"id": 360000900001, "title": "Route by topic", "deleted": False}
_CLOSING = {"id": 360000900002, "title": "Close four days after solved", "deleted": False}
_OF_EACH_CHILD = ("id", "via", "via_reference_id", "previous_value", "event_type")


def _audit(ticket: Ticket, audit: Audit, *, is_first: bool) -> Json:
    """The same update as audits tell it: values as texts, and which rule changed what."""
    told = _event(ticket, audit, is_first=is_first)
    via = _via("web")
    if audit.updater_id == SYSTEM_ID:
        via = _by_rule(_CLOSING, "automation")
    events: list[Json] = []
    for child in told["child_events"]:
        if child["event_type"] == "Comment":
            events.append({key: value for key, value in child.items() if key != "event_type"})
            continue
        name = next(key for key in child if key not in _OF_EACH_CHILD)
        event = {"id": child["id"], "type": child["event_type"], "field_name": name}
        event["value"] = _as_text(child[name])
        if not is_first:
            event["previous_value"] = _as_text(child["previous_value"])
        if child["via_reference_id"]:
            event["via"] = _by_rule(_ROUTING, "trigger")
        events.append(event)
    return {
        "id": audit.id,
        "ticket_id": ticket.id,
        "created_at": iso(audit.at),
        "author_id": audit.updater_id,
        "metadata": told["metadata"],
        "via": via,
        "events": events,
    }


def _by_rule(rule: Json, rel: str) -> Json:
    return {"channel": "rule", "source": {"to": {}, "from": rule, "rel": rel}}


def _as_text(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else str(value)


def _comment(comment: Comment, audit: Audit, channel: str) -> Json:
    via = _via(channel)
    if comment.says_merge_by_via:
        via["source"] |= {"from": {"ticket_ids": list(comment.merge_of)}, "rel": "merge"}
    return {
        "id": comment.id,
        "via": via,
        "via_reference_id": None,
        "type": "Comment",
        "author_id": comment.author_id,
        "body": comment.text,
        "html_body": f'<div class="zd-comment" dir="auto">{html.escape(comment.text)}</div>',
        "plain_body": comment.text,
        "public": comment.is_public,
        "attachments": [],
        "audit_id": audit.id,
        "created_at": iso(audit.at),
        "event_type": "Comment",
    }


def _without_comment(event: Json) -> Json:
    """What the export says of a comment where its text was not asked for."""
    children = [
        {
            "id": child["id"],
            "via": event["via"],
            "via_reference_id": None,
            "comment_present": True,
            "comment_public": child["public"],
            "event_type": "Comment",
        }
        if child["event_type"] == "Comment"
        else child
        for child in event["child_events"]
    ]
    return event | {"child_events": children}


def _user_row(
    id_: int, name: str, email: str, created: int, updated: int, role: str, **more: object
) -> Row:
    return (
        updated,
        id_,
        _base("users", id_, created, updated)
        | {
            "name": name,
            "email": email,
            "time_zone": "London",
            "iana_time_zone": "Europe/London",
            "phone": None,
            "shared_phone_number": None,
            "photo": None,
            "locale_id": 1176,
            "locale": "en-GB",
            "organization_id": None,
            "role": role,
            "verified": True,
            "external_id": None,
            "tags": [],
            "alias": "",
            "active": True,
            "shared": False,
            "shared_agent": False,
            "last_login_at": None,
            "signature": None,
            "details": "",
            "notes": "",
            "role_type": None,
            "custom_role_id": None,
            "moderator": False,
            "ticket_restriction": None,
            "only_private_comments": False,
            "restricted_agent": False,
            "suspended": False,
            "default_group_id": None,
            "report_csv": False,
            "user_fields": {},
        }
        | more,
    )


def _user(user: User, present: int) -> Row:
    known = [one for one in user.identities if one.since < present]
    phones = [one.value for one in known if one.kind == "phone_number"]
    return _user_row(
        user.id,
        user.name,
        user.identities[0].value,
        user.created_at,
        max(change for change in user.changes if change < present),
        "end-user",
        phone=phones[0] if phones else None,
        organization_id=user.organization.id if user.organization else None,
    )


def _identities(user: User, present: int) -> list[Json]:
    return [
        {
            "url": f"https://{HOST}/api/v2/users/{user.id}/identities/{one.id}.json",
            "id": one.id,
            "user_id": user.id,
            "type": one.kind,
            "value": one.value,
            "verified": True,
            "primary": one.is_primary,
            "created_at": iso(one.since),
            "updated_at": iso(one.since),
            "undeliverable_count": 0,
            "deliverable_state": "deliverable",
        }
        for one in user.identities
        if one.since < present
    ]


def _staff() -> list[tuple[int, str, str, str, tuple[tuple[int, str], ...]]]:
    people = [(one.id, one.name, "agent", "", one.teams) for one in AGENTS]
    return [
        *people,
        (ADMIN_ID, "Help Desk Admin", "admin", "", ()),
        (BOT_ID, "Robin (automatic answers)", "agent", "bot", ()),
    ]


def _agent(
    id_: int, name: str, role: str, tag: str, teams: tuple[tuple[int, str], ...], present: int
) -> Row:
    held = [(since, team) for since, team in teams if since < present]
    updated = max([BEFORE_HISTORY, *(since for since, _ in held)])
    email = name.lower().replace(" (", ".").replace(" ", ".").replace(")", "")
    return _user_row(
        id_,
        name,
        f"{email}@tidewell.example",
        BEFORE_HISTORY,
        updated,
        role,
        tags=[tag] if tag else [],
        default_group_id=GROUP[held[-1][1]].id if held else None,
    )


def _staff_identity(user: Json) -> Json:
    return {
        "url": f"https://{HOST}/api/v2/users/{user['id']}/identities/{user['id'] + 10**12}.json",
        "id": user["id"] + 10**12,
        "user_id": user["id"],
        "type": "email",
        "value": user["email"],
        "verified": True,
        "primary": True,
        "created_at": user["created_at"],
        "updated_at": user["created_at"],
        "undeliverable_count": 0,
        "deliverable_state": "deliverable",
    }


def _organization(one: Any) -> Json:
    return _base("organizations", one.id, one.created_at, one.created_at) | {
        "name": one.name,
        "shared_tickets": False,
        "shared_comments": False,
        "external_id": None,
        "domain_names": [],
        "details": "",
        "notes": "",
        "group_id": None,
        "tags": [],
        "organization_fields": {"tier": one.tier},
        "deleted_at": None,
    }
