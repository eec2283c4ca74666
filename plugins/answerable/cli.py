"""The `answerable` command line. `make` calls it; each command says more with --help."""

import os
import shutil
import sys
import traceback
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from answerable.foreign import tame
from answerable.runtime.display import console
from answerable.settings import ROOT, Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "[bold]Who is answerable for this customer, and did we answer in time?[/]\n\n"
        "Pulls interactions from help desk and social media, builds one warehouse of them, checks "
        "it, publishes it and writes an SLA report.\n\n"
        "Start with [bold]answerable nightly[/]: with nothing configured it serves itself an "
        "invented company, the sandbox. Then [bold]answerable psql[/] to look around in the "
        "marts, and [bold]answerable down[/] when you are done.\n\n"
        "[bold]Settings[/] come from the environment: AIRFLOW_CONN_ZENDESK and AIRFLOW_CONN_X "
        "(accounts, as Airflow connections), ANSWERABLE_SOURCES (names of more accounts), POLICY "
        "(folder of your promises), ANSWERABLE_HOME (where everything is kept, .local), "
        "ANSWERABLE_REPORTS, ANSWERABLE_LANDING, ANSWERABLE_WAREHOUSE_URL (your own PostgreSQL), "
        "ANSWERABLE_DB_PORT."
    ),
)
database = typer.Typer(no_args_is_help=True, help="The embedded PostgreSQL by itself.")
app.add_typer(database, name="db")
policy = typer.Typer(no_args_is_help=True, help="Your promises, opening hours and owners as rows.")
app.add_typer(policy, name="policies")
explain = typer.Typer(no_args_is_help=True, help="Follow a figure back to where it comes from.")
app.add_typer(explain, name="explain")

OURS = ("airflow", "bench", "dbt", "landing", "logs", "postgres")  # in the home folder
ROLE_NAMES = {
    "reader": "answerable_reader",
    "private": "answerable_private",
    "builder": "answerable_builder",
    "loader": "answerable_loader",
    "owner": "answerable",
    "admin": "postgres",
}


@app.command()
def nightly(
    date: Annotated[
        str | None,
        typer.Option(
            help="A day of the company, as 2026-03-01: the warehouse as of its 00:00. "
            "A day published already is built again in a schema of its own, replay_20260301."
        ),
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(
            help="Described exports to add, as 'mapping.yml=export.csv.gz ...'; a folder, a "
            "pattern or a bucket's prefix is watched (examples/files/ has descriptions to copy)."
        ),
    ] = None,
    rebuild: Annotated[
        str | None,
        typer.Option(
            help="'raw': first make raw again from the landing zone alone, asking no source; the "
            "night then builds everything."
        ),
    ] = None,
) -> None:
    """Run the next night: pull, build, check, publish, report.

    A night that was begun and not finished is finished first, and only that. Otherwise it is the
    day after the last published one or, with real accounts, today; where none is due, it says so.

    Ends with 0 when published or nothing is due, 1 when a gate or a step failed (then nothing was
    published), 75 when another night is under way (then nothing was done).
    """
    from answerable.runtime.night import nightly as run

    if rebuild not in (None, "raw"):
        raise typer.BadParameter(f"--rebuild {rebuild}; only raw can be made again by itself")
    raise typer.Exit(run(Settings.from_environment(), date, files, console(), bool(rebuild)))


@app.command()
def backfill(
    source: Annotated[str, typer.Argument(help="an account's name, as zendesk")],
    since: Annotated[str, typer.Option("--from", help="the first day, 2026-02-01")],
    until: Annotated[str, typer.Option(help="the day after the last")],
    stream: Annotated[
        list[str] | None,
        typer.Option(help="only this stream; may be given several times"),
    ] = None,
) -> None:
    """Pull a window of the past again, beside the nights; the next night reads what was missing.

    Days are the company's. What is stored already doubles nothing, and no watermark moves. Streams
    that are read whole each night, or of which the source keeps no past, take no window.

    Ends with 0 when all of it is landed, 1 when a stream did not come whole, 75 when another
    backfill is under way or Airflow is up (then its DAG `backfill` does it).
    """
    from answerable.runtime.night import backfill as run

    settings = Settings.from_environment()
    raise typer.Exit(run(settings, source, since, until, stream or [], console()))


