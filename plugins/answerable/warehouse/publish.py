"""Bring what readers see to what `build` holds, in one transaction of row changes.

Readers never meet DDL on a mart, an empty table or two nights in one statement. Rows that a
publication took out, and the keys of those it put in, stay in `ops.undo_<schema>_<table>`, so that
rolling it back is the same in reverse.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from answerable import progress, runs
from answerable.settings import Settings
from answerable.warehouse import db, roles
from answerable.warehouse.names import OPS, Schemas

PUBLICATIONS_KEPT = 7  # how many publications can be undone

# the column that a mart is kept up to date by -> the table in `build` that lists what may differ
DIRTY_TABLES = {
    "case_key": "int_dirty_cases",
    "conversation_key": "int_dirty_conversations",
    "customer_key": "int_dirty_customers",
}
# with those that only models read; a publication, which covers all that they list, empties them
DIRTY_LISTS = (*DIRTY_TABLES.values(), "int_dirty_sla_groups")

LOCK_TIMEOUT = "2s"  # how long readers may queue behind an ALTER TABLE that waits
LOCK_ATTEMPTS = 15


class PublishError(RuntimeError):
    """What was asked for cannot be published or undone; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One table that readers see. Its columns and their types are those of the table in `build`."""

    table: str
    schema: Literal["marts", "private"]
    key: tuple[str, ...]
    dirty: str | None = None  # without it the whole table is compared each night
    description: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)  # name -> what it means

    def __post_init__(self) -> None:
        if self.schema not in ("marts", "private"):
            raise PublishError(
                f"{self.table}: publish to {self.schema!r}; expected 'marts' or 'private'"
            )
        if not self.key:
            raise PublishError(f"{self.table}: no key; list the columns that identify one row")
        if self.dirty is not None and self.dirty not in DIRTY_TABLES:
            raise PublishError(
                f"{self.table}: dirty by {self.dirty!r}; expected one of {sorted(DIRTY_TABLES)}"
            )


PUBLICATION = Published(
    table="publication",
    schema="marts",
    key=("run_id",),
    description="One row: the night that all marts show, published with it in one transaction.",
    columns={
        "as_of": "What happened before this instant (UTC) is in the marts, nothing after it.",
        "published_at": "When readers began to see it, UTC.",
        "run_id": "The run that made it, as in ops.runs.",
        "sources": "By source: last_good_at, when all its streams last came through (UTC); "
        "is_stale, whether this night had to go without news from it; incomplete_streams, which "
        "stopped on their way and what they have not read; holes, what nobody can pull any more.",
    },
)
PUBLICATION_SHAPE = {
    "as_of": "timestamp without time zone",
    "published_at": "timestamp without time zone",
    "run_id": "text",
    "sources": "jsonb",
}


def published_models(manifest: Path) -> list[Published]:
    """What dbt's manifest says is to be published: models whose config meta names a schema."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    found = []
    for node in nodes:
        meta = node.get("config", {}).get("meta") or {}
        if node.get("resource_type") != "model" or not meta.get("publish"):
            continue
        found.append(
            Published(
                table=node.get("alias") or node["name"],
                schema=meta["publish"],
                key=tuple(meta.get("key") or ()),
                dirty=meta.get("dirty"),
                description=node.get("description") or "",
                columns={
                    name: column.get("description") or ""
                    for name, column in node.get("columns", {}).items()
                },
            )
        )
    return sorted(found, key=lambda model: (model.schema, model.table))


def publish(
    run_id: str, *, settings: Settings | None = None, models: Sequence[Published] | None = None
) -> dict[str, Any]:
    """Publish what the run built. A retry after a commit of unknown outcome changes nothing."""
    settings = settings or Settings.from_environment()
    try:
        with progress.stage("publish") as stage, db.writer(settings, run_id) as conn:
            conn.autocommit = True
            run = runs.get(conn, run_id)
            if models is None:
                from answerable.warehouse import dbt

                models = published_models(dbt.manifest_path(settings, run))
            receipt = _publish(conn, run, models)
            stage.count(rows_in=receipt["rows_in"], rows_out=receipt["rows_out"])
            return receipt
    except db.NotRunning:
        with db.connect(settings) as conn:
            receipt = _receipt(conn, run_id)
        if receipt is None:
            raise
        return receipt


