"""Corrupt a night on purpose, and see whether the gate stops it.

A corruption is an operation on a share of the rows of one table that dbt built: of staging, of what
lies between, or of what is published. Everything downstream is built again from it, in full, and
the gate judges. It is harmful where a published figure moves by more than 0.1 %; harmful and not
stopped is what the checks miss. All of it happens in copies of a warehouse of its own.
"""

import contextlib
import hashlib
import json
import logging
import multiprocessing
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from answerable import identity, pipeline, runs
from answerable.quality import gate
from answerable.runtime import postgres, sandbox
from answerable.settings import Settings
from answerable.warehouse import db, dbt, roles, setup
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import DIRTY_LISTS, published_models, shape

Layer = Literal["staging", "intermediate", "build"]
Tried = TypeVar("Tried")

HARMFUL = 0.001  # of a published figure
SHARES = (0.002, 0.02, 0.2)
SIZE = "0.25"  # of the sandbox
NIGHTS = (date(2026, 2, 26), date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1))
BASE = "mutate_base"
STALE = "mutate_stale"  # the schema that keeps what the night before had built
FEW = 50  # values of a column of labels
# what follows from which cases changed, not from what they are
BOOKKEEPING = (*DIRTY_LISTS, "int_changed_customers")
IDENTITY = "identity"  # the step between dbt's two runs, as if it were a model
IDENTITY_READS = (
    "int_identity_evidence",
    "int_identity_messages",
    "int_thread_evidence",
    "stg_policy__identity_rules",
)
SHIFTS = ("1 second", "1 hour", "-1 hour", "1 day", "-7 days", "365 days")
FACTORS = ("0", "-1", "2", "10", "60", "1000")
NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """What is done to a table. `detail` is SQL or a number, as the operation needs it."""

    seed: int
    operation: str
    layer: Layer
    table: str
    share: float
    column: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        of = f".{self.column}" if self.column else ""
        how = f" by {self.detail}" if self.detail else ""
        return (
            f"seed {self.seed}: {self.operation}{how} of {self.share:.1%} of {self.table}{of}"
            f" ({self.layer})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a corrupted night."""

    corruption: Corruption
    row_count: int  # rows that were touched
    moved: Mapping[str, float]  # published figures that moved by more than HARMFUL, and how far
    stopped_by: tuple[str, ...]  # table and rule, of critical rules that did not hold
    error: str | None = None  # building on it failed, which stops a night as well

    @property
    def is_harmful(self) -> bool:
        return bool(self.moved) or self.error is not None

    @property
    def is_missed(self) -> bool:
        return bool(self.moved) and not self.stopped_by and self.error is None

    def __str__(self) -> str:
        if self.error is not None:
            became = f"stopped: building failed: {self.error}"
        elif self.stopped_by:
            became = f"stopped by {len(self.stopped_by)}: {', '.join(self.stopped_by[:3])}"
        elif self.moved:
            became = "MISSED"
        else:
            became = "harmless"
        worst = sorted(self.moved.items(), key=lambda item: -item[1])[:3]
        told = "".join(f"; {name} moved {share:.2%}" for name, share in worst)
        return f"{self.corruption}, {self.row_count} rows: {became}{told}"


# -- the warehouse that is corrupted ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or a view of `build`."""

    name: str
    columns: Mapping[str, str]  # name -> type
    labels: tuple[str, ...]  # columns of text with few values


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Relation):
    """A model of dbt that is a table, and what its full build says."""

    query: str
    parents: tuple[str, ...]  # tables, through views

    @property
    def layer(self) -> Layer:
        if self.name.startswith("stg_"):
            return "staging"
        return "intermediate" if self.name.startswith("int_") else "build"


@dataclass(frozen=True, slots=True)
class Base:
    """A warehouse with a night that is built and not published, after others that are."""

    settings: Settings
    run: "runs.Run"
    models: Mapping[str, Model]  # in the order in which they can be built
    published: Sequence[Relation]


def prepare(home: Path, tell: Callable[[str], None] = print) -> Base:
    """Make the warehouse to corrupt under `home`, or take the one there if models and policies are
    still the same. Sets the environment of this process to it."""
    settings, made = standing(home, SIZE, lambda its: {"run_id": _nights(its, tell)}, tell)
    with db.connect(inside(settings, BASE)) as conn:
        run = runs.get(conn, made["run_id"])
        models = _models(conn, settings, run)
        return Base(settings, run, models, shown(conn, settings, run))