@app.command()
def abandon(run_id: Annotated[str, typer.Argument(help="as `answerable status` lists it")]) -> None:
    """Give an unfinished night up, so that the next is begun; what it loaded stays."""
    from answerable import runs
    from answerable.warehouse.db import connect

    with connect(_with_database()) as conn:
        runs.abandon(conn, run_id)
    console().print(f"{run_id} is given up; `make nightly` begins another night.")


@app.command()
def up() -> None:
    """Start Airflow: its scheduler, which runs the nights at 02:00 UTC, and its pages."""
    from answerable.runtime import airflow, display, services
    from answerable.runtime.lock import held
    from answerable.runtime.night import have_database

    settings, out = Settings.from_environment(), console()
    with (
        held(settings.home / "nightly.lock"),
        held(settings.home / "backfill.lock"),
        display.shown(out),
    ):
        cluster = have_database(settings, tell=out.print)
        airflow.migrate(settings, cluster)
        where = services.up(settings, cluster)
    out.print(f"Airflow is up on {where} (this machine only). `make down` stops it.")


@app.command()
def init() -> None:
    """Make roles, databases, schemas and Airflow's tables on a server of yours, as docker-compose
    does before each start. ANSWERABLE_ADMIN_URL names an administrator of it.
    """
    from answerable.runtime import production

    out = console()
    production.init(Settings.from_environment(), tell=lambda text: out.print(f"✓ {text}"))


@app.command()
def down() -> None:
    """Stop all that runs: Airflow, then the database. Nothing is lost."""
    from answerable.runtime import postgres, services

    settings, out = Settings.from_environment(), console()
    stopped = services.down(settings)
    if stopped:
        out.print(f"Airflow stopped ({', '.join(stopped)}).")
    out.print("Database stopped." if postgres.stop(settings.home) else "No database was running.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def airflow(context: typer.Context) -> None:
    """Run Airflow's own command line on our Airflow: answerable airflow dags trigger nightly"""
    from answerable.runtime import airflow, services
    from answerable.runtime.night import have_database

    settings = Settings.from_environment()
    cluster = have_database(settings)
    airflow.migrate(settings, cluster)
    environ = os.environ | airflow.environment(settings, cluster) | services.reached_at(settings)
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *context.args], environ)


@app.command()
def status() -> None:
    """What runs, and what the last nights were."""
    from rich.table import Table

    from answerable.runtime import postgres, services
    from answerable.warehouse.db import connect

    settings, out = Settings.from_environment(), console()
    alive = services.running(settings)
    out.print(f"Airflow: {services.url(settings) if alive else 'not running (make up)'}")
    cluster = postgres.cluster_of(settings.home)
    if not os.environ.get("ANSWERABLE_WAREHOUSE_URL") and not postgres.is_running(cluster):
        out.print("Database: not running (`make nightly` or `answerable db start` starts it)")
        return
    out.print(f"Database: 127.0.0.1:{postgres.kept_port(cluster)}")
    with connect(settings) as conn:
        if conn.execute("select to_regclass('ops.runs')").fetchone() == (None,):
            out.print("No night has been run yet.")
            return
        rows = conn.execute(
            "select run_id, as_of, status, input, started_at, finished_at - started_at,"
            " report_path from ops.runs order by run_no desc limit 10"
        ).fetchall()
    table = Table("run", "as of (UTC)", "status", "input", "began", "took", "report")
    for run_id, as_of, state, source, began, took, report_path in rows:
        table.add_row(
            run_id,
            f"{as_of:%Y-%m-%d %H:%M}",
            state,
            source,
            f"{began:%Y-%m-%d %H:%M:%S}",
            str(took).partition(".")[0] if took is not None else "",
            Path(report_path).name if report_path else "",
        )
    out.print(table)