def rollback(settings: Settings | None = None) -> dict[str, Any]:
    """Undo the last publication of a night: readers see what they saw before it.

    Can be called several times in a row. The next night builds in full (`needs_full`).
    """
    settings = settings or Settings.from_environment()
    with progress.stage("roll back") as stage, db.connect(settings, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", [db.WRITER_LOCK])
        last = _newest(conn, "")
        if last is None:
            raise PublishError("nothing to roll back: no publication stands")
        if not last["can_undo"]:
            raise PublishError(
                f"run {last['run_id']} (as_of {last['as_of']}) cannot be rolled back: the rows of "
                f"the last {PUBLICATIONS_KEPT} publications only are kept; replay that day instead "
                "(`make nightly DATE=...`), or restore a backup"
            )
        with conn.transaction():
            _undo(conn, last)
            before = _newest(conn, "")
        for name in last["row_changes"]:
            _tidy(conn, *name.split(".", 1))
        stage.count(tables=len(last["row_changes"]))
    return {
        "rolled_back_run_id": last["run_id"],
        "rolled_back_as_of": last["as_of"].isoformat(sep=" "),
        "run_id": before and before["run_id"],
        "as_of": before and before["as_of"].isoformat(sep=" "),
        "tables": last["row_changes"],
    }


def needs_full(conn: psycopg.Connection, prefix: str = "") -> bool:
    """Whether `build` holds something else than what is published, so that nothing can be added
    to it: nothing was published yet, or the newest publication was rolled back."""
    row = conn.execute(
        "select rolled_back_at is not null from ops.publications where schema_prefix = %s "
        "order by publication_no desc limit 1",
        [prefix],
    ).fetchone()
    return row is None or row[0]


# -- one publication ----------------------------------------------------------------------------


def _publish(
    conn: psycopg.Connection, run: "runs.Run", models: Sequence[Published]
) -> dict[str, Any]:
    schemas = Schemas.of(run.schema_prefix)
    keep_undo = run.schema_prefix == ""  # a replay is made anew rather than rolled back
    last = _newest(conn, run.schema_prefix)
    if last is not None and (
        last["as_of"] > run.as_of or (last["as_of"] == run.as_of and run.kind == "nightly")
    ):
        raise PublishError(
            f"run {run.run_id} as of {run.as_of} would be published over run {last['run_id']} "
            f"as of {last['as_of']}, which is not older; a night of the past is a replay (`make "
            "nightly DATE=...`), and `answerable publish --rollback` takes the newer one back"
        )
    is_full = run.is_full is not False or needs_full(conn, run.schema_prefix)
    reshaped = migrate(conn, schemas, models, keep_undo=keep_undo)
    dirty_lists = [table for table in DIRTY_LISTS if shape(conn, schemas.build, table)]
    for table in [model.table for model in models] + dirty_lists:
        if _kind(conn, schemas.build, table) == "r":
            conn.execute(sql.SQL("analyze {}").format(sql.Identifier(schemas.build, table)))

    with conn.transaction():
        # sorts and hashes of whole marts: one statement at a time, so one share of memory
        conn.execute("set local work_mem = '256MB'")
        (number,) = conn.execute(
            """
            insert into ops.publications
                (run_id, run_no, schema_prefix, as_of, reads_up_to, fingerprint, can_undo)
            values (%s, %s, %s, %s, %s, %s, %s)
            returning publication_no
            """,
            [
                run.run_id,
                run.run_no,
                run.schema_prefix,
                run.as_of,
                run.run_no if run.reads_up_to is None else run.reads_up_to,
                run.fingerprint or "",
                keep_undo,
            ],
        ).fetchone()
        changes = {}
        for model in models:
            by = DIRTY_TABLES[model.dirty] if model.dirty else None
            if is_full or model.table in reshaped or by not in dirty_lists:
                by = None
            change = _Change(schemas, model, number, keep_undo)
            changes[change.name] = change.apply(conn, by)
        change = _Change(schemas, PUBLICATION, number, keep_undo)
        changes[change.name] = change.replace_publication(conn, run, _sources(conn, run))
        if keep_undo:
            changes |= _empty_what_left(conn, schemas, last, changes, number)
        for table in dirty_lists:
            conn.execute(sql.SQL("delete from {}").format(sql.Identifier(schemas.build, table)))
        conn.execute(
            "update ops.publications set row_changes = %s where publication_no = %s",
            [Jsonb(changes), number],
        )
        runs.finish(conn, run.run_id)
        if keep_undo:
            _forget_old(conn)
    for name, counts in changes.items():
        if counts["in"] or counts["out"]:
            _tidy(conn, *name.split(".", 1))
    return _receipt(conn, run.run_id) | {"already_published": False}


@dataclass(frozen=True, slots=True)
class _Change:
    """What one publication does to one table."""

    schemas: Schemas
    model: Published
    number: int
    keep_undo: bool

    @property
    def schema(self) -> str:
        return getattr(self.schemas, self.model.schema)

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.model.table}"

    def _sql(self, conn: psycopg.Connection, text: str, **more: sql.Composable) -> sql.Composed:
        columns = list(shape(conn, self.schema, self.model.table))
        key = self.model.key
        names = {
            "old": sql.Identifier(self.schema, self.model.table),
            "new": sql.Identifier(self.schemas.build, self.model.table),
            "undo": _undo_table(self.schema, self.model.table),
            "number": sql.Literal(self.number),
            "columns": _names(columns),
            "new_columns": _names(columns, "new"),
            "old_columns": _names(columns, "old"),
            "gone_columns": _names(columns, "gone"),
            "key": _names(key),
            "new_key": _names(key, "new"),
            "old_key": _names(key, "old"),
            "same_key": _equal(key, "new", "old"),
        }
        return sql.SQL(text).format(**names | more)

    def apply(self, conn: psycopg.Connection, dirty_table: str | None) -> dict[str, Any]:
        """Take out the rows that differ and put in those that are missing; all of them, or those
        that have to do with a key in `dirty_table`."""
        if self._is_empty(conn):
            return self._fill(conn)
        new = sql.Identifier(self.schemas.build, self.model.table)
        gone_where = sql.SQL("true")
        is_staged = (
            dirty_table is not None or _kind(conn, self.schemas.build, self.model.table) != "r"
        )
        if is_staged:
            new = sql.Identifier("pg_temp", "rows_of_this_night")
            gone_where = self._stage(conn, new, dirty_table)
        # Compared byte by byte: null equals null, 1.0 differs from 1.00.
        out = self._run(
            conn,
            # by position: in one pass over the table in its own order, which is what is fast here
            "delete from {old} as old where ctid = any (array("
            "select ctid from {old} as old where {where} and not exists ("
            "select from {new} as new where {same_key} "
            "and record_image_eq(row({new_columns}), row({old_columns}))"
            "))) returning {old_columns}",
            "insert into {undo} (_publication_no, _is_out, {columns}) "
            "select {number}, true, {gone_columns} from gone",
            new=new,
            where=gone_where,
        )
        if dirty_table is None and self._is_empty(conn):
            changes = self._fill(conn, new) | {"out": out}
        else:
            put = self._run(
                conn,
                "insert into {old} ({columns}) select {new_columns} from {new} as new "
                "where not exists (select from {old} as old where {same_key}) returning {key}",
                "insert into {undo} (_publication_no, _is_out, {key}) "
                "select {number}, false, {key} from gone",
                new=new,
            )
            changes = {"in": put, "out": out, "key": list(self.model.key)}
        if is_staged:
            conn.execute(sql.SQL("drop table {}").format(new))
        return changes

    def _stage(
        self, conn: psycopg.Connection, new: sql.Identifier, dirty_table: str | None
    ) -> sql.Composable:
        """Copy what is to be compared, once: a view would be worked out for each use. Returns
        which of the old rows it is to be compared with.

        A row may have moved from one case to another with either of them dirty, so a row takes
        part by what it is now and by what it was.
        """
        more = {"new": new, "build": sql.Identifier(self.schemas.build, self.model.table)}
        where = rows = sql.SQL("true")
        if dirty_table is not None:
            more |= {
                "dirty": sql.Identifier(self.model.dirty),
                "dirty_table": sql.Identifier(self.schemas.build, dirty_table),
            }
            rows = self._sql(
                conn,
                "({new_key}) in ("
                "select {key} from {build} where {dirty} in (select {dirty} from {dirty_table}) "
                "union all "
                "select {key} from {old} where {dirty} in (select {dirty} from {dirty_table}))",
                **more,
            )
            where = self._sql(
                conn,
                "({old_key}) in ("
                "select {key} from {new} "
                "union all "
                "select {key} from {old} where {dirty} in (select {dirty} from {dirty_table}))",
                **more,
            )
        conn.execute(
            self._sql(
                conn,
                "create temporary table rows_of_this_night on commit drop as "
                "select {new_columns} from {build} as new where {rows}",
                rows=rows,
                **more,
            )
        )
        conn.execute(sql.SQL("analyze {}").format(new))
        return where

    def _is_empty(self, conn: psycopg.Connection) -> bool:
        return not conn.execute(self._sql(conn, "select exists (select from {old})")).fetchone()[0]

    def _fill(self, conn: psycopg.Connection, new: sql.Identifier | None = None) -> dict[str, Any]:
        """An empty table gets every row; to undo that is to empty it, so no row is kept."""
        put = conn.execute(
            self._sql(
                conn,
                "insert into {old} ({columns}) select {columns} from {new}",
                **({"new": new} if new else {}),
            )
        ).rowcount
        return {"in": put, "out": 0, "key": list(self.model.key), "was_empty": True}

    def _run(self, conn: psycopg.Connection, change: str, keep: str, **more: sql.Composable) -> int:
        if not self.keep_undo:
            return conn.execute(self._sql(conn, change, **more)).rowcount
        return conn.execute(self._sql(conn, f"with gone as ({change}) {keep}", **more)).rowcount

    def replace_publication(
        self, conn: psycopg.Connection, run: "runs.Run", sources: Mapping[str, Any]
    ) -> dict[str, Any]:
        out = self._run(
            conn,
            "delete from {old} as old returning {old_columns}",
            "insert into {undo} (_publication_no, _is_out, {columns}) "
            "select {number}, true, {gone_columns} from gone",
        )
        conn.execute(
            self._sql(
                conn,
                "insert into {old} (as_of, published_at, run_id, sources) "
                "values (%s, date_trunc('second', now() at time zone 'UTC'), %s, %s)",
            ),
            [run.as_of, run.run_id, Jsonb(sources)],
        )
        if self.keep_undo:
            conn.execute(
                self._sql(
                    conn,
                    "insert into {undo} (_publication_no, _is_out, {key}) "
                    "values ({number}, false, %s)",
                ),
                [run.run_id],
            )
        return {"in": 1, "out": out, "key": list(self.model.key)}

    def empty(self, conn: psycopg.Connection) -> dict[str, Any]:
        out = self._run(
            conn,
            "delete from {old} as old returning {old_columns}",
            "insert into {undo} (_publication_no, _is_out, {columns}) "
            "select {number}, true, {gone_columns} from gone",
        )
        return {"in": 0, "out": out, "key": list(self.model.key)}


