"""Serve a night wrong answers, and see who notices.

Each of `wrong_answers.py` is tried in a night of its own, from landing to the gate before
publishing, after enough published nights that what is learnt from history speaks: first of all
records that it concerns, then of fewer, until nobody notices. It all happens in copies of a
warehouse and a home of their own.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import psycopg

from answerable import pipeline, runs
from answerable.quality import mutate
from answerable.quality.gate import GateFailed
from answerable.quality.wrong_answers import (
    HOUR,
    WRONG_ANSWERS,
    Json,
    Name,
    Rewrite,
    Served,
    WrongAnswer,
    between,
    chosen,
    concerned,
    delivered,
    key_of,
    rewriting,
)
from answerable.runtime import sandbox
from answerable.sandbox import company, history, server, zendesk
from answerable.settings import Settings, environment
from answerable.sources import Connection
from answerable.warehouse import db, dbt

Became = Literal["stopped", "warned", "missed", "harmless"]

SIZE = "1"  # of the sandbox
NIGHT = date(2026, 3, 4)
NIGHTS_BEFORE = 30  # the first covers a history, and 28 are enough to learn from
BASE = "mutate_sources_base"
STEPS = {"check_raw": "the raw gate", "check": "the gate", "load": "load"}
KEPT = ("landing", "sandbox")  # of the home, what a night goes on from


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a night that was served a wrong answer."""

    name: str
    size: float
    record_count: int  # records that were changed, or minutes of which nothing was shown
    of_count: int  # of so many
    stopped_at: str | None = None
    stopped_by: tuple[str, ...] = ()  # table and rule, or what a step raised
    warned_by: tuple[str, ...] = ()  # rules that warn of it and not of the night as it is
    moved: Mapping[str, float] | None = None  # see mutate.moved; None where nothing was built

    @property
    def became(self) -> Became:
        if self.stopped_at:
            return "stopped"
        if self.warned_by:
            return "warned"
        return "missed" if self.moved else "harmless"

    def __str__(self) -> str:
        how = {
            "stopped": f"stopped at {self.stopped_at} by {', '.join(self.stopped_by[:3])}",
            "warned": f"warned by {', '.join(self.warned_by[:3])}",
            "missed": "not noticed",
            "harmless": "not noticed, and no figure moved",
        }[self.became]
        worst = sorted((self.moved or {}).items(), key=lambda item: -item[1])[:2]
        told = "".join(f"; {name} moved {share:.2%}" for name, share in worst)
        count = f"{self.record_count} of {self.of_count}"
        return f"{self.name}, {self.size:.1%} ({count}): {how}{told}"


@dataclass(frozen=True, slots=True)
class Base:
    """A warehouse with enough published nights, and the next one as it is when nothing is wrong."""

    shown: mutate.Base
    views: Mapping[str, str]  # by name, what a view in `build` says in full
    figures: mutate.Figures
    failing: Mapping[str, int]  # rules that do not hold all the same, and of how many rows
    served: Served


def prepare(
    home: Path,
    size: str = SIZE,
    tell: Callable[[str], None] = print,
) -> Base:
    """Make the warehouse under `home`, or take the one there if models and policies are still the
    same; and run the night undisturbed. Sets the environment of this process to it."""

    def make(settings: Settings) -> dict[str, Any]:
        for number in range(NIGHTS_BEFORE, 0, -1):
            night = NIGHT - timedelta(days=number)
            mutate.usual_night(night)
            tell(f"  the night of {night} is published")
        mutate.keep(settings, BASE)
        return {}

    settings, _ = mutate.standing(home, size, make, tell)
    served: dict[Name, dict[str, Json]] = {}

    def note(stream: Name, records: list[Json]) -> list[Json]:
        kept = served.setdefault(stream, {})
        kept.update((key_of(record, number), record) for number, record in enumerate(records))
        return records

    tell("the next night, undisturbed")
    with _night(settings, "undisturbed", note) as (its, run_id, error):
        if error is not None:
            raise error
        with db.connect(its, autocommit=True) as conn:
            run = runs.get(conn, run_id)
            failing = _failing(conn, run_id)
            nodes = dbt.compiled(conn, its, replace(run, is_full=True))
            views = {view: nodes[view].query for _, view in db.tables(conn, ["build"], ("v",))}
            mutate.show_whole(conn, views)
            shown = mutate.Base(settings, run, {}, mutate.shown(conn, its, run))
            figures = mutate.figures(conn, shown)
    warnings = {rule: count for (rule, severity), count in failing.items()}
    return Base(shown, views, figures, warnings, served)