def standing(
    home: Path,
    size: str,
    make: Callable[[Settings], dict[str, Any]],
    tell: Callable[[str], None],
) -> tuple[Settings, dict[str, Any]]:
    """Have the server of a warehouse of its own running under `home`, with what `make` made there
    and gave: once, and again where models or policies are others since. The sandbox is of `size`.
    Sets the environment of this process to it."""
    environment = {
        "ANSWERABLE_HOME": str(home),
        "ANSWERABLE_REPORTS": str(home / "reports"),
        "ANSWERABLE_SANDBOX_SIZE": size,
        "ANSWERABLE_IDENTITY_SECRET": "of a warehouse that is made to be corrupted",
    }
    for name in [name for name in os.environ if name.startswith(("ANSWERABLE_", "AIRFLOW_CONN_"))]:
        del os.environ[name]
    os.environ.pop("POLICY", None)
    os.environ.update(environment)
    settings = Settings.from_environment()
    mark = home / "mutate.json"
    state = hashlib.sha256((dbt.fingerprint(settings) + size).encode()).hexdigest()
    if mark.exists():
        kept = json.loads(mark.read_text(encoding="utf-8"))
        if kept["state"] == state:
            postgres.start(home, environ={}, is_durable=False, tell=lambda text: None)
            return settings, kept
    if (home / "postgres").exists():
        postgres.stop(home)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    postgres.start(home, environ={}, is_durable=False, tell=lambda text: None)
    tell("making the warehouse to corrupt: some minutes, once")
    with db.connect(settings) as conn:
        setup.prepare(conn)
        roles.grant(conn, Schemas.of(""))
    made = make(settings) | {"state": state}
    mark.write_text(json.dumps(made), encoding="utf-8")
    return settings, made


def _nights(settings: Settings, tell: Callable[[str], None]) -> str:
    """Publish all nights but the last, build that, and keep the database as BASE."""
    for night in NIGHTS[:-1]:
        usual_night(night)
        tell(f"  the night of {night} is published")
    with db.connect(settings) as conn:
        conn.execute(f"create schema {STALE}")
        for _, table in db.tables(conn, ["build"]):
            copied = sql.SQL("create table {} as table {}")
            conn.execute(
                copied.format(sql.Identifier(STALE, table), sql.Identifier("build", table))
            )
    run_id = usual_night(NIGHTS[-1], is_shown=False)
    tell(f"  the night of {NIGHTS[-1]} is built")
    keep(settings, BASE)
    return run_id


def usual_night(night: date, *, is_shown: bool = True) -> str:
    """A night of the sandbox as it comes; gives its run."""
    settings = Settings.from_environment()
    as_of = runs.start_of_day(night, ZoneInfo(settings.company_timezone))
    with sandbox.serving(as_of) as served:
        told = pipeline.run_night(
            night.isoformat(),
            connections=sandbox.connections(served),
            is_sandbox=True,
            is_shown=is_shown,
        )
    return told["run_id"]


def _models(conn: psycopg.Connection, settings: Settings, run: "runs.Run") -> dict[str, Model]:
    """dbt's models that are tables in `build`, in the order in which they can be built."""
    nodes = dict(dbt.compiled(conn, settings, replace(run, is_full=True)))
    # what may differ is asked of the corrupted night as of any other
    in_increments = dbt.compiled(conn, settings, run)
    nodes |= {name: in_increments[name] for name in BOOKKEEPING}
    nodes[IDENTITY] = dbt.Compiled(query="", parents=IDENTITY_READS)
    show_whole(conn, {name: node.query for name, node in nodes.items()})
    built = _tables(conn)

    def tables_of(name: str) -> set[str]:
        found: set[str] = set()
        for parent in nodes[name].parents:
            if parent in nodes:
                is_table = parent in built or parent == IDENTITY
                found |= {parent} if is_table else tables_of(parent)
        return found

    ordered: dict[str, Model] = {}
    nothing = Relation(name=IDENTITY, columns={}, labels=())

    def put(name: str) -> None:
        if name in ordered or name not in {IDENTITY, *built}:
            return
        parents = tuple(sorted(tables_of(name)))
        for parent in parents:
            put(parent)
        table = built.get(name, nothing)
        ordered[name] = Model(
            name=name,
            query=nodes[name].query,
            columns=table.columns,
            labels=table.labels,
            parents=parents,
        )

    for name in sorted(nodes):
        put(name)
    return ordered


def show_whole(conn: psycopg.Connection, queries: Mapping[str, str]) -> None:
    """Have the views in `build` show all that their models say: in an increment, what is dirty."""
    for _, view in db.tables(conn, ["build"], ("v",)):
        made = sql.SQL("create or replace view {} as ").format(sql.Identifier("build", view))
        conn.execute(made.as_string() + queries[view])