@app.command()
def sources() -> None:
    """Each stream: what became of it last, where it stands, rows, quarantine, how late it is."""
    from answerable.runtime import tables
    from answerable.warehouse import streams
    from answerable.warehouse.db import connect

    with connect(_with_database()) as conn:
        tables.show_streams(console(), streams.states(conn))


@app.command()
def quarantine(
    retry: Annotated[
        bool, typer.Option("--retry", help="judge all of it again, and load what fits now")
    ] = False,
) -> None:
    """What could not be loaded: reasons, counts, where it lies. Never what it says.

    After a fix, --retry loads what fits now; the next night reads it.
    """
    from answerable.runtime import tables
    from answerable.runtime.lock import held
    from answerable.warehouse import quarantine as refused
    from answerable.warehouse.db import connect

    settings, out = _with_database(), console()
    if retry:
        with held(settings.home / "nightly.lock"):
            told = refused.retry(settings)
        out.print(
            f"{told['tried']} tried again: {told['loaded']} loaded, which the next night reads; "
            f"{told['still_refused']} still refused."
        )
    with connect(settings) as conn:
        tables.show_refused(out, refused.refused(conn))


@app.command()
def accept(
    table: Annotated[str, typer.Argument(help="the table that the red gate named")],
    rule: Annotated[str, typer.Argument(help="the rule, as it named it: ExpectNoVersionTwice")],
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="the first night that it stops again"),
    ],
    reason: Annotated[str, typer.Option(help="why it is right all the same; in the report")],
    owner: Annotated[str, typer.Option(help="who answers for that; in the report")],
    most_rows: Annotated[
        int | None, typer.Option(help="more rows than these stop the night; as many as were found")
    ] = None,
) -> None:
    """Accept that a critical rule does not hold: nights before --until are published all the same.

    The report says so, with reason and owner, until it ends. Call answerable nightly afterwards:
    the night goes on from the gate that was red.
    """
    from answerable.quality import accepted
    from answerable.warehouse.db import connect

    settings = _with_database()
    with connect(settings) as conn:
        made = accepted.accept(
            conn,
            settings,
            table,
            rule,
            until=until.date(),
            reason=reason,
            owner=owner,
            most_rows=most_rows,
        )
    console().print(
        f"Exception {made.exception_no}: up to {made.most_rows:,} rows, nights from "
        f"{made.from_night} to before {made.until_night}. `answerable nightly` goes on from the "
        "gate.",
        highlight=False,
    )


@app.command()
def exceptions(
    end: Annotated[
        int | None, typer.Option(help="accept this one no more, from the next check on")
    ] = None,
) -> None:
    """What was accepted of rules that do not hold: how much, until when, why, by whom."""
    from answerable.quality import accepted
    from answerable.runtime import tables
    from answerable.warehouse.db import connect

    with connect(_with_database()) as conn:
        if end is not None:
            accepted.end(conn, end)
        tables.show_exceptions(console(), accepted.every(conn))


@app.command()
def thresholds(
    table: Annotated[
        str | None, typer.Argument(help="only this table's, all of them, as fct_cases")
    ] = None,
    night: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="a night's day, else the newest that was checked"),
    ] = None,
) -> None:
    """What history made plausible for a night: found, between which bounds, learnt from what.

    Without a table those alone of which something is to be said: what lies beyond its bounds, and
    bounds that are held since history moved them too far in one night.
    """
    from answerable.quality import thresholds as learnt
    from answerable.runtime import tables
    from answerable.warehouse.db import connect

    settings = _with_database()
    with connect(settings) as conn:
        found = learnt.newest(conn, settings, night.date() if night else None)
    if found is None:
        _refuse("no night was checked yet" if night is None else f"no night of {night:%Y-%m-%d}")
    tables.show_thresholds(console(), *found, table)


