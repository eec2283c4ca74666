"""Purging posts by id: their contents go, from the landing zone to the undo tables; the fact stays.

A network's agreement asks for it when a post was deleted or protected. What goes is all that was
written and who wrote it by name; ids, instants and links stay, so that no count and no clock of
the past moves. Each record becomes a tombstone in its place, in the landing zone first: raw can
be made again from there and is as empty. What comes again later is landed as a tombstone.

Killed anywhere, the purge is unfinished (ops.purges) and the next call finishes it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from answerable.landing.purged import Purged, purged, tombstone
from answerable.landing.zone import Manifest, Zone, as_line
from answerable.settings import Settings
from answerable.sources import stream as stream_of
from answerable.sources.body import parsed
from answerable.warehouse.db import WRITER_LOCK, connect
from answerable.warehouse.load import judge
from answerable.warehouse.setup import RAW_STREAMS, raw_table

KIND = "x"
# columns of our own tables that hold what was written, who wrote it, or what came of it
CONTENTS = ("text", "text_masked", "author_name", "author_handle", "impression_count",
            "repost_count", "public_reply_count", "like_count", "quote_count",
            "author_follower_count")  # fmt: skip
SIGNAL = "zz-purge-"  # sorts behind the objects of walks


class PurgeError(RuntimeError):
    """Nothing was purged; the text says why."""


def purge(source: str, ids: Iterable[str], settings: Settings | None = None) -> dict[str, Any]:
    """Purge these posts and whatever a call before did not finish; waits for other writers.

    Without ids, all that was ever purged is purged again: after a backup was restored.
    """
    settings = settings or Settings.from_environment()
    asked = list(dict.fromkeys(ids))
    if odd := [id_ for id_ in asked if not (id_.isascii() and id_.isdigit() and len(id_) < 20)]:
        raise PurgeError(f"{len(odd)} of the ids are no post ids (numbers of up to 19 digits)")
    zone = Zone.at(settings.landing)
    with connect(settings) as conn:
        conn.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
        _refuse_another_kind(conn, zone, source)
        _note(conn, source, asked)
        found = _Found(purged(conn, source))
        objects = sum(_clean_object(zone, name, found) for name in _objects(zone, source))
        with conn.transaction():
            rows = _clean_raw(conn, zone, source, found)
            quarantined = _clean_quarantine(conn, source, found)
            cells = _clean_tables(conn, source, found)
            handles = _clean_identities(conn, found)
            for key, edits in found.edits.items():
                conn.execute(
                    "update ops.purges set ids = %s where source = %s and record_key = %s",
                    [sorted({*edits, key}), source, key],
                )
            conn.execute(
                "update ops.purges set finished_at = now()"
                " where source = %s and finished_at is null",
                [source],
            )
    return {
        "asked": len(asked),
        "found": len(found.edits),
        "landed_objects": objects,
        "raw_records": rows,
        "quarantined": quarantined,
        "rows": cells,
        "handles": handles,
    }


@dataclass
class _Found:
    """What turned up of the posts: ids by the first id, and their writers' handles."""

    purged: Purged
    edits: dict[str, set[str]] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)  # handle -> a post that had it

    def see(self, post: dict[str, Any]) -> None:
        edits = post.get("edit_history_tweet_ids")
        ids = [str(each) for each in edits] if isinstance(edits, list) and edits else []
        key = ids[0] if ids else str(post.get("id"))
        self.edits.setdefault(key, set()).update(ids)
        author = post.get("_author")
        handle = author.get("username") if isinstance(author, dict) else None
        if isinstance(handle, str):
            self.handles.setdefault(handle.lower(), key)


def _refuse_another_kind(conn: psycopg.Connection, zone: Zone, source: str) -> None:
    row = conn.execute(
        "select source_kind from ops.batches where source = %s limit 1", [source]
    ).fetchone()
    conn.commit()
    kind = row[0] if row else None
    if kind not in (None, KIND) or (kind is None and not zone.names(source)):
        what = f"is of kind {kind}" if kind else "was never pulled"
        raise PurgeError(f"{source} {what}; posts are purged of a source of kind {KIND}")


