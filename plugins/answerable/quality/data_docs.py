"""The results of a night's gates as Great Expectations' own pages, from what ops keeps of them.

Made on demand (`answerable data-docs`): it costs seconds, and the report says the same. As Great
Expectations makes them the pages load scripts and styles of other hosts. Those are taken out, and
they may load nothing but what lies beside them; so their filters and sorting do nothing.
"""

import os
import re
import shutil
from collections import defaultdict
from datetime import UTC
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from answerable import runs
from answerable.reports.words import plain
from answerable.settings import Settings

POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'\">"
)
# what loads or runs, and what asks for an address
_TAKEN_OUT = re.compile(
    r"<script\b.*?</script\s*>|<iframe\b.*?</iframe\s*>|<form\b.*?</form\s*>"
    r"|<link\b[^>]*(?:https?:)?//[^>]*>|<img\b[^>]*(?:https?:)?//[^>]*>"
    r"|\son\w+=\"[^\"]*\"|<footer\b.*?</footer\s*>",
    re.IGNORECASE | re.DOTALL,
)

Rows = dict[tuple[str, str, str], list[tuple[Any, ...]]]  # by stage, suite and table


def write(settings: Settings, conn: psycopg.Connection) -> Path:
    """The pages of the newest checked night, in place of those of the night before; gives their
    index. Raises LookupError where no night was checked."""
    row = conn.execute(
        "select run_id from ops.check_results order by checked_at desc limit 1"
    ).fetchone()
    if row is None:
        raise LookupError("no night was checked yet; `make nightly` does it")
    run = runs.get(conn, row[0])
    by_suite: Rows = defaultdict(list)
    for stage, suite, table, *rest in conn.execute(
        "select stage, suite, table_name, rule, severity, is_success, unexpected_count,"
        " example_keys, advice, exception_no from ops.check_results as results"
        " where run_id = %(run_id)s and checked_at = ("
        " select max(checked_at) from ops.check_results as newest"
        " where newest.run_id = %(run_id)s and newest.stage = results.stage)"
        " order by stage desc, suite, table_name, rule",
        {"run_id": run.run_id},
    ):
        by_suite[stage, suite, table].append(tuple(rest))
    folder = settings.reports / "data-docs"
    made = settings.reports / f".data-docs-{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        _render(made, run, by_suite)
        for page in made.rglob("*.html"):
            page.write_text(inert(page.read_text(encoding="utf-8")), encoding="utf-8")
        (made / "index.html").write_text(_index(made, run, by_suite), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder / "index.html"


def inert(page: str) -> str:
    """A page that loads nothing from elsewhere and runs nothing.

    >>> inert('<head><script src="//x"></script></head><b onclick="f()">1</b>')[-15:]
    '</head><b>1</b>'
    """
    page = _TAKEN_OUT.sub("", page)
    return re.sub(r"(<head\b[^>]*>)", lambda head: head[1] + POLICY, page, count=1)


def _render(folder: Path, run: runs.Run, by_suite: Rows) -> None:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
    import great_expectations as gx
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    context.add_data_docs_site(
        "gates",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    when = RunIdentifier(run_name="night", run_time=run.as_of.replace(tzinfo=UTC))
    for (stage, suite, table), rows in by_suite.items():
        results = []
        for rule, severity, is_success, count, keys, advice, exception_no in rows:
            told = f"{rule} ({severity}). {advice or ''}"
            if keys:
                told += f" Found, e.g.: {'; '.join(plain(key) for key in keys)}."
            if exception_no is not None:
                told += f" Accepted: exception {exception_no}."
            configuration = ExpectationConfiguration(
                type="unexpected_rows_expectation",
                # what is foreign in it stays text; `$` would be a placeholder
                kwargs={
                    "unexpected_rows_query": "select 1 from {batch}",  # needed, and not shown
                    "description": escape(told).replace("$", "&#36;"),
                },
                severity=severity,
            )
            results.append(
                ExpectationValidationResult(
                    success=is_success,
                    expectation_config=configuration,
                    result={"observed_value": "not asked" if count is None else count},
                )
            )
        good = sum(result.success for result in results)
        context.validation_results_store.set(
            ValidationResultIdentifier(
                expectation_suite_identifier=ExpectationSuiteIdentifier(_file(suite)),
                run_id=when,
                batch_identifier=_file(f"{stage}.{table}"),
            ),
            ExpectationSuiteValidationResult(
                success=good == len(results),
                results=results,
                suite_name=f"{suite}, {stage}.{table}",
                statistics={
                    "evaluated_expectations": len(results),
                    "successful_expectations": good,
                    "unsuccessful_expectations": len(results) - good,
                    "success_percent": 100 * good / len(results),
                },
                meta={"run_id": when, "great_expectations_version": gx.__version__},
            ),
        )
    context.build_data_docs(site_names=["gates"])


def _file(name: str) -> str:
    return re.sub(r"[^a-z0-9_.]", "_", name.lower())


def _index(folder: Path, run: runs.Run, by_suite: Rows) -> str:
    """Great Expectations' own index is written by scripts."""
    lines = []
    for (stage, suite, table), rows in by_suite.items():
        name = _file(f"{stage}.{table}") + ".html"
        page = next((folder / "validations" / _file(suite)).rglob(name))
        failed = sum(not row[2] for row in rows)
        state = "all hold" if not failed else f"{failed} do{'es' if failed == 1 else ''} not hold"
        lines.append(
            f'<li><a href="{quote(page.relative_to(folder).as_posix())}">{escape(stage)}: '
            f"{escape(suite)} ({escape(table)})</a>: {len(rows)} rules, {state}</li>"
        )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{POLICY}'
        "<title>What was checked</title></head><body>"
        f"<h1>What was checked in the night as of {run.as_of:%Y-%m-%d %H:%M} UTC</h1>"
        f"<p>{escape(run.run_id)}</p><ul>{''.join(lines)}</ul></body></html>\n"
    )