@app.command()
def mutate(
    seed: Annotated[
        list[str] | None,
        typer.Option(help="which corruption of tables: a number, or several of them, as 1-300"),
    ] = None,
    sources: Annotated[
        bool, typer.Option("--sources", help="instead: what if the sources answer wrongly?")
    ] = False,
    only: Annotated[str, typer.Option(help="with --sources: those whose name has this in it")] = "",
    size: Annotated[
        str | None, typer.Option(help="with --sources: of the company; 1 is that of nightly")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="how many at once; else one a core")] = None,
) -> None:
    """Corrupt a night on purpose, and see whether the gate stops it.

    --seed: rows of one table of a small company's night are dropped, doubled, emptied, shifted in
    time, given another's label, taken from the night before, cut off or scaled: 0.2 %, 2 % or 20 %
    of them. All that follows is built anew, and the gate is asked. What moves a published figure by
    more than 0.1 % and is not stopped is missed, and ends this with 1.

    --sources: the sources of one night answer, and wrongly: records are missing or come again under
    new ids, fields hold nothing or are called otherwise, times are late, labels are swapped, what
    they show is of yesterday. First all records that it concerns, then 20 %, 2 % and 0.2 %, until
    nobody notices. Each goes through landing and both gates after 30 published nights. At the end
    it prints a table of what was stopped, warned of and missed: a list, so it ends with 0.

    Nothing of yours is touched: each has a database of its own in .local, made in the first minutes
    (those 30 nights take a quarter of an hour) and kept.
    """
    if bool(seed) == sources:
        _refuse("mutate: expected either --seed, as 1-300, or --sources")
    if sources:
        _serve_wrong_answers(only, size, jobs or os.cpu_count() or 1)
    else:
        _corrupt_tables(_numbers(seed), jobs or os.cpu_count() or 1)


def _serve_wrong_answers(only: str, size: str | None, jobs: int) -> None:
    from answerable.quality import mutate as mutating
    from answerable.quality import mutate_sources
    from answerable.quality.wrong_answers import WRONG_ANSWERS

    names = [name for name in WRONG_ANSWERS if only in name]
    if not names:
        known = "\n".join(f"  {name}" for name in WRONG_ANSWERS)
        _refuse(f"mutate: no wrong answer has {only!r} in its name; there are\n{known}")
    home = Settings.from_environment().home / "mutate-sources"
    out = console()
    mutating.quietly()
    found = []
    try:
        base = mutate_sources.prepare(home, size or mutate_sources.SIZE, tell=out.print)
        for outcomes in mutate_sources.trials(base, names, jobs):
            found.append(outcomes)
            for each in outcomes:
                out.print(str(each), markup=False, highlight=False, soft_wrap=True)
    finally:
        mutating.close(home)
    out.print()
    out.print(mutate_sources.table(found), markup=False, highlight=False, soft_wrap=True)


def _corrupt_tables(seeds: list[int], jobs: int) -> None:
    from answerable.quality import mutate as mutating

    home = Settings.from_environment().home / "mutate"
    out = console()
    outcomes = []
    mutating.quietly()
    base = mutating.prepare(home, out.print)
    try:
        for outcome in mutating.attempts(base, seeds, jobs):
            outcomes.append(outcome)
            out.print(str(outcome), markup=False, highlight=False, soft_wrap=True)
    finally:
        mutating.close(home)
    harmful = [each for each in outcomes if each.is_harmful]
    missed = [each for each in harmful if each.is_missed]
    out.print(
        f"{len(outcomes)} corruptions: {len(harmful)} harmful, of which"
        f" {len(harmful) - len(missed)} were stopped and {len(missed)} missed"
    )
    for each in missed:
        out.print(f"  missed: {each}", markup=False, highlight=False, soft_wrap=True)
    if missed:
        raise typer.Exit(1)