def _note(conn: psycopg.Connection, source: str, ids: list[str]) -> None:
    """The fact, before anything is done: from now on the post is landed without its contents.

    By the post's first id, also where one of its edits was named.
    """
    known = purged(conn, source).ids
    for id_ in ids:
        key = id_
        for stream in RAW_STREAMS[KIND]:
            row = conn.execute(
                sql.SQL(
                    "select record_key from raw.{} where source = %s and"
                    " (record_key = %s or payload -> 'edit_history_tweet_ids' ? %s) limit 1"
                ).format(sql.Identifier(raw_table(KIND, stream))),
                [source, id_, id_],
            ).fetchone()
            key = row[0] if row else key
        if id_ in known and key in known:
            continue
        conn.execute(
            "insert into ops.purges as t (source, record_key, ids) values (%s, %s, %s)"
            " on conflict (source, record_key) do update set ids = t.ids || excluded.ids",
            [source, key, sorted({id_, key})],
        )
    conn.commit()


# --- the landing zone --------------------------------------------------------------------------


def _objects(zone: Zone, source: str) -> Iterator[str]:
    for stream in RAW_STREAMS[KIND]:
        yield from zone.names(source, stream)


def _clean_object(zone: Zone, name: str, found: _Found) -> bool:
    """Write an object anew without what the posts say. Its manifest holds for the old and for the
    new one until the new one is there: whoever reads meanwhile, or after a kill, finds it whole."""
    manifest = zone.manifest(name)
    old: list[str] = []
    new: list[str] = []
    for line in zone.lines(manifest):
        text = line.decode("utf-8", "surrogateescape")
        old.append(text)
        if SIGNAL in name:
            new.append(text)
            continue
        new.append(found.purged.clean(text))
        if new[-1] != text and (post := parsed(text)) is not None:
            found.see(post)
    if new != old:
        sha256 = zone.hash_of(new)
        zone.publish(replace(manifest, sha256=sha256, was_sha256=manifest.sha256))
        zone.write_records(name, new)
        zone.publish(replace(manifest, sha256=sha256, was_sha256=None))
    elif manifest.was_sha256 is not None:  # killed between the two
        zone.publish(replace(manifest, sha256=zone.hash_of(new), was_sha256=None))
    else:
        return False
    return True