def _empty_what_left(
    conn: psycopg.Connection,
    schemas: Schemas,
    last: Mapping[str, Any] | None,
    changes: Mapping[str, Any],
    number: int,
) -> dict[str, Any]:
    """A table that is no longer published would show an old night for ever: empty it."""
    emptied = {}
    for name, counts in (last["row_changes"] if last else {}).items():
        schema, table = name.split(".", 1)
        if name in changes or not shape(conn, schema, table):
            continue
        side = "marts" if schema == schemas.marts else "private"
        model = Published(table=table, schema=side, key=tuple(counts["key"]))
        emptied[name] = _Change(schemas, model, number, True).empty(conn)
    return emptied


def _undo(conn: psycopg.Connection, last: Mapping[str, Any]) -> None:
    """Take the rows of one publication out again and put back those that it took."""
    for name, counts in last["row_changes"].items():
        schema, table = name.split(".", 1)
        names = {
            "old": sql.Identifier(schema, table),
            "undo": _undo_table(schema, table),
            "number": sql.Literal(last["publication_no"]),
            "columns": _names(list(shape(conn, schema, table))),
            "same_key": _equal(counts["key"], "undo", "old"),
        }
        if counts.get("was_empty"):
            statement = "delete from {old}"
        else:
            statement = (
                "delete from {old} as old using {undo} as undo "
                "where undo._publication_no = {number} and not undo._is_out and {same_key}"
            )
        removed = conn.execute(sql.SQL(statement).format(**names)).rowcount
        restored = conn.execute(
            sql.SQL(
                "insert into {old} ({columns}) select {columns} from {undo} "
                "where _publication_no = {number} and _is_out"
            ).format(**names)
        ).rowcount
        if (removed, restored) != (counts["in"], counts["out"]):
            raise PublishError(
                f"{name}: run {last['run_id']} put in {counts['in']} rows and took out "
                f"{counts['out']}, but {removed} and {restored} were found; somebody else changed "
                "the table. Nothing was undone; the next night, built in full, puts it right"
            )
        conn.execute(sql.SQL("delete from {undo} where _publication_no = {number}").format(**names))
    conn.execute(
        "update ops.publications set rolled_back_at = now(), can_undo = false "
        "where publication_no = %s",
        [last["publication_no"]],
    )
    conn.execute("update ops.runs set status = 'rolled_back' where run_id = %s", [last["run_id"]])


