"""Which posts of a network are ours already: stored, or landed and about to be."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import sql

from answerable.landing.purged import purged
from answerable.landing.zone import Zone
from answerable.sources.body import parsed
from answerable.sources.timelines import first_id_at

WALKED = ("mentions", "search", "posts")
LOOKED_UP = ("referenced_posts",)


@dataclass
class Posts:
    """The posts of one source. Keeps what it read of landed objects, which do not change."""

    conn: psycopg.Connection
    zone: Zone
    source: str
    _landed: dict[str, set[str]] = field(default_factory=dict)

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that need not be looked up, by any of a post's ids."""
        wanted = list(ids)
        found = self._stored((*WALKED, *LOOKED_UP), "record_key = any(%s)", wanted)
        loaded = {
            name
            for (name,) in self.conn.execute(
                "select object from ops.batches where source = %s", [self.source]
            )
        }
        self.conn.commit()
        for stream in (*WALKED, *LOOKED_UP):
            for name in self.zone.names(self.source, stream):
                if name not in loaded:
                    found |= self._ids_in(name) & set(wanted)
        return found

    def since(self, instant: datetime) -> list[str]:
        """Ids of the posts that a walk brought and that were written since; newest first."""
        first = first_id_at(instant)
        found = self._stored(WALKED, "cast(record_key as numeric) >= %s", first)
        return sorted(found - purged(self.conn, self.source).ids, key=int, reverse=True)

    def _stored(self, streams: Iterable[str], condition: LiteralString, value: object) -> set[str]:
        found: set[str] = set()
        for stream in streams:
            table = sql.Identifier("raw", f"x_{stream}")
            query = sql.SQL("select distinct record_key from {} where source = %s and ")
            rows = self.conn.execute(
                query.format(table) + sql.SQL(condition), [self.source, value]
            ).fetchall()
            found.update(key for (key,) in rows)
        self.conn.commit()
        return found

    def _ids_in(self, name: str) -> set[str]:
        if name not in self._landed:
            ids: set[str] = set()
            for line in self.zone.lines(self.zone.manifest(name)):
                post = parsed(line.decode("utf-8", "replace")) or {}
                edits = post.get("edit_history_tweet_ids")
                ids.update(map(str, (post.get("id"), *(edits if isinstance(edits, list) else ()))))
            self._landed[name] = ids
        return self._landed[name]
