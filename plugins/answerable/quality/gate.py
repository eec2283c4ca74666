"""The two gates of a night: after loading, and before publishing."""

import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from answerable import policies, progress, runs
from answerable.foreign import one_line
from answerable.quality import accepted, arrivals, learning, thresholds
from answerable.quality.night import Made, Night
from answerable.settings import Settings
from answerable.warehouse import db, dbt, publish, setup

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.data_context import AbstractDataContext

    Suites = Callable[[Night], list[tuple[str, str, ExpectationSuite]]]

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one rule found. Examples are keys: never texts, never identities."""

    suite: str
    table: str
    rule: str
    severity: Severity
    is_success: bool
    unexpected_count: int | None
    example_keys: tuple[str, ...]
    meaning: str
    advice: str
    exception_no: int | None = None  # that of ops.accepted_exceptions which accepts it

    def __str__(self) -> str:
        examples = "; ".join(self.example_keys)
        count = "an error" if self.unexpected_count is None else f"{self.unexpected_count} found"
        return (
            f"{self.table}: {self.rule} ({self.severity}): {count}"
            f"{f', e.g. {examples}' if examples else ''}. {self.meaning} What to do: {self.advice}"
        )


class GateFailed(RuntimeError):
    """A critical rule does not hold: nothing of this night is published."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = tuple(results)
        super().__init__(
            f"{len(self.results)} critical rule(s) do not hold; what was published stays. "
            + " | ".join(map(str, self.results))
            + " | What is known and right all the same is accepted with a reason and up to a day: "
            "`answerable accept --help`"
        )