def _forget_old(conn: psycopg.Connection) -> None:
    """Drop the undo rows of all but the last publications that stand."""
    (oldest,) = conn.execute(
        """
        select min(publication_no) from (
            select publication_no from ops.publications
            where schema_prefix = '' and rolled_back_at is null
            order by publication_no desc limit %s
        ) as kept
        """,
        [PUBLICATIONS_KEPT],
    ).fetchone()
    forgotten = conn.execute(
        "update ops.publications set can_undo = false where can_undo and publication_no < %s "
        "returning publication_no",
        [oldest],
    ).fetchall()
    if forgotten:
        for (table,) in conn.execute(_UNDO_TABLES).fetchall():
            conn.execute(
                sql.SQL("delete from {} where _publication_no < %s").format(
                    sql.Identifier(OPS, table)
                ),
                [oldest],
            )


def _newest(conn: psycopg.Connection, prefix: str) -> dict[str, Any] | None:
    """The publication that readers of these schemas see."""
    row = conn.execute(
        "select publication_no, run_id, as_of, row_changes, can_undo from ops.publications "
        "where schema_prefix = %s and rolled_back_at is null order by publication_no desc limit 1",
        [prefix],
    ).fetchone()
    if row is None:
        return None
    return dict(
        zip(("publication_no", "run_id", "as_of", "row_changes", "can_undo"), row, strict=True)
    )