def _signal(zone: Zone, source: str, stream: str, records: list[str]) -> None:
    """A landed object that says it again with the time of the purge: the next night loads it, and
    so knows which conversations to build anew."""
    names = zone.names(source, stream)
    folder = names[-1].rpartition("/")[0]
    number = sum(SIGNAL in each for each in names if each.startswith(f"{folder}/")) + 1
    name = f"{folder}/{SIGNAL}{number:05d}.ndjson.gz"
    sha256, count = zone.write_records(name, records)
    zone.publish(
        Manifest(
            object=name,
            format="ndjson.gz",
            source=source,
            source_kind=KIND,
            stream=stream,
            run_id="",
            walk=0,  # no walk brought it
            record_count=count,
            sha256=sha256,
            landed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )


# --- the warehouse -----------------------------------------------------------------------------


def _clean_raw(conn: psycopg.Connection, zone: Zone, source: str, found: _Found) -> int:
    """Tombstones in the place of the posts' versions, as loading the landing zone anew would give
    them: what is the same as the version before it is superseded by it."""
    ids = list(found.purged.ids)
    cleaned = 0
    for stream in RAW_STREAMS[KIND]:
        described, table = stream_of(KIND, stream), sql.Identifier("raw", raw_table(KIND, stream))
        rows = conn.execute(
            sql.SQL(
                "select batch_id, position, record_key, version, record_hash, payload from {}"
                " where source = %s"
                " and (record_key = any(%s) or payload -> 'edit_history_tweet_ids' ?| %s)"
                " order by batch_id, position"
            ).format(table),
            [source, ids, ids],
        ).fetchall()
        newest: dict[tuple[str, Any], str | None] = {}
        signals: dict[str, str] = {}
        for batch_id, position, key, version, digest, post in rows:
            if post.get("_purged"):
                newest[key, version] = digest
                continue
            found.see(post)
            one = judge(described, position, as_line(tombstone(post)).rstrip(b"\n"), Counter())
            assert one.reason is None, one.reason  # what it was made of had been judged
            signals[key] = tombstone(
                post, _purged_at=datetime.now(UTC).isoformat(timespec="seconds")
            )
            cleaned += 1
            if newest.get((key, version)) == one.hash:
                conn.execute(
                    sql.SQL("delete from {} where batch_id = %s and position = %s").format(table),
                    [batch_id, position],
                )
                conn.execute(
                    "update ops.batches set loaded_count = loaded_count - 1,"
                    " superseded_count = superseded_count + 1 where batch_id = %s",
                    [batch_id],
                )
                continue
            newest[key, version] = one.hash
            conn.execute(
                sql.SQL(
                    "update {} set payload = %s::jsonb, record_hash = %s"
                    " where batch_id = %s and position = %s"
                ).format(table),
                [one.payload.decode(), one.hash, batch_id, position],
            )
        if signals:
            _signal(zone, source, stream, list(signals.values()))
    return cleaned


def _clean_quarantine(conn: psycopg.Connection, source: str, found: _Found) -> int:
    cleaned = 0
    rows = conn.execute(
        "select quarantine_id, untouched from raw.quarantine where source = %s", [source]
    ).fetchall()
    for quarantine_id, untouched in rows:
        text = bytes(untouched).decode("utf-8", "surrogateescape")
        clean = found.purged.clean(text)
        if clean != text:
            cleaned += 1
            conn.execute(
                "update raw.quarantine set untouched = %s, value = null where quarantine_id = %s",
                [clean.encode("utf-8", "surrogateescape"), quarantine_id],
            )
    return cleaned


def _clean_tables(conn: psycopg.Connection, source: str, found: _Found) -> int:
    """Whatever was built of the posts, for readers, replays and undoing: empty now, and built anew
    by the next night."""
    keys = sorted({*found.edits, *found.purged.ids})
    interactions = [f"{source}:{key}" for key in keys]
    cleaned = 0
    for schema, table, columns in _tables(conn):
        contents = [name for name in CONTENTS if name in columns]
        if not contents:
            continue
        if "interaction_key" in columns:
            where, values = sql.SQL("interaction_key = any(%s)"), [interactions]
        elif "source" in columns and (key := {"record_key", "post_id"} & columns):
            condition = sql.SQL("source = %s and {} = any(%s)")
            where, values = condition.format(sql.Identifier(min(key))), [source, keys]
        else:
            continue
        cleaned += conn.execute(
            sql.SQL("update {} set {} where {} and num_nonnulls({}) > 0").format(
                sql.Identifier(schema, table),
                sql.SQL(", ").join(
                    sql.SQL("{} = null").format(sql.Identifier(name)) for name in contents
                ),
                where,
                sql.SQL(", ").join(map(sql.Identifier, contents)),
            ),
            values,
        ).rowcount
    return cleaned


def _clean_identities(conn: psycopg.Connection, found: _Found) -> int:
    """Handles that these posts showed, also where another post still does: the next night knows it
    again from that one. The rows keep a name, since undoing a publication finds them by it."""
    if not found.handles:
        return 0
    old = [f"x_handle:{handle}" for handle in found.handles]
    new = [f"x_handle:purged-{key}" for key in found.handles.values()]
    cleaned = 0
    for schema, table, columns in _tables(conn):
        for column in sorted({"identifier_key", "account_identifier_key"} & columns):
            if not columns & {"customer_key", "told_in"}:
                continue
            # the value beside the key, which is this key's own
            beside = column == "identifier_key" and "identifier" in columns
            cleaned += conn.execute(
                sql.SQL(
                    "update {} as t set {} = renamed.new_key{}"
                    " from unnest(%s::text[], %s::text[]) as renamed (old_key, new_key)"
                    " where t.{} = renamed.old_key"
                ).format(
                    sql.Identifier(schema, table),
                    sql.Identifier(column),
                    sql.SQL(", identifier = 'purged'" if beside else ""),
                    sql.Identifier(column),
                ),
                [old, new],
            ).rowcount
    return cleaned


def _tables(conn: psycopg.Connection) -> list[tuple[str, str, set[str]]]:
    """Our tables outside of raw and of the engine's own ledger, with their columns."""
    rows = conn.execute(
        r"""
        select nspname, relname, array_agg(attname::text)
        from pg_class
        join pg_namespace on relnamespace = pg_namespace.oid
        join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where relkind = 'r' and nspname !~ '^pg_' and nspname not in ('information_schema', 'raw')
            and (nspname <> 'ops' or relname like 'undo\_%')
        group by nspname, relname
        """
    ).fetchall()
    return [(schema, table, set(columns)) for schema, table, columns in rows]