@contextlib.contextmanager
def _night(
    settings: Settings,
    name: str,
    rewrite: Rewrite,
    resent: Mapping[Name, list[Json]] | None = None,
    late: Mapping[str, float] | None = None,
) -> Iterator[tuple[Settings, str | None, Exception | None]]:
    """The night in a copy of warehouse and home, its answers as `rewrite` has them, up to where it
    ends: before publishing, or where it failed. Gives the copy's settings, the run and why it
    failed. `late`: by source, of how many seconds it shows nothing. What dbt has parsed stays in
    the home for the next of that name."""
    as_of = runs.start_of_day(NIGHT, ZoneInfo(settings.company_timezone))
    home = settings.home / "attempts" / name
    for each in KEPT:
        shutil.rmtree(home / each, ignore_errors=True)
        shutil.copytree(settings.home / each, home / each)
    with (
        mutate.copy(settings, f"mutate_{name}", BASE) as its,
        environment({"ANSWERABLE_HOME": str(home), "ANSWERABLE_WAREHOUSE_URL": its.warehouse_url}),
        contextlib.ExitStack() as servers,
    ):
        its = Settings.from_environment()
        delivered(sandbox.deliver(its, as_of), rewrite)
        accounts = []
        for source in sandbox.SOURCES:
            behind = timedelta(seconds=(late or {}).get(source, 0))
            handle = servers.enter_context(
                server.serve(
                    size=float(os.environ["ANSWERABLE_SANDBOX_SIZE"]),
                    present=as_of.replace(tzinfo=UTC) - behind,
                    faults=between(rewrite, resent),
                )
            )
            told = sandbox.account(source, handle.airflow_connections())
            accounts.append(Connection.from_dict(told))
        error = None
        pipeline.failures.clear()
        try:
            told = pipeline.run_night(
                NIGHT.isoformat(), connections=accounts, is_sandbox=True, is_shown=False
            )
            pipeline.check(told["run_id"])
        except Exception as failed:
            error = failed
        with db.connect(its) as conn:
            (run_id,) = conn.execute(
                "select run_id from ops.runs order by run_no desc limit 1"
            ).fetchone()
        yield its, run_id, error


def _failing(conn: psycopg.Connection, run_id: str) -> dict[tuple[str, str], int]:
    """Rules that did not hold in a night, with their severity, and of how many rows."""
    return {
        (f"{table} {rule}", severity): count or 0
        for table, rule, severity, count in conn.execute(
            "select table_name, rule, severity, unexpected_count from ops.check_results"
            " where run_id = %s and not is_success order by suite, table_name, rule",
            [run_id],
        ).fetchall()
    }


# -- trying -------------------------------------------------------------------------------------


def trial(base: Base, name: str) -> list[Outcome]:
    """What becomes of a wrong answer of each size, from the largest on, until nobody notices."""
    wrong = WRONG_ANSWERS[name]
    served = _all_again(base, wrong) if wrong.resent else base.served
    outcomes: list[Outcome] = []
    tried: set[int] = set()
    for size in wrong.sizes:
        those = chosen(wrong, size, served)
        if not wrong.is_late and len(those) in tried:  # the same ones as of the larger size
            break
        tried.add(len(those))
        outcomes.append(attempt(base, wrong, size, those, served))
        if outcomes[-1].became in ("missed", "harmless"):
            break
    return outcomes