def _receipt(conn: psycopg.Connection, run_id: str) -> dict[str, Any] | None:
    row = conn.execute(
        "select publication_no, as_of, row_changes from ops.publications "
        "where run_id = %s and rolled_back_at is null",
        [run_id],
    ).fetchone()
    if row is None:
        return None
    number, as_of, changes = row
    return {
        "run_id": run_id,
        "publication_no": number,
        "as_of": as_of.isoformat(sep=" "),
        "rows_in": sum(counts["in"] for counts in changes.values()),
        "rows_out": sum(counts["out"] for counts in changes.values()),
        "tables": {
            name: {"in": counts["in"], "out": counts["out"]} for name, counts in changes.items()
        },
        "already_published": True,
    }


def _sources(conn: psycopg.Connection, run: "runs.Run") -> dict[str, Any]:
    """For each source, when it was last read in full, and whether this night had to go without."""
    this_no = run.run_no if run.replays_run_no is None else run.replays_run_no
    rows = conn.execute(
        """
        select
            source,
            source_kind,
            stream,
            max(stream_runs.finished_at) filter (where stream_runs.status = 'landed') as good_at,
            max(runs.run_no) filter (where stream_runs.status = 'landed') as good_run_no,
            max(runs.run_no) filter (where stream_runs.status = 'failed') as failed_run_no,
            -- stopped on its way by its budget: it brought news, but not all
            max(stream_runs.error) filter (
                where stream_runs.status = 'incomplete' and runs.run_no = %s
            ) as missing
        from ops.stream_runs
        join ops.runs on stream_runs.run_id = runs.run_id
        where runs.run_no <= %s and runs.kind = 'nightly'
            and stream_runs.status <> 'not_available'
        group by source, source_kind, stream
        order by source, stream
        """,
        [this_no, this_no],
    ).fetchall()
    (planned,) = conn.execute(
        "select streams from ops.runs where run_no = %s", [this_no]
    ).fetchone() or ([],)
    asked = {(each["source"], each["stream"]) for each in planned}
    accounts = {source for source, _ in asked}
    sources: dict[str, Any] = {}
    for source, kind, stream, good_at, good_run_no, failed_run_no, missing in rows:
        if kind != "file" and source in accounts and (source, stream) not in asked:
            continue  # the connection does not ask for it any more: a search that was given up
        # An export handed in once is not expected again; a stream of an account is, every night.
        expected_no = (failed_run_no or 0) if kind == "file" else this_no
        is_stale = missing is None and (good_run_no is None or good_run_no < expected_no)
        entry = sources.setdefault(
            source,
            {
                "last_good_at": _stamp(good_at),
                "is_stale": False,
                "stale_streams": [],
                "incomplete_streams": {},
                "holes": [],
            },
        )
        if missing is not None:
            entry["incomplete_streams"][stream] = missing
        # a source is as fresh as its oldest stream; with one that never came it has no good time
        if good_at is None or (entry["last_good_at"] and _stamp(good_at) < entry["last_good_at"]):
            entry["last_good_at"] = _stamp(good_at)
        if is_stale:
            entry["is_stale"] = True
            entry["stale_streams"].append(stream)
    holes = conn.execute(
        """
        select holes.source, holes.stream, part, from_at, until_at
        from ops.holes
        join ops.batches on holes.batch_id = batches.batch_id
        where first_read_run_no <= %s
        order by from_at, holes.stream, part
        """,
        [run.run_no if run.reads_up_to is None else run.reads_up_to],
    ).fetchall()
    for source, stream, part, from_at, until_at in holes:
        if source in sources:
            hole = {"from_at": _stamp(from_at), "until_at": _stamp(until_at)}
            sources[source]["holes"].append({"stream": stream, "part": part} | hole)
    return sources