def shown(conn: psycopg.Connection, settings: Settings, run: "runs.Run") -> list[Relation]:
    """What readers would see of a night that is built."""
    relations = _tables(conn) | _views(conn)
    models = published_models(dbt.manifest_path(settings, run))
    return [relations[each.table] for each in models]


def _tables(conn: psycopg.Connection) -> dict[str, Relation]:
    columns = _columns(conn, "r")
    labels: dict[str, list[str]] = {}
    for table, column in conn.execute(
        "select tablename, attname from pg_stats where schemaname = 'build' and"
        " n_distinct between 2 and %s order by 1, 2",
        [FEW],
    ).fetchall():
        if columns.get(table, {}).get(column) == "text":  # there are statistics of indexes, too
            labels.setdefault(table, []).append(column)
    return {
        table: Relation(name=table, columns=its, labels=tuple(labels.get(table, ())))
        for table, its in columns.items()
    }


def _views(conn: psycopg.Connection) -> dict[str, Relation]:
    """The views in `build`. The server keeps no statistics of them, so their values are counted."""
    found = {}
    for view, columns in _columns(conn, "v").items():
        texts = [name for name, kind in columns.items() if kind == "text"]
        counts = [sql.SQL("count(distinct {})").format(sql.Identifier(column)) for column in texts]
        query = sql.SQL("select {} from {}").format(
            sql.SQL(", ").join([sql.SQL("null"), *counts]), sql.Identifier("build", view)
        )
        _, *values = conn.execute(query).fetchone()
        labels = [name for name, count in zip(texts, values, strict=True) if 2 <= count <= FEW]
        found[view] = Relation(name=view, columns=columns, labels=tuple(labels))
    return found


def _columns(conn: psycopg.Connection, kind: str) -> dict[str, dict[str, str]]:
    """By table (`r`) or view (`v`) in `build`, its columns and their types."""
    found: dict[str, dict[str, str]] = {}
    for relation, column, of_type in conn.execute(
        "select relname, attname, format_type(atttypid, null) from pg_attribute"
        " join pg_class on attrelid = pg_class.oid"
        " where relkind = %s and relnamespace = 'build'::regnamespace and attnum > 0"
        " and not attisdropped order by relname, attnum",
        [kind],
    ).fetchall():
        found.setdefault(relation, {})[column] = of_type
    return found


# -- one corruption -----------------------------------------------------------------------------


def drawn(seed: int, base: Base) -> Corruption:
    """The corruption of that seed: the same for the same models."""
    dice = random.Random(f"corruption {seed}")
    tables = {
        layer: [
            each
            for each in base.models.values()
            if each.layer == layer
            and each.columns
            and each.name not in BOOKKEEPING
            and not each.name.startswith("stg_policy__")
        ]
        for layer in ("staging", "intermediate", "build")
    }
    while True:
        layer = dice.choice(list(tables))
        model = dice.choice(tables[layer])
        operation = dice.choice(list(OPERATIONS))
        share = dice.choice(SHARES)
        made = OPERATIONS[operation](model, dice)
        if made is not None:
            column, detail = made
            return Corruption(
                seed=seed,
                operation=operation,
                layer=model.layer,
                table=model.name,
                share=share,
                column=column,
                detail=detail,
            )


Made = tuple[str | None, str] | None


def _whole(model: Model, dice: random.Random) -> Made:
    return None, ""


def _null(model: Model, dice: random.Random) -> Made:
    return dice.choice(list(model.columns)), ""


def _shift(model: Model, dice: random.Random) -> Made:
    instants = [name for name, kind in model.columns.items() if kind.startswith("timestamp")]
    return (dice.choice(instants), dice.choice(SHIFTS)) if instants else None


def _swap(model: Model, dice: random.Random) -> Made:
    return (dice.choice(model.labels), "") if model.labels else None


def _scale(model: Model, dice: random.Random) -> Made:
    numbers = [name for name, kind in model.columns.items() if kind in NUMBERS]
    return (dice.choice(numbers), dice.choice(FACTORS)) if numbers else None


OPERATIONS: Mapping[str, Callable[[Model, random.Random], Made]] = {
    "drop": _whole,
    "duplicate": _whole,
    "null": _null,
    "shift_time": _shift,
    "swap_labels": _swap,
    "stale_copy": _whole,
    "truncate": _whole,
    "scale": _scale,
}

