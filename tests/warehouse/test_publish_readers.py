"""Readers of every kind beside a thousand publications: no error, no empty mart, never two nights.

Every row of every mart carries the name of the run that made it, and every run changes all of them.
"""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import psycopg
import pytest
from marts_by_hand import AS_OF, CONTRACTS, make_build, models, start_run
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from answerable.runtime import postgres
from answerable.settings import Settings
from answerable.warehouse.publish import Published, publish

ROWS = 3  # of each mart
BESIDE = "beside_the_warehouse"
RUN = re.compile(r"run-\d{5}")
A_ROWS_VALUE = {
    "text": "'k' || i",
    "timestamp": "timestamp '2026-01-01' + make_interval(days => i)",
    "date": "date '2026-01-01' + i",
    "integer": "i",
    "bigint": "i",
    "boolean": "true",
}


@pytest.mark.parametrize(
    ("publications", "long_seconds"),
    [(25, 3), pytest.param(1_000, 60, marks=pytest.mark.slow)],
)
def test_no_reader_meets_an_error_an_empty_mart_or_two_nights(
    pg, settings, warehouse, publications, long_seconds
):
    marked = _fill(warehouse)
    nights = _nights(warehouse, settings, marked)
    next(nights)
    readers = [
        Reader("one statement over all marts", _one_statement),
        Reader("a REPEATABLE READ transaction", _repeatable_read),
        Reader("a view in another schema", _view),
        Reader("a prepared statement", _prepared),
        Reader("postgres_fdw", _foreign),
        Reader("pg_dump", _dump),
    ]
    with _another_database(pg, settings), _reading(readers, settings, marked):
        slow = Reader("a reader of a minute", _long(long_seconds))
        begun = time.monotonic()
        with _reading([slow], settings, marked):
            while (time.monotonic() - begun) < 0.8 * long_seconds:
                next(nights)
            beside_the_slow_one = _published(warehouse) - 1
            slow.stop.set()
        for _ in range(publications - beside_the_slow_one - 1):
            next(nights)
    # had one waited for the slow reader, it would have been the only one
    assert beside_the_slow_one > 1, "publications wait for a reader"
    assert _published(warehouse) >= publications
    for reader in [*readers, slow]:
        assert reader.problems == [], reader.name
        assert reader.times > 0, f"{reader.name} never read"
    for reader in readers:
        assert len(reader.runs) > 1, f"{reader.name} saw one night alone"


def test_a_transaction_of_several_statements_may_see_two_nights(settings, warehouse):
    """What the documentation says of READ COMMITTED, PostgreSQL's default."""
    nights = _nights(warehouse, settings, _fill(warehouse))
    next(nights)
    with psycopg.connect(settings.warehouse_url) as reader:
        first = reader.execute("select run_id from marts.publication").fetchone()
        next(nights)
        assert reader.execute("select run_id from marts.publication").fetchone() != first


# -- nights -------------------------------------------------------------------------------------


def _fill(conn: psycopg.Connection) -> dict[str, str]:
    """Some rows in each table of `build`; gives the column of each that says which run made it."""
    make_build(conn)
    marked = {}
    for table, (model, types) in CONTRACTS.items():
        texts = [name for name, kind in types.items() if kind == "text"]
        # a report may have no text but its key, which a run then changes
        marked[table] = next((name for name in texts if name not in model.key), texts[-1])
        conn.execute(
            sql.SQL("insert into {} ({}) select {} from generate_series(1, {}) as i").format(
                sql.Identifier("build", table),
                sql.SQL(", ").join(map(sql.Identifier, model.key)),
                sql.SQL(", ".join(A_ROWS_VALUE[types[name]] for name in model.key)),
                sql.Literal(ROWS),
            )
        )
    conn.commit()
    return marked


def _nights(conn: psycopg.Connection, settings: Settings, marked: dict[str, str]) -> Iterator[None]:
    """Each `next` builds and publishes a night in which every row of every mart is another."""
    for number in count(1):
        run = f"run-{number:05}"
        for table, column in marked.items():
            conn.execute(
                sql.SQL("update {} set {} = %s").format(
                    sql.Identifier("build", table), sql.Identifier(column)
                ),
                [run],
            )
        start_run(conn, run, AS_OF + number * timedelta(days=1))
        receipt = publish(run, models=models(), settings=settings)
        assert receipt["rows_out"] == (ROWS * len(marked) + 1 if number > 1 else 0)
        yield


def _published(conn: psycopg.Connection) -> int:
    return conn.execute("select count(*) from ops.publications").fetchone()[0]


# -- readers ------------------------------------------------------------------------------------