def _stamp(instant: datetime | None) -> str | None:
    return None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%SZ")


# -- shapes of tables ---------------------------------------------------------------------------


def migrate(
    conn: psycopg.Connection,
    schemas: Schemas,
    models: Sequence[Published],
    *,
    keep_undo: bool = True,
) -> set[str]:
    """Give the published tables the columns that `build` has now.

    Before the publication's own transaction, since this is DDL: each table in a transaction with a
    short lock timeout, tried again, so that readers never queue for long behind it. Returns the
    names of tables whose columns changed, which are to be compared whole.
    """
    with conn.transaction():
        for schema in (schemas.marts, schemas.private):
            conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    reshaped = set()
    for model in [*models, PUBLICATION]:
        target = (getattr(schemas, model.schema), model.table)
        if model is PUBLICATION:
            wanted = PUBLICATION_SHAPE
        else:
            wanted = shape(conn, schemas.build, model.table)
            if not wanted:
                raise PublishError(
                    f"{schemas.build}.{model.table} is not there; expected the build step to have "
                    "made it. Run the night again"
                )
            if missing := [name for name in model.key if name not in wanted]:
                raise PublishError(f"{model.table}: its key names {missing}, which it has not")
        found = shape(conn, *target)

        def change(
            model: Published = model,
            target: tuple[str, str] = target,
            found: Mapping[str, str] = found,
            wanted: Mapping[str, str] = wanted,
        ) -> None:
            if not found:
                _create(conn, target, wanted, model)
            elif found != wanted:
                if found.get("brand") != wanted.get("brand"):
                    roles.unguard(conn, *target)  # its policies hold the column fast
                _alter(conn, target, found, wanted)
            if _key(conn, *target) != set(model.key):
                _rekey(conn, target, model.key)
            if keep_undo:
                _follow_with_undo(conn, target, wanted)
            if model.schema == "marts":
                roles.guard(conn, *target, has_brand=wanted.get("brand") == "text")
            _comment(conn, target, model)

        if found and (found != wanted or _key(conn, *target) != set(model.key)):
            reshaped.add(model.table)
        _patiently(conn, ".".join(target), change)
    roles.grant(conn, schemas)
    return reshaped