# A share of the rows, the same ones for the same seed; at least one where there is any.
SAMPLE = (
    "(select ctid from {table} order by hashtextextended(ctid::text, {seed})"
    " limit greatest(1, round({share} * (select count(*) from {table}))::bigint))"
)
# Rows of a share of what the first column names, as the table had them a night ago.
OF_A_SHARE = "abs(hashtextextended({first}::text, {seed}) % 1000) < 1000 * {share}"
STATEMENTS: Mapping[str, tuple[str, ...]] = {
    "drop": ("delete from {table} where ctid in " + SAMPLE,),
    "duplicate": ("insert into {table} select * from {table} where ctid in " + SAMPLE,),
    "null": ("update {table} set {column} = null where ctid in " + SAMPLE,),
    "shift_time": (
        "update {table} set {column} = {column} + {detail}::interval where ctid in " + SAMPLE,
    ),
    # each value becomes the next one of those that there are
    "swap_labels": (
        "update {table} as corrupted set {column} = others.next from (select {column} as value,"
        " coalesce(lead({column}) over (order by {column}), first_value({column}) over"
        " (order by {column})) as next from {table} where {column} is not null group by {column})"
        " as others where corrupted.{column} = others.value and corrupted.ctid in " + SAMPLE,
    ),
    "stale_copy": (
        "delete from {table} where " + OF_A_SHARE,
        "insert into {table} select * from {stale} where " + OF_A_SHARE,
    ),
    # what came last is not there
    "truncate": (
        "delete from {table} where ctid in (select ctid from {table} order by ctid desc"
        " limit greatest(1, round({share} * (select count(*) from {table}))::bigint))",
    ),
    "scale": ("update {table} set {column} = {column} * {factor} where ctid in " + SAMPLE,),
}


def corrupt(conn: psycopg.Connection, corruption: Corruption, model: Model) -> int:
    """Do it to the table; gives how many rows were touched."""
    names = {
        "table": sql.Identifier("build", model.name),
        "stale": sql.Identifier(STALE, model.name),
        "first": sql.Identifier(next(iter(model.columns))),
        "column": sql.Identifier(corruption.column or "-"),
        "detail": sql.Literal(corruption.detail),
        "factor": sql.SQL(corruption.detail or "1"),
        "seed": sql.Literal(corruption.seed),
        "share": sql.Literal(corruption.share),
    }
    if corruption.operation == "stale_copy" and not shape(conn, STALE, model.name):
        return 0
    return sum(
        conn.execute(sql.SQL(statement).format(**names)).rowcount
        for statement in STATEMENTS[corruption.operation]
    )


def downstream(base: Base, table: str) -> list[str]:
    """Tables that follow from this one, in the order in which they can be built; among them the
    identity step, as IDENTITY."""
    found = {table}
    for name, model in base.models.items():
        if found & set(model.parents):
            found.add(name)
    return [name for name in base.models if name in found - {table}]


def rebuild(
    conn: psycopg.Connection, base: Base, settings: Settings, tables: Sequence[str]
) -> None:
    """Fill these tables anew, in full, from what is there."""
    conn.execute("set default_statistics_target = 40")
    for name in tables:
        if name == IDENTITY:
            identity.resolve(base.run.run_id, settings=settings)
            continue
        model = base.models[name]
        table = sql.Identifier("build", name)
        if name not in BOOKKEEPING:  # those add to what they have
            conn.execute(sql.SQL("truncate {}").format(table))
        conn.execute(
            sql.SQL("insert into {} ({}) select {} from (")
            .format(table, *[sql.SQL(", ").join(map(sql.Identifier, model.columns))] * 2)
            .as_string(conn)
            + model.query
            + "\n) as built"
        )
        conn.execute(sql.SQL("analyze {}").format(table))


# -- what is published --------------------------------------------------------------------------

Figures = dict[str, dict[str, float]]  # name -> its parts; a sum has one, a count one per value


def figures(conn: psycopg.Connection, base: Base) -> Figures:
    """What readers would see of this night, as numbers: of each published relation how many rows,
    the sum of each number, how many are true, are there, have each value, are of each day."""
    found: Figures = {}
    for relation in base.published:
        sums = {"rows": sql.SQL("count(*)")}
        groups = {}
        for column, kind in relation.columns.items():
            name = sql.Identifier(column)
            if kind in NUMBERS:
                sums[column] = sql.SQL("coalesce(sum({}), 0)").format(name)
            elif kind == "boolean":
                sums[column] = sql.SQL("count(*) filter (where {})").format(name)
            elif column in relation.labels:
                groups[column] = name
            elif kind.startswith("timestamp") or kind == "date":
                groups[column] = sql.SQL("{}::date").format(name)
            else:
                sums[column] = sql.SQL("count({})").format(name)
        table = sql.Identifier("build", relation.name)
        query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(sums.values()), table)
        for column, value in zip(sums, conn.execute(query).fetchone(), strict=True):
            found[f"{relation.name}.{column}"] = {"": float(value)}
        for column, value in groups.items():
            query = sql.SQL("select ({})::text, count(*) from {} group by 1").format(value, table)
            found[f"{relation.name}.{column}"] = {
                str(name): float(count) for name, count in conn.execute(query).fetchall()
            }
    return found