@app.command()
def purge(
    source: Annotated[str, typer.Argument(help="the connection to X, by its name")],
    ids: Annotated[
        list[str] | None, typer.Argument(help="ids of posts; without any, all of before again")
    ] = None,
) -> None:
    """Remove what posts say and who wrote them, everywhere: landing zone, raw, marts, undo.

    That there was a post, when and where in its thread stays, so that counts and clocks of the past
    do. Readers see it at once; what is summed up follows with the next night. Without ids what was
    ever purged is purged again, for instance after a backup was restored.
    """
    from answerable.runtime.lock import held
    from answerable.warehouse import purge as purging

    settings = _with_database()
    with held(settings.home / "nightly.lock"):
        told = purging.purge(source, ids or (), settings)
    console().print(
        f"{told['found']} posts found and purged: {told['landed_objects']} landed objects written "
        f"anew, {told['raw_records']} records, {told['rows']} rows of tables, "
        f"{told['handles']} rows with a handle, {told['quarantined']} in quarantine."
    )


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    context: typer.Context,
    role: Annotated[
        str, typer.Option(help="reader (marts), private (also names and texts), owner, ...")
    ] = "reader",
    exact: Annotated[
        bool, typer.Option("--exact", help="the cells of the CSV as they are, for programs")
    ] = False,
) -> None:
    """Query the marts.

    At a terminal this opens psql. SQL on standard input is run, and its result printed as CSV with
    a header: [bold]echo "select * from fct_cases limit 5" | answerable psql[/]

    What would begin a formula in a spreadsheet has an apostrophe before it in the CSV, and control
    characters are replaced; a program that wants the cells as they are says --exact.
    """
    from answerable.runtime import asking, postgres

    role = role.removeprefix("answerable_")
    if role not in ROLE_NAMES:
        raise typer.BadParameter(f"role {role!r}; there are {', '.join(ROLE_NAMES)}")
    settings = _with_database()
    own = os.environ.get("ANSWERABLE_WAREHOUSE_URL")
    url = own or postgres.cluster_of(settings.home).url(ROLE_NAMES[role])
    program = postgres.binary("psql")
    arguments = ["--no-psqlrc", "--set=ON_ERROR_STOP=1", *context.args]
    # by the environment: arguments can be seen by everybody on the machine
    environ = os.environ | _libpq(url)
    if own and role != "owner":
        environ["PGOPTIONS"] = _as_role(settings, ROLE_NAMES[role])
    if sys.stdin.isatty():
        asking.at_a_terminal(program, arguments, environ)
    raise typer.Exit(asking.as_csv(program, arguments, environ, is_exact=exact))


def _as_role(settings: Settings, role: str) -> str:
    """What to begin a session of the owner's with, so that it may do what the role may."""
    from answerable.warehouse import roles
    from answerable.warehouse.db import become, connect

    with connect(settings) as conn:
        if not become(conn, role):
            _refuse(
                f"the warehouse's owner cannot become {role}; `answerable grants` prints the SQL "
                "that makes the roles. With --role owner it needs none"
            )
    said = {"role": role} | roles.session_of(role)
    return " ".join(f"-c {name}={value}" for name, value in said.items())


def _libpq(url: str) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict

    names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
    names |= {"password": "PGPASSWORD", "sslmode": "PGSSLMODE"}
    given = conninfo_to_dict(url)
    return {variable: str(given[name]) for name, variable in names.items() if given.get(name)}


