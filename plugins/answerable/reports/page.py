"""The report as one page: read in one snapshot, written in one move."""

import csv
import os
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from answerable import progress, runs
from answerable.quality import accepted
from answerable.reports import charts, figures, words
from answerable.settings import Settings
from answerable.warehouse import db

TEMPLATE = "page.html.j2"


class ReportError(RuntimeError):
    """There is nothing to report of that run; the text says why."""


def write(run_id: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Write the report of a published run; gives its path. Calling it again replaces the file."""
    settings = settings or Settings.from_environment()
    with progress.stage("report") as stage, db.connect(settings) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        run = runs.get(conn, run_id)
        content = gather(conn, run, settings)
        conn.commit()
        html = render(content)
        path = _place(settings.reports, content["file_name"], html)
        if not run.schema_prefix:
            _place(settings.reports, "latest.html", html)
        conn.execute("update ops.runs set report_path = %s where run_id = %s", [str(path), run_id])
        conn.commit()
        stage.count(metrics=len(content["metrics"]), bytes=len(html.encode()))
    return {"run_id": run_id, "path": str(path)}


def gather(conn: psycopg.Connection, run: "runs.Run", settings: Settings) -> dict[str, Any]:
    """All that the page shows, from the published marts and the ledger of the run."""
    marts = figures.Marts(conn, run.schemas)
    publication = figures.publication(marts)
    if publication is None or publication["run_id"] != run.run_id:
        raise ReportError(
            f"run {run.run_id} is not what {run.schemas.marts} shows now "
            f"({publication['run_id'] if publication else 'nothing is published'}); a report is "
            "made of what readers see. Replay the day for a report of the past"
        )
    zone = settings.company_timezone
    as_of = publication["as_of"]
    local_as_of = as_of.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    metrics = []
    for one in figures.metrics(marts):
        unit, points = figures.by_day(marts, one["metric"])
        metrics.append(
            one
            | {
                "title": words.metric(one["metric"]),
                "unit": unit,
                "points": points,
                "chart": Markup(charts.over_time(points, unit)),
                "breakdowns": figures.breakdowns(marts, one["metric"]),
                "worst": figures.worst(marts, one["metric"]),
            }
        )
    checks = figures.checks(conn, run.run_id)
    kind = "replay" if run.schema_prefix else "sla"
    return {
        "company": _company_name(settings),
        "is_replay": bool(run.schema_prefix),
        "is_sandbox": run.input == "sandbox",
        "file_name": f"{kind}_{local_as_of:%Y-%m-%d}.html",
        "zone": zone,
        "as_of": as_of,
        "last_day": local_as_of.date().fromordinal(local_as_of.date().toordinal() - 1),
        "publication": publication,
        "run": run,
        "headline": figures.headline(conn, run.schemas),
        "metrics": metrics,
        "at_risk": figures.at_risk(marts),
        "reconciliation": figures.reconciliation(marts),
        "ownership": figures.ownership(marts, as_of),
        "calls": figures.calls(marts),
        "departments": figures.departments(marts),
        "checks": checks,
        "failed_checks": [
            check for check in checks if not check["is_success"] and check["exception_no"] is None
        ],
        "exceptions": [
            {
                "accepted": each,
                "found": next(
                    (
                        check["unexpected_count"]
                        for check in checks
                        if (check["table_name"], check["rule"]) == (each.table_name, each.rule)
                    ),
                    0,
                ),
            }
            for each in accepted.in_force(conn, run, settings)
        ],
        "reading": figures.reading(conn, run.reads_up_to or run.run_no),
    }


def render(content: dict[str, Any]) -> str:
    """The page. Whatever is not Markup is escaped; only our own charts are."""
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (
        words.channel,
        words.metric,
        words.number,
        words.duration,
        words.plain,
        words.verdict,
        words.cause,
        words.rule,
        words.day,
    ):
        environment.filters[word.__name__] = word
    environment.globals["share"] = words.share
    environment.globals["queue"] = words.queue
    environment.globals["instant"] = words.instant
    environment.globals["short_instant"] = words.short_instant
    return environment.get_template(TEMPLATE).render(content)


def _company_name(settings: Settings) -> str:
    with (settings.policy / "company.csv").open(newline="", encoding="utf-8") as handle:
        return next(csv.DictReader(handle)).get("company_name") or ""


def _place(folder: Path, name: str, html: str) -> Path:
    """A reader of the file sees the old page or the new one, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    unfinished = folder / f".{name}.{os.getpid()}"
    unfinished.write_text(html, encoding="utf-8")
    unfinished.replace(path)
    return path