def check_raw(run_id: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Judge what this night loaded. Raises GateFailed."""
    return _gate(run_id, "raw", "check raw", settings or Settings.from_environment())


def check(run_id: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Judge what this night built, before anybody sees it. Raises GateFailed."""
    return _gate(run_id, "build", "check", settings or Settings.from_environment())


def _gate(
    run_id: str, stage: Literal["raw", "build"], title: str, settings: Settings
) -> dict[str, Any]:
    with progress.stage(title) as shown, db.writer(settings, run_id) as conn:
        conn.autocommit = True
        run = runs.get(conn, run_id)
        exceptions = accepted.in_force(conn, run, settings)
        results = [_accepted(result, exceptions) for result in ask(conn, run, stage, settings)]
        _keep(conn, run_id, stage, results)
        failed = [result for result in results if not result.is_success]
        critical = [
            result
            for result in failed
            if result.severity == "critical" and result.exception_no is None
        ]
        shown.count(rules=len(results), warnings=len(failed) - len(critical))
        if critical:
            raise GateFailed(critical)
    return {
        "run_id": run_id,
        "rules": len(results),
        "warnings": [str(result) for result in failed],
    }


def ask(
    conn: psycopg.Connection, run: "runs.Run", stage: Literal["raw", "build"], settings: Settings
) -> list[Result]:
    """What the rules of a stage find in a night, with what history makes plausible for it."""
    night = _night(conn, run, settings)
    if stage == "build":
        night = replace(
            night,
            published_rows=_published_rows(conn, run),
            tables=_made(conn, run, settings),
        )
    expectations = load_expectations(settings.root)
    _learn(conn, run, stage, night, expectations)
    suites = expectations.raw_suites if stage == "raw" else expectations.build_suites
    _context()  # a suite can be made only where there is one
    return judge(conn, settings.warehouse_url, suites(night))


def _accepted(result: Result, exceptions: Sequence["accepted.Accepted"]) -> Result:
    if result.is_success:
        return result
    found = accepted.covering(exceptions, result.table, result.rule, result.unexpected_count)
    return replace(result, exception_no=found and found.exception_no)


def load_expectations(root: Path) -> ModuleType:
    """The folder `expectations/` as a package. It is no part of `answerable`, nor on the path."""
    name = "expectations"
    if name not in sys.modules:
        folder = root / name
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _context() -> "AbstractDataContext":
    import great_expectations as gx  # seconds to import, so only where it is asked

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def judge(
    conn: psycopg.Connection,
    warehouse_url: str,
    suites: Sequence[tuple[str, str, "ExpectationSuite"]],
) -> list[Result]:
    """Have Great Expectations judge each (schema, table, suite)."""
    context = _context()
    source = context.data_sources.add_postgres("warehouse", connection_string=_url(warehouse_url))
    results = []
    try:
        for schema, table, suite in suites:
            if not conn.execute(
                "select to_regclass(%s)", [sql.Identifier(schema, table).as_string(conn)]
            ).fetchone()[0]:
                results.append(_missing(schema, table, suite))
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of schema_name
                asset = source.add_table_asset(
                    f"{schema}.{table}", table_name=table, schema_name=schema
                )
                batch = asset.add_batch_definition_whole_table("all").get_batch()
                validated = batch.validate(suite, result_format="BASIC")
            results += [_result(suite, table, one) for one in validated.results]
    finally:
        source.get_execution_engine().close()
    return sorted(results, key=lambda result: (result.suite, result.table, result.rule))


def _result(suite: "ExpectationSuite", table: str, validated: Any) -> Result:
    rule = next(
        one
        for one in suite.expectations
        if one.expectation_type == validated.expectation_config.type
        and one.unexpected_rows_query
        == validated.expectation_config.kwargs["unexpected_rows_query"]
    )
    found = validated.result
    has_answer = "observed_value" in found
    about = (rule.meta or {}).get("about")
    return Result(
        suite=suite.name,
        table=table,
        rule=type(rule).__name__ + (f" ({about})" if about else ""),
        # a rule that could not be asked protects nobody
        severity=rule.severity.value if has_answer else "critical",
        is_success=bool(validated.success),
        unexpected_count=found["observed_value"] if has_answer else None,
        # ids are what sources say; these go to logs and to people
        example_keys=tuple(map(one_line, found["details"]["keys"])) if has_answer else (),
        meaning=(type(rule).__doc__ or "").strip().splitlines()[0],
        advice=rule.advice.replace("{table}", table)
        if has_answer
        else "the rule's query failed (a column that is no more, a statement timeout?); the "
        "server's log has the error",
    )


def _missing(schema: str, table: str, suite: "ExpectationSuite") -> Result:
    return Result(
        suite=suite.name,
        table=table,
        rule="ExpectTableToBeThere",
        severity="critical",
        is_success=False,
        unexpected_count=None,
        example_keys=(),
        meaning=f"{schema}.{table} is what the other rules are about.",
        advice="see why the build step did not make it (ops.dbt_results)",
    )


def _night(conn: psycopg.Connection, run: "runs.Run", settings: Settings) -> Night:
    """What both gates may know of it."""
    day = runs.day_of(run.as_of, ZoneInfo(settings.company_timezone))
    last = None if run.schema_prefix else dbt.published(conn, run)
    reads_up_to = run.run_no if run.reads_up_to is None else run.reads_up_to
    published_up_to = last["reads_up_to"] if last else 0
    return Night(
        run_no=run.run_no,
        as_of=run.as_of,
        schemas=run.schemas,
        streams=_read(conn, run.run_no - 1, run.run_no),
        read=_read(conn, 0, reads_up_to),
        reads_up_to=reads_up_to,
        published_up_to=published_up_to,
        day=day,
        is_holiday=policies.is_holiday(settings.policy, day - timedelta(days=1)),
        published_as_of=last and last["as_of"],
        has_same_models=last is not None and last["fingerprint"] == run.fingerprint,
        unfinished_sources=_names(
            conn,
            "select distinct source from ops.stream_runs join ops.runs using (run_id)"
            " where run_no = %s and stream_runs.status not in ('landed', 'not_available')",
            [run.replays_run_no or run.run_no],
        ),
        export_sources=_names(
            conn, "select distinct source from ops.batches where source_kind = 'file'"
        ),
    )


def _published_rows(conn: psycopg.Connection, run: "runs.Run") -> dict[str, int]:
    """By table, what readers see, where this night may hold no less."""
    if run.schema_prefix:  # a replay of the past may well do
        return {}
    found = {}
    for schema, table in db.tables(conn, [run.schemas.marts, run.schemas.private]):
        (found[table],) = conn.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
        ).fetchone()
    return found