@app.command()
def grants(
    role: Annotated[
        str | None, typer.Option(help="a reader of brands, by the name of its database role")
    ] = None,
    brand: Annotated[
        list[str] | None,
        typer.Option(help="the brand that it sees; may be given several times; none: nothing"),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="the role that nights connect as; else the URL's")
    ] = None,
) -> None:
    """Print the SQL that makes the warehouse's roles, for an administrator of a server of yours.

    It may be run again, asks for no password and has none in it. The embedded server has the roles.

    With --role that role sees, from now on, the rows of its brands in every mart that has a brand,
    and nothing else. Where it is not there yet, the SQL that makes it is printed:
    [bold]answerable grants --role bi_north --brand north | answerable psql --role admin[/]
    """
    from answerable.warehouse import roles
    from answerable.warehouse.db import connect

    if role is None:
        database, of_url = Settings.from_environment().warehouse_names
        print(roles.for_administrator(database, owner or of_url), end="")
        return
    settings = _with_database()
    named = set(brand or ())
    with connect(settings) as conn:
        known = settings.brands | roles.brands_in_use(conn)
        if unknown := sorted(named - known):
            _refuse(f"no brand {unknown[0]!r}; there are {', '.join(sorted(known))}")
        is_missing = roles.give_brands(conn, role, named)
    if is_missing:
        print(roles.for_brand_reader(role), end="")
    seen = ", ".join(sorted(named)) or "no brand"
    print(f"{role} sees {seen}.", file=sys.stderr)


@app.command()
def report() -> None:
    """Write the report of the last published night again."""
    from answerable import reports
    from answerable.warehouse.db import connect

    settings = _with_database()
    with connect(settings) as conn:
        row = conn.execute(
            "select run_id from ops.publications where schema_prefix = '' and rolled_back_at is"
            " null order by publication_no desc limit 1"
        ).fetchone()
    if row is None:
        _refuse("nothing is published yet; `make nightly` does it")
    console().print(reports.write(row[0])["path"])


@app.command("data-docs")
def data_docs() -> None:
    """What the gates of the newest night found, as Great Expectations' own pages.

    They lie in reports/data-docs, load nothing from elsewhere and hold keys alone.
    """
    from answerable.quality import data_docs as docs
    from answerable.warehouse.db import connect

    settings = _with_database()
    with connect(settings) as conn:
        try:
            console().print(str(docs.write(settings, conn)), highlight=False)
        except LookupError as nothing:
            _refuse(str(nothing))


@app.command()
def draw(
    into: Annotated[Path, typer.Argument(help="the folder for the pictures")],
) -> None:
    """Draw the pictures of docs/ownership.md from the published marts, as SVG files."""
    from answerable.reports import drawings

    settings = _with_database()
    try:
        for file in drawings.draw(settings, into):
            console().print(file)
    except LookupError as nothing:
        _refuse(str(nothing))


@policy.command("import")
def policies_import(
    source: Annotated[str, typer.Argument(help="a help desk's connection, as zendesk")],
    into: Annotated[Path, typer.Option(help="a folder that is not there yet")],
    schedule: Annotated[
        str | None,
        typer.Option(help="in which business hours count; else the source's oldest schedule"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="the day from which on what the first night found is taken to have stood",
        ),
    ] = None,
) -> None:
    """The help desk's own schedules, holidays and SLA policies, written as a policy folder.

    Each row is dated by the nights that saw it so. What has no equal is listed with the reason,
    here and in IMPORTED.txt. Nothing is applied: look at the files, then name the folder with
    POLICY.
    """
    from answerable import policies as checking
    from answerable import policy_import
    from answerable.warehouse.db import connect

    settings, out = _with_database(), console()
    with connect(settings) as conn:
        found = policy_import.read(conn, source, settings.policy, settings.company_timezone)
    rows = policy_import.translate(found, schedule=schedule, since=since.date() if since else None)
    policy_import.write(rows, into, settings.policy)
    for name, written in rows.files.items():
        out.print(f"{into / name}.csv: {len(written)} rows")
    for title, told in (("Left out", rows.left_out), ("Assumed", rows.assumed)):
        if told:
            out.print(f"{title}:")
        for one in told:
            out.print(f"  {one}", markup=False)
    if errors := checking.check(into):
        _refuse("\n".join(["The folder needs a hand before it can be used:", *errors]))


