"""The same nights again and again: from a kept state, with something that goes wrong, compared."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from forks import Forks, Hook, Night, Request
from psycopg import sql
from small_disks import SmallDisk

from answerable.runtime import postgres, sandbox
from answerable.sandbox.server import Faults, Handle, serve
from answerable.settings import ROOT, Settings
from answerable.warehouse import roles, setup
from answerable.warehouse.db import connect
from answerable.warehouse.names import Schemas

SIZE = 0.03
PAGE = 12  # records; a small company fills few pages otherwise
FIRST, SECOND, THIRD = "2025-12-11", "2025-12-16", "2025-12-21"
QUICK = {"first_wait": 0.01, "longest_wait": 0.05, "read": 5.0}
# what tells of the run itself and not of what it found
OWN = {"publication": {"published_at", "run_id", "sources"}}
# public numbers are as of a look: what a night could not see no later one brings
NUMBERS = {"impression_count", "author_follower_count"}
SEEN_ONCE = {
    "marts.fct_interaction_metrics": NUMBERS
    | {"observed_on", "observed_at", "repost_count", "public_reply_count"}
    | {"like_count", "quote_count"},
    "marts.rpt_mentions_daily": NUMBERS,
    "marts.rpt_unprompted_mentions": NUMBERS,
}
KEPT_FOLDERS = ("landing", "dbt")

Published = dict[str, dict[str, Any]]  # table -> columns and rows; "sources" -> what is stale


@dataclass
class Trials:
    """A server and a home of their own, states of them that are kept, and nights upon them."""

    home: Path
    forks: Forks
    is_durable: bool = False
    size: float = SIZE
    policy: Path = ROOT / "dbt_project" / "seeds" / "policy"
    disk: SmallDisk | None = None  # where the home is, if not on the system's own
    cluster: postgres.Cluster = field(init=False)
    nights: list[Night] = field(default_factory=list)
    _undisturbed: dict[str, Published] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start_server()
        with connect(self.settings) as conn:
            setup.prepare(conn)
            roles.grant(conn, Schemas.of(""))
        self.keep("nothing")

    # -- the server ------------------------------------------------------------------------

    def start_server(self) -> None:
        if self.disk is None:
            postgres.start(self.home, environ={}, is_durable=self.is_durable)
        else:
            self._inside("start(home, environ={}, is_durable=False)")
        self.cluster = postgres.cluster_of(self.home)

    def _inside(self, call: str) -> None:
        """Call a function of the server's module where the disk is mounted."""
        assert self.disk is not None
        home = self.disk.mounted / self.home.relative_to(self.disk.at)
        self.disk.python(
            "from pathlib import Path; from answerable.runtime import postgres;"
            f" home = Path({str(home)!r}); postgres.{call}",
            os.environ | {"PYTHONPATH": str(ROOT / "plugins")},
        )

    @property
    def postmaster(self) -> int:
        pid = postgres._postmaster_pid(self.cluster)
        assert pid is not None
        return pid

    def is_up(self) -> bool:
        return postgres.is_running(self.cluster)

    def close(self) -> None:
        for night in self.nights:
            if not night.ended.is_set():
                night.kill()
        if self.disk is None:
            postgres.stop(self.home)
        else:
            self._inside("stop(home)")

    @property
    def environ(self) -> dict[str, str]:
        kept = {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV"}
        return {k: v for k, v in os.environ.items() if k in kept} | {
            "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT / 'tests' / 'helpers'}",
            "ANSWERABLE_HOME": str(self.home),
            "ANSWERABLE_REPORTS": str(self.home / "reports"),
            "ANSWERABLE_SANDBOX_SIZE": str(self.size),
            "ANSWERABLE_WAREHOUSE_URL": self.cluster.url(),
            "ANSWERABLE_IDENTITY_SECRET": "the same in each of the trials",
            "POLICY": str(self.policy),
        }

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environ)

    # -- states that are kept --------------------------------------------------------------

    def _databases(self) -> psycopg.Connection:
        return psycopg.connect(self.cluster.url(postgres.ADMIN), dbname="postgres", autocommit=True)

    def keep(self, name: str) -> None:
        """Keep what there is now, to go back to."""
        with self._databases() as conn:
            _end_sessions(conn, postgres.WAREHOUSE)
            conn.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(f"kept_{name}"), sql.Identifier(postgres.WAREHOUSE)
                )
            )
        for folder in KEPT_FOLDERS:
            if (self.home / folder).exists():
                shutil.copytree(self.home / folder, self.home / "kept" / name / folder)

    def warm(self, name: str) -> None:
        """Call it after a night from a kept state: the next one from there finds the project
        parsed, which is half of what dbt does."""
        kept = self.home / "kept" / name / "dbt"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.home / "dbt", kept)

    def back_to(self, name: str) -> None:
        with self._databases() as conn:
            _end_sessions(conn, postgres.WAREHOUSE)
            warehouse = sql.Identifier(postgres.WAREHOUSE)
            conn.execute(sql.SQL("drop database {} with (force)").format(warehouse))
            conn.execute(
                sql.SQL("create database {} template {} owner {}").format(
                    warehouse, sql.Identifier(f"kept_{name}"), sql.Identifier(postgres.OWNER)
                )
            )
            # Sequences write ahead what they will give next. Those of a copy have not, until a
            # checkpoint: after a crash they would give the same numbers again.
            conn.execute("checkpoint")
        for folder in KEPT_FOLDERS:
            shutil.rmtree(self.home / folder, ignore_errors=True)
            if (kept := self.home / "kept" / name / folder).exists():
                shutil.copytree(kept, self.home / folder)

    # -- nights ----------------------------------------------------------------------------

    @contextmanager
    def sources(self, present: str = SECOND, faults: Faults = (), **more: Any) -> Iterator[Handle]:
        options = {"size": self.size, "largest_page": PAGE} | more
        with serve(present=present, faults=faults, **options) as handle:
            yield handle

    def begin(
        self,
        day: str,
        handle: Handle,
        *,
        hooks: Sequence[Hook] = (),
        limits: Mapping[str, Any] | None = None,
        accounts: Sequence[Mapping[str, Any]] | None = None,
        environ: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Night:
        if accounts is None:
            accounts = accounts_at(handle)
        for account in accounts:
            account["extra"]["limits"] = QUICK | dict(limits or {})  # type: ignore[index]
        night = self.forks.begin(
            Request(
                day=day,
                environ=self.environ | dict(environ or {}),
                accounts=accounts,
                hooks=hooks,
                **more,
            )
        )
        self.nights.append(night)
        return night

    def night(self, day: str, handle: Handle, **more: Any) -> Night:
        return self.begin(day, handle, **more).end()

    def good_night(self, day: str, handle: Handle, **more: Any) -> Night:
        night = self.night(day, handle, **more)
        assert night.code == 0, night.said[-6000:]
        return night

    def undisturbed(self, day: str) -> Published:
        """What is published after nights without faults up to the day, a state that is kept."""
        if day not in self._undisturbed:
            before = {FIRST: "nothing", SECOND: FIRST, THIRD: SECOND}[day]
            if before != "nothing":
                self.undisturbed(before)
            self.back_to(before)
            with self.sources(day) as handle:
                self.good_night(day, handle)
            self.warm(before)
            self.keep(day)
            self._undisturbed[day] = self.published()
            assert self.stale() == {} and self.quarantined() == []
        return self._undisturbed[day]

    # -- what came of them -----------------------------------------------------------------

    def ask(self, query: str, *values: Any) -> list[tuple]:
        with connect(self.settings) as conn:
            return conn.execute(query, values).fetchall()

    def execute(self, statement: str) -> None:
        with connect(self.settings, autocommit=True) as conn:
            conn.execute(statement)  # type: ignore[arg-type]

    def published(self, prefix: str = "") -> Published:
        """Every column of every row that readers of `marts` and `private` have, in order."""
        schemas = {f"{prefix}_private": "private", prefix: "marts"} if prefix else None
        schemas = schemas or {"marts": "marts", "private": "private"}
        found: Published = {}
        with connect(self.settings) as conn:
            tables = conn.execute(
                "select table_schema, table_name, array_agg(column_name::text order by column_name)"
                " from information_schema.columns where table_schema = any(%s) group by 1, 2",
                [list(schemas)],
            ).fetchall()
            for schema, table, columns in tables:
                kept = [c for c in columns if c not in OWN.get(table, ())]
                picked = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c))
                                            for c in kept)  # fmt: skip
                rows = conn.execute(
                    sql.SQL("select {} from {}").format(picked, sql.Identifier(schema, table))
                ).fetchall()
                found[f"{schemas[schema]}.{table}"] = {
                    "columns": kept,
                    "rows": sorted(rows, key=repr),
                }
        assert len(found) > 10, f"nothing is published: {sorted(found)}"
        return found

    def stale(self) -> dict[str, list[str]]:
        """By source, the streams that the publication says are not of this night."""
        ((sources,),) = self.ask("select sources from marts.publication")
        told = json.loads(sources) if isinstance(sources, str) else sources
        assert all(each["is_stale"] == bool(each["stale_streams"]) for each in told.values())
        return {name: each["stale_streams"] for name, each in told.items() if each["is_stale"]}

    def quarantined(self) -> list[tuple[str, str]]:
        return self.ask("select source || '.' || stream, reason from raw.quarantine order by 1, 2")  # type: ignore[return-value]

    def streams(self) -> dict[str, str]:
        """What became of each stream in the newest run."""
        return dict(
            self.ask(
                "select source || '.' || stream, status from ops.stream_runs where run_id ="
                " (select run_id from ops.runs order by run_no desc limit 1)"
            )
        )

    def runs(self) -> list[tuple[str, str]]:
        return self.ask("select kind, status from ops.runs order by run_no")  # type: ignore