def _names(conn: psycopg.Connection, query: str, values: Sequence[Any] = ()) -> frozenset[str]:
    return frozenset(name for (name,) in conn.execute(query, values))


def _learn(
    conn: psycopg.Connection,
    run: "runs.Run",
    stage: Literal["raw", "build"],
    night: Night,
    expectations: ModuleType,
) -> None:
    """Keep what history makes plausible for this night, which rules compare with what was found."""
    past = thresholds.read(conn, stage, run.run_no, night.newest_day)
    if stage == "build":
        schemas = (night.schemas.build, night.schemas.marts, night.schemas.private)
        learnt = learning.learn_all(
            conn, expectations.plausible.FIGURES, night, past, db.tables(conn, schemas, ("r", "v"))
        )
    else:
        arrivals.profile(conn, run.run_no)
        learnt = arrivals.learn(conn, night, past)
    thresholds.keep(conn, stage, run.run_no, learnt)


def _read(conn: psycopg.Connection, after: int, up_to: int) -> tuple[str, ...]:
    """Raw tables of which runs after the one, up to the other, were the first to read something."""
    streams = conn.execute(
        "select distinct source_kind, stream from ops.batches"
        " where first_read_run_no > %s and first_read_run_no <= %s",
        [after, up_to],
    ).fetchall()
    return tuple(sorted(setup.raw_table(kind, stream) for kind, stream in streams))


def _made(conn: psycopg.Connection, run: "runs.Run", settings: Settings) -> dict[str, Made]:
    """What dbt made in this night that can be compared with something."""
    manifest = dbt.manifest_path(settings, run)
    if not manifest.exists():
        return {}
    adds = run.is_full is False and not run.schema_prefix and not publish.needs_full(conn)
    definitions = dict(dbt.definitions(settings, run))
    found = {}
    for model in publish.published_models(manifest):
        columns = publish.shape(conn, run.schemas.build, model.table)
        schema = getattr(run.schemas, model.schema)
        is_same = columns == publish.shape(conn, schema, model.table)
        found[model.table] = Made(
            key=model.key,
            columns=columns,
            dirty=model.dirty,
            published=f"{schema}.{model.table}" if adds and is_same else None,
            definition=definitions.pop(model.table, None),
        )
    for table, definition in definitions.items():  # that others stand on
        columns = publish.shape(conn, run.schemas.build, table)
        found[table] = Made(
            key=tuple(columns)[:1],
            columns=columns,
            dirty=definition.dirty,
            published=None,
            definition=definition,
        )
    return found


def _keep(
    conn: psycopg.Connection, run_id: str, stage: Literal["raw", "build"], results: list[Result]
) -> None:
    """All of one pass has one `checked_at`; the newest pass of a stage is the one that counts."""
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.check_results (run_id, stage, suite, table_name, rule, severity, "
            "is_success, unexpected_count, example_keys, advice, exception_no) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    run_id,
                    stage,
                    result.suite,
                    result.table,
                    result.rule,
                    result.severity,
                    result.is_success,
                    result.unexpected_count,
                    Jsonb(list(result.example_keys)),
                    f"{result.meaning} What to do: {result.advice}",
                    result.exception_no,
                )
                for result in results
            ],
        )


def _url(warehouse_url: str) -> str:
    """The warehouse for SQLAlchemy and psycopg2, in UTC. A `$` in the password is not for GX."""
    from sqlalchemy.engine import make_url

    url = make_url(warehouse_url).set(drivername="postgresql+psycopg2")
    url = url.update_query_dict({"options": f"{db.OPTIONS} -c jit=off -c work_mem=128MB"})
    return url.render_as_string(hide_password=False).replace("$", "%24")