@explain.command("case")
def explain_case(
    case_id: Annotated[str, typer.Argument(help="its key, zendesk:630048, or its id, 630048")],
    metric: Annotated[
        str | None, typer.Option(help="only these clocks, as first_reply_time")
    ] = None,
    zone: Annotated[str, typer.Option(help="the zone to tell times in, as Europe/London")] = "UTC",
    night: Annotated[
        str | None, typer.Option(help="a day that was replayed, as 2026-03-01; else as published")
    ] = None,
) -> None:
    """One case: what was said, its timeline, and each promise with the segments of its clock.

    Enough to follow a verdict by hand; what was written and by which customer is left out.
    """
    from answerable import explain as explaining
    from answerable.warehouse.db import connect

    prefix = _prefix(night)
    with connect(_with_database()) as conn:
        told = explaining.case(conn, case_id, prefix=prefix)
    for line in explaining.lines(told, explaining.zone_of(zone), metric):
        print(tame(line.rstrip()))


@app.command()
def customer(
    identifier: Annotated[
        str,
        typer.Argument(
            help="an address, a number, a handle, an account (zendesk:user:380) or a customer's key"
        ),
    ],
    full: Annotated[bool, typer.Option("--full", help="texts whole, not their beginnings")] = False,
    zone: Annotated[str, typer.Option(help="the zone to tell times in, as Europe/London")] = "UTC",
    night: Annotated[
        str | None, typer.Option(help="a day that was replayed, as 2026-03-01; else as published")
    ] = None,
) -> None:
    """One customer: by what they are known and why, merges and splits, and all that was said.

    Needs what the role private may see: names, addresses, texts. Write a number as you like
    (020 7946 0123 is read in the company's region, +44 20 7946 0123 anywhere), a handle with its @,
    an address in any case. A key of before a merge finds the customer of today.

    Two who were taken for one, or one for two: add a row `different` or `same` to the policy
    folder's identity_rules.csv, with the accounts that this shows; the next night builds by it.
    Ending the row undoes it.
    """
    from answerable import customer as customers
    from answerable.explain import zone_of
    from answerable.warehouse.db import connect
    from answerable.warehouse.roles import PRIVATE

    prefix = _prefix(night)
    settings = _with_database()
    with connect(settings, role=PRIVATE) as conn:
        told = customers.customer(conn, identifier, region=settings.default_region, prefix=prefix)
    for line in customers.lines(told, zone_of(zone), is_full=full):
        print(tame(line.rstrip()))


@app.command()
def publish(
    rollback: Annotated[
        bool, typer.Option("--rollback", help="take the last publication back")
    ] = False,
) -> None:
    """Take the last publication back: readers see the night before again."""
    from answerable.warehouse import publish as publishing

    if not rollback:
        _refuse("nights publish themselves; this command only takes one back, with --rollback")
    _with_database()
    console().print(publishing.rollback())


@app.command()
def hashes(
    night: Annotated[
        str | None, typer.Option(help="a day that was replayed, as 2026-03-01; else as published")
    ] = None,
) -> None:
    """A hash of each published table, and one of all: the same after a restore as before."""
    from answerable.warehouse import hashes as hashing
    from answerable.warehouse.db import connect

    with connect(_with_database()) as conn:
        for each in hashing.published(conn, _prefix(night)):
            print(f"{each.hash}  {each.rows:>12,}  {each.table}")


@app.command()
def lint() -> None:
    """Ruff on Python; hadolint and the compose specification on what containers are made of;
    sqlfluff on the compiled SQL: for PostgreSQL, and parsed as Spark SQL.
    """
    from answerable.runtime.lint import lint as run

    raise typer.Exit(run(Settings.from_environment(), console()))