def accounts_at(handle: Handle) -> list[dict[str, Any]]:
    served = handle.airflow_connections()
    return [sandbox.account(name, served) for name in sandbox.SOURCES]


def _end_sessions(conn: psycopg.Connection, database: str) -> None:
    conn.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database]
    )


def unlike(found: Published, wanted: Published) -> dict[str, Any]:
    """By table: how many rows only the one or the other has, and how the first of them differs."""
    differing = {}
    for table in sorted(found.keys() | wanted.keys()):
        one, other = found.get(table), wanted.get(table)
        if one == other:
            continue
        if one is None or other is None or one["columns"] != other["columns"]:
            differing[table] = "another table"
            continue
        more, less = set(one["rows"]) - set(other["rows"]), set(other["rows"]) - set(one["rows"])
        differing[table] = f"{len(more)} more, {len(less)} less: " + _first(
            one["columns"], more, less
        )
    return differing


def but_for_numbers(found: Published) -> Published:
    """Without what networks showed of posts at the time."""
    return {
        table: _without(content, SEEN_ONCE[table]) if table in SEEN_ONCE else content
        for table, content in found.items()
    }


def _without(content: dict[str, Any], dropped: set[str]) -> dict[str, Any]:
    assert dropped <= set(content["columns"])
    places = [place for place, name in enumerate(content["columns"]) if name not in dropped]
    rows = (tuple(row[place] for place in places) for row in content["rows"])
    columns = [content["columns"][place] for place in places]
    return {"columns": columns, "rows": sorted(rows, key=repr)}


def _first(columns: list[str], more: set[tuple], less: set[tuple]) -> str:
    if not more or not less:
        return str(dict(zip(columns, min(more or less, key=repr), strict=True)))
    row = min(more, key=repr)
    pair = max(less, key=lambda each: sum(a == b for a, b in zip(row, each, strict=True)))
    return "; ".join(
        f"{name} {a!r} for {b!r}" if a != b else f"{name} {a!r}"
        for name, a, b in zip(columns, row, pair, strict=True)
        if a != b or name.endswith("_key") or name == "metric"
    )