def _patiently(conn: psycopg.Connection, table: str, change: Callable[[], None]) -> None:
    """Change a table in a transaction that gives up soon where readers hold it; try again."""
    for number in range(LOCK_ATTEMPTS):
        try:
            with conn.transaction():
                conn.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
                change()
            return
        except psycopg.errors.LockNotAvailable:
            time.sleep(min(0.1 * 2**number, 5))
        except (
            psycopg.errors.DependentObjectsStillExist,
            psycopg.errors.FeatureNotSupported,
        ) as error:
            raise PublishError(
                f"{table}: its columns changed, and something outside this project is built on "
                f"them ({error.diag.message_detail or error.diag.message_primary}); drop that, "
                "run the night again and make it anew"
            ) from error
    raise PublishError(
        f"{table}: its columns changed, and a reader held it through {LOCK_ATTEMPTS} attempts of "
        f"{LOCK_TIMEOUT}; end long transactions (pg_stat_activity shows them) and run the night "
        "again"
    )


def _create(
    conn: psycopg.Connection, target: tuple[str, str], wanted: Mapping[str, str], model: Published
) -> None:
    conn.execute(
        sql.SQL("create table {} ({}, primary key ({}))").format(
            sql.Identifier(*target),
            sql.SQL(", ").join(_column(name, kind) for name, kind in wanted.items()),
            _names(model.key),
        )
    )
    if model.dirty and model.dirty != model.key[0]:
        conn.execute(
            sql.SQL("create index on {} ({})").format(
                sql.Identifier(*target), sql.Identifier(model.dirty)
            )
        )


def _alter(
    conn: psycopg.Connection,
    target: tuple[str, str],
    found: Mapping[str, str],
    wanted: Mapping[str, str],
) -> None:
    table = sql.Identifier(*target)
    for name in found:
        if name not in wanted:
            conn.execute(
                sql.SQL("alter table {} drop column {}").format(table, sql.Identifier(name))
            )
    for name, kind in wanted.items():
        column = _column(name, kind)
        if name not in found:
            conn.execute(sql.SQL("alter table {} add column {}").format(table, column))
        elif found[name] != kind:
            try:
                with conn.transaction():
                    conn.execute(
                        sql.SQL("alter table {} alter column {} type {} using {}::{}").format(
                            table,
                            sql.Identifier(name),
                            sql.SQL(kind),
                            sql.Identifier(name),
                            sql.SQL(kind),
                        )
                    )
            except (psycopg.errors.CannotCoerce, psycopg.DataError):
                # the old values make no sense as the new type; the new ones follow in a moment
                conn.execute(
                    sql.SQL("alter table {} drop column {}, add column {}").format(
                        table, sql.Identifier(name), column
                    )
                )


def _rekey(conn: psycopg.Connection, target: tuple[str, str], key: Sequence[str]) -> None:
    """Another key: the rows that stand may not fit it, and undo rows do not know it."""
    table = sql.Identifier(*target)
    constraint = conn.execute(
        "select conname from pg_constraint where conrelid = %s::regclass and contype = 'p'",
        [table.as_string(conn)],
    ).fetchone()
    if constraint:
        conn.execute(
            sql.SQL("alter table {} drop constraint {}").format(
                table, sql.Identifier(constraint[0])
            )
        )
    try:
        with conn.transaction():
            conn.execute(sql.SQL("alter table {} add primary key ({})").format(table, _names(key)))
    except psycopg.errors.IntegrityError as error:
        raise PublishError(
            f"{'.'.join(target)}: the rows that stand are not unique by the new key {list(key)}; "
            "drop the table, which the next night fills again, or choose another name for the mart"
        ) from error
    if conn.execute("select to_regclass(%s)", [_undo_table(*target).as_string(conn)]).fetchone()[0]:
        conn.execute(sql.SQL("drop table {}").format(_undo_table(*target)))
        conn.execute("update ops.publications set can_undo = false where schema_prefix = ''")