@app.command()
def bench(
    only: Annotated[str | None, typer.Option(help="the name of one benchmark")] = None,
) -> None:
    """Measure: a line per figure, `name value unit`, and JSON in .local/bench/<name>.json."""
    from answerable.bench import run

    raise typer.Exit(run(Settings.from_environment(), only))


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> None:
    """Stop all and remove what nights left behind: database, landing zone, logs, reports."""
    from answerable.runtime import postgres, services
    from answerable.runtime.lock import held

    settings, out = Settings.from_environment(), console()
    # elsewhere than in our own checkout, only what is surely ours
    if settings.home == ROOT / ".local":
        folders = [settings.home]
    else:
        folders = [settings.home / name for name in OURS]
    if settings.reports == ROOT / "reports":
        folders.append(settings.reports)
    folders = [folder for folder in folders if folder.exists()]
    if not folders:
        out.print("There is nothing to remove.")
        return
    names = " and ".join(map(str, folders))
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Remove {names} for good?")):
        _refuse(f"nothing removed; to remove {names} without being asked, add --yes (make: YES=1)")
    with held(settings.home / "nightly.lock"):
        services.down(settings)
        postgres.stop(settings.home)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)  # our own lock file may still be held
    out.print(f"Removed {names}.")


@database.command("start")
def db_start() -> None:
    """Start it, set up if need be, and prepare the warehouse's schemas."""
    from answerable.runtime import display
    from answerable.runtime.night import have_database

    out = console()
    with display.shown(out):
        have_database(Settings.from_environment(), tell=out.print)


@database.command("stop")
def db_stop() -> None:
    """Stop it. Nothing is lost."""
    from answerable.runtime import postgres

    was_there = postgres.stop(Settings.from_environment().home)
    console().print("Database stopped." if was_there else "No database was running.")


@database.command("url")
def db_url(
    role: Annotated[str, typer.Option(help=", ".join(ROLE_NAMES))] = "reader",
) -> None:
    """Print the URL, with its password, for a BI tool on this machine."""
    from answerable.runtime import postgres

    if role not in ROLE_NAMES:
        raise typer.BadParameter(f"role {role!r}; there are {', '.join(ROLE_NAMES)}")
    print(postgres.cluster_of(_with_database().home).url(ROLE_NAMES[role]))


def _with_database() -> Settings:
    """Settings with the embedded server up, where it is the one in use.

    A night may be under way: schemas are made and rights granted only where there are none yet.
    """
    from answerable.runtime import postgres
    from answerable.runtime.night import have_database
    from answerable.warehouse.db import connect

    settings = Settings.from_environment()
    if os.environ.get("ANSWERABLE_WAREHOUSE_URL"):
        return settings
    postgres.start(settings.home, tell=lambda text: print(text, file=sys.stderr))
    with connect(settings) as conn:
        is_new = conn.execute("select to_regclass('ops.publications')").fetchone() == (None,)
    if is_new:
        have_database(settings)
    return settings


def _prefix(night: str | None) -> str:
    """Of the schemas of that day's replay; of what is published where no day is named."""
    from answerable.runs import replay_prefix

    if night is None:
        return ""
    try:
        return replay_prefix(date.fromisoformat(night))
    except ValueError:
        _refuse(f"night {night!r} is not a day, as 2026-03-01")


def _numbers(given: list[str]) -> list[int]:
    """Numbers and spans of them, as 7 and 1-300."""
    found: list[int] = []
    for each in given:
        first, _, last = each.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            _refuse(f"seed {each!r}: expected a number or a span of them, as 7 or 1-300")
        found += range(int(first), int(last or first) + 1)
    return found


def _refuse(text: str) -> None:
    print(tame(text), file=sys.stderr)
    raise typer.Exit(1)


def main() -> None:
    """Errors that we foresaw are told in their own words; others keep their traceback."""
    from answerable.runtime.lock import Held

    try:
        app(prog_name="answerable")
    except Held as holder:
        print(f"A night is under way: {holder}; nothing was done.", file=sys.stderr)
        sys.exit(75)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Nothing half done is published; call again and it goes on.",
            file=sys.stderr,
        )
        sys.exit(130)
    except Exception as error:
        is_foreseen = type(error).__module__.startswith("answerable")
        said = str(error) if is_foreseen else "".join(traceback.format_exception(error))
        print(f"\n{tame(said)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