@dataclass
class Reader:
    """Reads until it is stopped, and notes what it should not have met."""

    name: str
    read: Callable[["Reader", Settings, dict[str, str]], Iterator[list[str]]]
    stop: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    times: int = 0

    def loop(self, settings: Settings, marked: dict[str, str]) -> None:
        try:
            for found in self.read(self, settings, marked):
                self.times += 1
                expected = ROWS * len(marked) + 1
                if len(found) != expected:
                    self.problems.append(f"{len(found)} rows, not {expected}")
                if len(set(found)) != 1:
                    self.problems.append(f"two nights at once: {sorted(set(found))}")
                self.runs.update(found)
                if self.stop.is_set() or len(self.problems) > 3:
                    return
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")


@contextmanager
def _reading(readers: list[Reader], settings: Settings, marked: dict[str, str]) -> Iterator[None]:
    threads = [threading.Thread(target=reader.loop, args=(settings, marked)) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for reader in readers:
            reader.stop.set()
        for thread in threads:
            thread.join()


def _in_mart(model: Published) -> str:
    return f"{model.schema}.{model.table}"


def _everything(marked: dict[str, str], name: Callable[[Published], str] = _in_mart) -> str:
    """The run of each row of each mart, and of `publication`, in one statement."""
    publication = name(Published(table="publication", schema="marts", key=("run_id",)))
    return " union all ".join(
        [f"select run_id as run from {publication}"]
        + [f"select {marked[model.table]} from {name(model)}" for model in models()]
    )


def _one_statement(reader, settings, marked):
    with psycopg.connect(settings.warehouse_url, autocommit=True) as conn:
        while True:  # without parameters psycopg sends it by the simple protocol
            yield [run for (run,) in conn.execute(_everything(marked))]


def _repeatable_read(reader, settings, marked):
    with psycopg.connect(settings.warehouse_url) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        while True:
            found = [run for (run,) in conn.execute("select run_id from marts.publication")]
            for model in models():
                rows = conn.execute(f"select {marked[model.table]} from {_in_mart(model)}")
                found += [run for (run,) in rows]
            conn.commit()
            yield found


def _view(reader, settings, marked):
    with psycopg.connect(settings.warehouse_url, autocommit=True) as conn:
        conn.execute("create schema bi")
        conn.execute(f"create view bi.everything as {_everything(marked)}")
        while True:
            yield [run for (run,) in conn.execute("select run from bi.everything")]


def _prepared(reader, settings, marked):
    with psycopg.connect(settings.warehouse_url, autocommit=True) as conn:
        conn.execute(f"prepare everything as {_everything(marked)}")
        while True:
            yield [run for (run,) in conn.execute("execute everything")]


@contextmanager
def _another_database(pg: postgres.Cluster, settings: Settings) -> Iterator[None]:
    """A database in which the marts are foreign tables."""
    admin = pg.url(postgres.ADMIN)
    with psycopg.connect(admin, dbname="postgres", autocommit=True) as conn:
        conn.execute(f"create database {BESIDE} owner {postgres.OWNER}")
        try:
            with psycopg.connect(admin, dbname=BESIDE, autocommit=True) as beside:
                beside.execute("create extension postgres_fdw")
                beside.execute(
                    f"grant usage on foreign data wrapper postgres_fdw to {postgres.OWNER}"
                )
            info = conninfo_to_dict(settings.warehouse_url)
            with psycopg.connect(settings.warehouse_url, dbname=BESIDE, autocommit=True) as beside:
                for statement in (
                    "create server warehouse foreign data wrapper postgres_fdw"
                    f" options (host '{info['host']}', port '{info['port']}',"
                    f" dbname '{info['dbname']}')",
                    "create user mapping for current_user server warehouse"
                    f" options (user '{info['user']}', password '{info['password']}')",
                    "import foreign schema marts from server warehouse into public",
                    "import foreign schema private from server warehouse into public",
                ):
                    beside.execute(statement)
            yield
        finally:
            conn.execute(f"drop database {BESIDE} with (force)")


def _foreign(reader, settings, marked):
    with psycopg.connect(settings.warehouse_url, dbname=BESIDE, autocommit=True) as conn:
        while True:
            yield [run for (run,) in conn.execute(_everything(marked, lambda model: model.table))]


def _dump(reader, settings, marked):
    dump = postgres.binary("pg_dump")
    while True:
        told = subprocess.run(
            [dump, "--data-only", "--schema=marts", "--schema=private", settings.warehouse_url],
            check=True,
            capture_output=True,
            text=True,
        )
        yield RUN.findall(told.stdout)


def _long(seconds: float) -> Callable[..., Iterator[list[str]]]:
    def read(reader, settings, marked):
        with psycopg.connect(settings.warehouse_url, autocommit=True) as conn:
            while True:
                yield [
                    run
                    for (run,) in conn.execute(
                        f"select everything.run from ({_everything(marked)}) as everything"
                        f" cross join (select pg_sleep({seconds})) as slept"
                    )
                ]

    return read
