"""Zendesk Support: what its API offers, as descriptions.

Facts: tickets and users come by the cursor export, sorted by when Zendesk generated the row, not
by `updated_at`; the time-based exports repeat their last second on every page.
"""

from answerable.sources.stream import Stream

_EXPORT = {"page_size": 1000, "page_size_param": "per_page", "requests_per_minute": 10}
_LIST = {
    "paging": "cursor_list",
    "cursor": "none: the whole list is walked every time",
    "page_size": 100,
    "page_size_param": "page[size]",
    "requests_per_minute": 200,
    "window": "whole list",
    "deletion": "absent from the list; not told from one that was never there",
    "version_field": "updated_at",
    "version": "instant",
}
_ROW = {"id": "id!", "created_at": "instant"}

STREAMS: tuple[Stream, ...] = (
    Stream(
        kind="zendesk",
        name="tickets",
        path="/api/v2/incremental/tickets/cursor.json",
        items="tickets",
        key="id",
        version_field="generated_timestamp",
        version="number",
        paging="cursor_export",
        cursor="after_cursor of the last page, opaque; moves with every batch",
        window="rows generated since the cursor",
        deletion="status 'deleted' in the same stream; scrubbed 30 days later, a version more",
        fields={
            "id": "id!",
            "created_at": "instant!",
            "updated_at": "instant",
            "due_at": "instant",
            "tags": "list",
        },
        **_EXPORT,
    ),
    Stream(
        kind="zendesk",
        name="ticket_events",
        path="/api/v2/incremental/ticket_events.json",
        params={"include": "comment_events"},
        items="ticket_events",
        key="id",
        version_field="timestamp",
        version="number",
        paging="time_export",
        cursor="end_time of the last page, a second that is asked for again",
        window="events since that second",
        overlap_seconds=60,
        deletion="none: events are history",
        fields={
            "id": "id!",
            "ticket_id": "id!",
            "timestamp": "epoch!",
            "child_events": "list",
            "child_events[].created_at": "instant",
        },
        **_EXPORT,
    ),
    Stream(
        kind="zendesk",
        name="users",
        path="/api/v2/incremental/users/cursor.json",
        params={"include": "identities"},
        items="users",
        key="id",
        version_field="updated_at",
        version="instant",
        paging="cursor_export",
        cursor="after_cursor of the last page, opaque; moves with every batch",
        window="rows generated since the cursor",
        deletion="active is false in the same stream",
        fields={
            **_ROW,
            "tags": "list",
            "_identities[].value": "any!",
            "_identities[].created_at": "instant",
        },
        **_EXPORT,
    ),
    Stream(
        kind="zendesk",
        name="organizations",
        path="/api/v2/incremental/organizations.json",
        items="organizations",
        key="id",
        version_field="updated_at",
        version="instant",
        paging="time_export",
        cursor="end_time of the last page, a second that is asked for again",
        window="rows changed since that second",
        overlap_seconds=60,
        deletion="deleted_at is set in the same stream",
        fields=_ROW,
        **_EXPORT,
    ),
    Stream(
        kind="zendesk",
        name="groups",
        path="/api/v2/groups.json",
        items="groups",
        key="id",
        fields=_ROW,
        **_LIST,
    ),
    Stream(
        kind="zendesk",
        name="group_memberships",
        path="/api/v2/group_memberships.json",
        items="group_memberships",
        key="id",
        fields={**_ROW, "user_id": "id", "group_id": "id"},
        **_LIST,
    ),
    Stream(
        kind="zendesk",
        name="brands",
        path="/api/v2/brands.json",
        items="brands",
        key="id",
        fields={"id": "id!"},
        may_be_withheld=True,  # one-brand plans have no such endpoint
        **_LIST,
    ),
)