def moved(before: Figures, after: Figures) -> dict[str, float]:
    """Figures that moved by more than HARMFUL, and by what share of what they were."""
    found = {}
    for name, parts in before.items():
        now = after[name]
        size = sum(map(abs, parts.values()))
        gap = sum(abs(parts.get(part, 0) - now.get(part, 0)) for part in parts.keys() | now.keys())
        if gap > HARMFUL * size:
            found[name] = gap / size if size else 1.0
    return found


# -- trying -------------------------------------------------------------------------------------


def attempt(base: Base, seed: int, before: Figures) -> Outcome:
    """Corrupt a copy of the warehouse as the seed says, build on it, and ask the gate."""
    corruption = drawn(seed, base)
    with (
        copy(base.settings, f"mutate_{os.getpid()}") as settings,
        db.connect(settings, autocommit=True) as conn,
    ):
        count = corrupt(conn, corruption, base.models[corruption.table])
        after = before
        try:
            rebuild(conn, base, settings, downstream(base, corruption.table))
            after = figures(conn, base)
            error = None
        except (psycopg.Error, ArithmeticError, ValueError) as failed:
            error = str(failed).splitlines()[0]
        stopped: list[str] = []
        if error is None:
            try:
                gate.check(base.run.run_id, settings=settings)
            except gate.GateFailed as red:
                stopped = [f"{result.table} {result.rule}" for result in red.results]
    return Outcome(
        corruption=corruption,
        row_count=count,
        moved=moved(before, after),
        stopped_by=tuple(stopped),
        error=error,
    )


def attempts(base: Base, seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """The outcome of each seed, as they come; `jobs` at the same time."""
    before = undisturbed(base)
    return side_by_side(attempt, [(base, seed, before) for seed in seeds], jobs)


def side_by_side(
    tried: Callable[..., Tried], calls: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Tried]:
    """What `tried` gives for these arguments, as they come; `jobs` at the same time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=quietly) as pool:
        pending = [pool.submit(tried, *call) for call in calls]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            for each in pending:
                each.cancel()


def quietly() -> None:
    """What steps say of themselves is nobody's interest here; what they raise is told."""
    logging.disable(logging.ERROR)


@contextlib.contextmanager
def copy(base_settings: Settings, name: str, template: str = BASE) -> Iterator[Settings]:
    """The warehouse again, under another name, as long as the block lasts."""
    with _maintenance(base_settings) as conn:
        _copy(conn, template, name)
    try:
        yield inside(base_settings, name)
    finally:
        with _maintenance(base_settings) as conn:
            conn.execute(_dropped(name))


def keep(settings: Settings, name: str) -> None:
    """Keep the warehouse as it is under that name, to be copied. Whoever is in it is put out."""
    with _maintenance(settings) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
            [postgres.WAREHOUSE],
        )
        _copy(conn, postgres.WAREHOUSE, name)


def _copy(conn: psycopg.Connection, template: str, name: str) -> None:
    conn.execute(_dropped(name))
    conn.execute(
        sql.SQL("create database {} template {} owner {}").format(
            *map(sql.Identifier, (name, template, postgres.OWNER))
        )
    )


def _dropped(name: str) -> sql.Composed:
    return sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))


def undisturbed(base: Base) -> Figures:
    """The figures of the night as it was built."""
    with db.connect(inside(base.settings, BASE)) as conn:
        return figures(conn, base)


def close(home: Path) -> None:
    """Stop the server of the warehouse that is corrupted; it is kept for the next time."""
    postgres.stop(home)


def inside(settings: Settings, database: str) -> Settings:
    """The same server's database of that name."""
    url = settings.warehouse_url.rsplit("/", 1)[0]
    return replace(settings, _warehouse_url=f"{url}/{database}")


def _maintenance(settings: Settings) -> psycopg.Connection:
    admin = postgres.cluster_of(settings.home).url(postgres.ADMIN)
    return psycopg.connect(admin, dbname="postgres", autocommit=True)