def attempt(
    base: Base, wrong: WrongAnswer, size: float, those: set[tuple[Name, str]], served: Served
) -> Outcome:
    """The night, served that."""
    late, resent = {}, {}
    counts = len(those), len(concerned(wrong, served))
    if wrong.is_late:
        late = {source: size * company.DAY for source, _ in wrong.streams}
        counts = round(size * company.DAY / 60), company.DAY // 60
    if wrong.resent:
        for stream, key in sorted(those):
            resent.setdefault(stream, []).append(served[stream][key])
    settings = base.shown.settings
    after: mutate.Figures | None = None
    with _night(settings, str(os.getpid()), rewriting(wrong, those), resent, late) as (
        its,
        run_id,
        error,
    ):
        step = pipeline.failures[-1].step if error is not None else None
        with db.connect(its, autocommit=True) as conn:
            failing = _failing(conn, run_id)
            if step in (None, "check"):
                mutate.show_whole(conn, base.views)
                after = mutate.figures(conn, base.shown)
    if isinstance(error, GateFailed):
        stopped_by = tuple(f"{each.table} {each.rule}" for each in error.results)
    else:
        stopped_by = () if error is None else (str(error).splitlines()[0],)
    return Outcome(
        name=wrong.name,
        size=size,
        record_count=counts[0],
        of_count=counts[1],
        stopped_at=step and STEPS.get(step, step),
        stopped_by=stopped_by,
        warned_by=tuple(
            rule
            for (rule, severity), count in failing.items()
            if severity == "warning" and count > base.failing.get(rule, 0)
        ),
        moved=None if after is None else mutate.moved(base.figures, after),
    )


def _all_again(base: Base, wrong: WrongAnswer) -> Served:
    """What the help desk has of a stream, as if changed an hour before the night."""
    ((source, stream),) = wrong.streams
    as_of = base.shown.run.as_of.replace(tzinfo=UTC)
    world = history.world(size=float(os.environ["ANSWERABLE_SANDBOX_SIZE"]))
    changed = int(as_of.timestamp()) - HOUR
    touched = {"updated_at": company.iso(changed), "generated_timestamp": changed}
    found = {}
    for _, id_, record in getattr(zendesk.ZendeskView(world, changed), stream):
        if wrong.resent(record):
            found[str(id_)] = record | {k: v for k, v in touched.items() if k in record}
    return {(source, stream): found}


def trials(base: Base, names: Sequence[str], jobs: int) -> Iterator[list[Outcome]]:
    """What became of each, as they come; `jobs` at the same time."""
    yield from mutate.side_by_side(trial, [(base, name) for name in names], jobs)
    shutil.rmtree(base.shown.settings.home / "attempts", ignore_errors=True)


# -- telling ------------------------------------------------------------------------------------

_SHORT = {"stopped": "stopped", "warned": "warned", "missed": "**missed**", "harmless": "no harm"}


def table(found: Sequence[Sequence[Outcome]]) -> str:
    """A row each, in the order of the list, as Markdown: what became of it by size, and who
    stopped it, or warned, of the smallest size that anybody noticed."""
    order = {name: number for number, name in enumerate(WRONG_ANSWERS)}
    sizes = sorted({one.size for each in found for one in each}, reverse=True)
    lines = [
        "| of one night's answers | records | "
        + " | ".join(f"{size:.1%}".replace(".0%", "%").replace("%", " %") for size in sizes)
        + " | noticed first by |",
        "| --- |" + " --- |" * (len(sizes) + 2),
    ]
    for outcomes in sorted(found, key=lambda each: order[each[0].name]):
        by_size = {one.size: _SHORT[one.became] for one in outcomes}
        noticed = [one for one in outcomes if one.became in ("stopped", "warned")]
        told = _noticed_by(noticed[-1]) if noticed else ""
        cells = [outcomes[0].name, str(outcomes[0].of_count)]
        cells += [*(by_size.get(size, "") for size in sizes), told]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _noticed_by(outcome: Outcome) -> str:
    if outcome.stopped_at:
        return f"{outcome.stopped_at}: {', '.join(_rules(outcome.stopped_by)[:2])}"
    return ", ".join(_rules(outcome.warned_by)[:2])


def _rules(told: Sequence[str]) -> list[str]:
    """Their names alone, each once."""
    return list(dict.fromkeys(each.split(" ")[1] if " " in each else each for each in told))