def _follow_with_undo(
    conn: psycopg.Connection, target: tuple[str, str], wanted: Mapping[str, str]
) -> None:
    """The table that keeps what publications took out of `target` has its columns and two more."""
    undo = _undo_table(*target)
    own = {"_publication_no": "bigint", "_is_out": "boolean"}
    wanted = own | dict(wanted)
    found = shape(conn, OPS, _undo_name(*target))
    if not found:
        conn.execute(
            sql.SQL("create table {} ({})").format(
                undo, sql.SQL(", ").join(_column(name, kind) for name, kind in wanted.items())
            )
        )
        conn.execute(sql.SQL("create index on {} (_publication_no)").format(undo))
    elif found != wanted:
        _alter(conn, (OPS, _undo_name(*target)), found, wanted)


def _comment(conn: psycopg.Connection, target: tuple[str, str], model: Published) -> None:
    """Descriptions that differ from those that stand become comments, for psql and BI tools."""
    table = sql.Identifier(*target)
    name = table.as_string(conn)
    (standing,) = conn.execute("select obj_description(%s::regclass)", [name]).fetchone()
    if (standing or "") != model.description:
        conn.execute(
            sql.SQL("comment on table {} is {}").format(table, sql.Literal(model.description))
        )
    rows = conn.execute(
        "select attname, col_description(attrelid, attnum) from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        [name],
    ).fetchall()
    for column, standing in rows:
        if (standing or "") != (text := model.columns.get(column, "")):
            conn.execute(
                sql.SQL("comment on column {}.{} is {}").format(
                    table, sql.Identifier(column), sql.Literal(text)
                )
            )


def shape(conn: psycopg.Connection, schema: str, table: str) -> dict[str, str]:
    """Names and types of a table's columns; empty where there is no such table."""
    return dict(
        conn.execute(
            """
            select attname, format_type(atttypid, atttypmod)
            from pg_attribute
            join pg_class on pg_attribute.attrelid = pg_class.oid
            join pg_namespace on pg_class.relnamespace = pg_namespace.oid
            where nspname = %s and relname = %s and relkind in ('r', 'p', 'v', 'm')
                and attnum > 0 and not attisdropped
            order by attnum
            """,
            [schema, table],
        ).fetchall()
    )


def _kind(conn: psycopg.Connection, schema: str, table: str) -> str:
    """`r` for a table, `v` for a view."""
    (kind,) = conn.execute(
        "select relkind from pg_class where oid = %s::regclass",
        [sql.Identifier(schema, table).as_string(conn)],
    ).fetchone()
    return kind


def _key(conn: psycopg.Connection, schema: str, table: str) -> set[str]:
    return {
        name
        for (name,) in conn.execute(
            """
            select attname
            from pg_constraint
            join pg_attribute
                on pg_attribute.attrelid = pg_constraint.conrelid
                and pg_attribute.attnum = any (pg_constraint.conkey)
            where conrelid = %s::regclass and contype = 'p'
            """,
            [sql.Identifier(schema, table).as_string(conn)],
        )
    }


def _tidy(conn: psycopg.Connection, schema: str, table: str) -> None:
    """Room for the next night's rows and fresh statistics, without a lock that stops readers."""
    conn.execute(
        sql.SQL("vacuum (analyze, truncate false, skip_locked) {}").format(
            sql.Identifier(schema, table)
        )
    )


# The names of undo tables come from the catalogue, so that what a mart left behind is found too.
_UNDO_TABLES = r"""
    select relname from pg_class join pg_namespace on relnamespace = pg_namespace.oid
    where nspname = 'ops' and relname like 'undo\_%' and relkind = 'r'
"""


def _undo_name(schema: str, table: str) -> str:
    return f"undo_{schema}_{table}"


def _undo_table(schema: str, table: str) -> sql.Identifier:
    return sql.Identifier(OPS, _undo_name(schema, table))


def _column(name: str, kind: str) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))


def _names(columns: Iterable[str], of: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.Identifier(of, name) if of else sql.Identifier(name) for name in columns
    )


def _equal(columns: Iterable[str], one: str, other: str) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(one, name), sql.Identifier(other, name))
        for name in columns
    )
