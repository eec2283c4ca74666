"""What may not be kept of a post that was purged: which posts these are, and what stays of them."""

import json
from dataclasses import dataclass
from typing import Any

import psycopg

from answerable.sources.body import parsed

# what stays of a post: that it was there, when, where in the thread, to whom
KEPT = ("id", "edit_history_tweet_ids", "author_id", "conversation_id", "created_at",
        "in_reply_to_user_id", "_query")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Purged:
    """The posts of one source that must not be there, by any of their ids."""

    ids: frozenset[str]

    def is_of(self, record: dict[str, Any]) -> bool:
        edits = record.get("edit_history_tweet_ids")
        own = {str(record.get("id")), *map(str, edits if isinstance(edits, list) else ())}
        return not own.isdisjoint(self.ids)

    def clean(self, record: str, **more: str) -> str:
        """The record, or the tombstone in its place."""
        if not any(id_ in record for id_ in self.ids):
            return record
        post = parsed(record)
        if post is None:  # unreadable, and it names the post: nobody can tell what else it says
            return json.dumps({"_purged": True})
        return tombstone(post, **more) if self.is_of(post) else record


def tombstone(post: dict[str, Any], **more: str) -> str:
    kept = {name: post[name] for name in KEPT if name in post}
    points_at = post.get("referenced_tweets")
    if isinstance(points_at, list):
        kept["referenced_tweets"] = [
            {name: each[name] for name in ("type", "id") if name in each}
            for each in points_at
            if isinstance(each, dict)
        ]
    entities = post.get("entities")
    mentions = entities.get("mentions") if isinstance(entities, dict) else None
    if isinstance(mentions, list):
        ids = [{"id": each["id"]} for each in mentions if isinstance(each, dict) and "id" in each]
        kept["entities"] = {"mentions": ids}
    return json.dumps({**kept, "_purged": True, **more})


def purged(conn: psycopg.Connection, source: str) -> Purged:
    rows = conn.execute("select ids from ops.purges where source = %s", [source]).fetchall()
    return Purged(frozenset(id_ for (ids,) in rows for id_ in ids))
