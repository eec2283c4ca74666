"""Put a company's policy and cases of tests.helpers.slow_clock into a warehouse, and read back what
the models make of them.

The cases go straight into the staging tables, each under its own source: dozens of companies with
promises of their own share one build.
"""

import csv
import pickle
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg.rows import dict_row
from random_cases import AS_OF, random_case, random_company
from slow_clock import Case, Company, Promise, verdicts

from answerable import runs
from answerable.bench.sla import build, plan
from answerable.identity import resolve
from answerable.settings import ROOT, Settings
from answerable.warehouse import db, dbt, publish

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = {
    "fct_sla_clocks": ("case_key", "metric", "clock_no"),
    "fct_sla_segments": ("case_key", "metric", "clock_no", "segment_no"),
}
STAGED = {
    "stg_zendesk__tickets": (
        "source, record_key, read_run_no, ticket_id, created_at, updated_at, status, via_channel,"
        " requester_id, due_at, tags"
    ),
    "stg_zendesk__ticket_changes": (
        "source, record_key, read_run_no, ticket_id, event_sequence, changed_at, event_kind,"
        " status, priority, group_id, assignee_id"
    ),
    "stg_zendesk__comments": (
        "source, record_key, read_run_no, ticket_id, comment_id, author_id, commented_at,"
        " is_public, via_channel, text"
    ),
    "stg_zendesk__users": (
        "source, record_key, read_run_no, user_id, user_name, role, created_at, updated_at, tags"
    ),
    "stg_file__interactions": (
        "source, record_key, read_run_no, interaction_id, occurred_at, direction, channel,"
        " visibility, author_id, agent_id, conversation_id, case_id, text, is_bot, is_deleted"
    ),
    "stg_file__case_events": (
        "source, record_key, read_run_no, case_id, event_at, event_sequence, opened_at, channel,"
        " status, priority, department, team, agent_id"
    ),
}
# who writes in the cases of every source: `former` has left, and only the policy still lists them
USERS = (
    ("customer", "end-user", "[]"),
    ("person", "agent", "[]"),
    ("former", "end-user", "[]"),
    ("bot", "agent", '["bot"]'),
)
LONG_AGO = datetime(2010, 1, 1)


def write_policy(folder: Path, company: Company, sources: Iterable[str]) -> Path:
    """The company's rows as policy files; what it says nothing of has a header and no rows."""
    shipped = ROOT / "dbt_project" / "seeds" / "policy"
    departments = {team.of for team in company.teams} | {r.department for r in company.ownership}
    teams = {team.member for team in company.teams}
    rows = {
        "company": [{"company_name": "Tests", "timezone": company.zone}],
        "departments": [
            {"department": name, "department_name": name, "valid_from": "1990-01-01"}
            for name in sorted(departments)
        ],
        "teams": [
            {"team": row.member, "team_name": row.member, "department": row.of, **_validity(row)}
            for row in company.teams
        ],
        "agents_teams": [
            *(
                {"source": agent.split(":")[0], "agent": agent.split(":")[1], "team": row.of}
                | _validity(row)
                for row in company.agents
                for agent in [row.member]
            ),
            *(
                {"source": source, "agent": "former", "team": min(teams)}
                | {"valid_from": "1990-01-01", "valid_until": "1991-01-01"}
                for source in sources
                if teams
            ),
        ],
        "business_schedules": [
            {
                "schedule": name,
                "timezone": row.zone,
                "weekday": DAYS[row.weekday],
                "opens_at": row.opens,
                "closes_at": row.closes,
                **_validity(row),
            }
            for name, schedule in company.schedules.items()
            for row in schedule.openings
        ],
        "holidays": [
            {
                "schedule": name,
                "holiday_on": row.first,
                "holiday_until": row.until,
                "opens_at": row.opens,
                "closes_at": row.closes,
                "holiday_name": "special",
            }
            for name, schedule in company.schedules.items()
            for row in schedule.holidays
        ],
        "sla_policies": [_promise(row) for row in company.promises],
        "ownership_policies": [
            {
                "policy": row.policy,
                "rank": row.rank,
                "department": row.department,
                "team": row.team,
                **row.conditions,
                **_validity(row),
            }
            for row in company.ownership
        ],
    }
    folder.mkdir(parents=True)
    for file in shipped.glob("*.csv"):
        text = file.read_text(encoding="utf-8")
        if file.stem == "channels":
            (folder / file.name).write_text(text, encoding="utf-8")
            continue
        columns = text.splitlines()[0].split(",")
        with (folder / file.name).open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
            writer.writeheader()
            for row in rows.get(file.stem, []):
                agreed = {"agreed_in": "a test"} if "agreed_in" in columns else {}
                writer.writerow({**row, **agreed})
    return folder


def _validity(row: object) -> dict[str, str]:
    until = "" if row.valid_until == date(9999, 12, 31) else row.valid_until.isoformat()
    return {"valid_from": row.valid_from.isoformat(), "valid_until": until}


def _promise(row: Promise) -> dict:
    minutes = None if row.target_seconds is None else Decimal(row.target_seconds) / 60
    return {
        "policy": row.policy,
        "rank": row.rank,
        "metric": row.metric,
        **row.conditions,
        "target": row.target,
        "target_minutes": minutes,
        "hours": row.hours,
        "pause_while": " ".join(sorted(row.pause_while, reverse=True)),
        "on_reopen": "" if row.on_reopen == "continue" else row.on_reopen,
        "on_change": "" if row.on_change == "keep" else row.on_change,
        "at_risk_minutes": "" if row.at_risk_seconds == 7200 else row.at_risk_seconds // 60,
        **_validity(row),
    }


def staged(case: Case, read_run_no: int = 1) -> list[tuple[str, tuple]]:
    """The rows of staging tables that tell of a case: (table, values in the order of STAGED).
    Those of its messages come last, one each."""
    if case.is_exported:
        return [*_whole_states(case, read_run_no), *_exported_messages(case, read_run_no)]
    if not case.has_status:
        return [*_exported_messages(case, read_run_no)]
    return [*_ticket(case, read_run_no)]


def _ticket(case: Case, read_run_no: int) -> Iterator[tuple[str, tuple]]:
    source, _, case_id = case.key.partition(":")
    is_deleted = case.void_reason == "deleted"
    changed_at = max([case.opened_at, *(event.at for event in case.events)])
    tags = '["spam"]' if case.void_reason == "spam" else "[]"
    yield (
        "stg_zendesk__tickets",
        (
            *(source, case_id, read_run_no, case_id, case.opened_at, changed_at),
            *("deleted" if is_deleted else "open", "email", "customer", case.source_due_at, tags),
        ),
    )
    for number, event in enumerate(case.events):
        yield (
            "stg_zendesk__ticket_changes",
            (
                *(source, f"{case_id}-{number}", read_run_no, case_id, number, event.at),
                *("changed" if number else "created", event.status, event.priority, event.team),
                None if event.agent is None else _id(event.agent),
            ),
        )
    for number, message in enumerate(case.messages):
        assert not message.is_deleted, "only exports tell of those"
        comment_id = f"{case_id}-c{number}"
        author = _id(message.agent) if message.agent else message.by
        yield (
            "stg_zendesk__comments",
            (
                *(source, comment_id, read_run_no, case_id, comment_id, author, message.at),
                *(message.is_public, "email", "words"),
            ),
        )


def _whole_states(case: Case, read_run_no: int) -> Iterator[tuple[str, tuple]]:
    """Each event as the case was after it."""
    source, _, case_id = case.key.partition(":")
    known = {"status": "new", "priority": "", "department": "", "team": "", "agent": ""}
    for number, event in enumerate(case.events):
        known |= {name: getattr(event, name) for name in known if getattr(event, name) is not None}
        said = {name: value or None for name, value in known.items()}
        yield (
            "stg_file__case_events",
            (
                *(source, f"{case_id}-{number}", read_run_no, case_id, event.at, number),
                *(case.opened_at, case.about["channel"], said["status"], said["priority"]),
                *(said["department"], said["team"], said["agent"] and _id(said["agent"])),
            ),
        )


def _exported_messages(case: Case, read_run_no: int) -> Iterator[tuple[str, tuple]]:
    source, _, case_id = case.key.partition(":")
    for number, message in enumerate(case.messages):
        assert message.is_public, "exports have no notes"
        is_ours = message.by != "customer"
        message_id = _id(message.key) if message.key else f"{case_id}-{number}"
        author = _id(message.agent) if message.agent else message.by
        yield (
            "stg_file__interactions",
            (
                *(source, message_id, read_run_no, message_id, message.at),
                *("outbound" if is_ours else "inbound", case.about["channel"], "private"),
                *(None if is_ours else author, author if is_ours else None, case_id, case_id),
                *("words", message.by == "bot", message.is_deleted),
            ),
        )


def _id(key: str) -> str:
    """The source's own id in a key of ours."""
    return key.partition(":")[2]


def users(sources: Iterable[str]) -> Iterator[tuple[str, tuple]]:
    for source in sources:
        for name, role, tags in USERS:
            yield (
                "stg_zendesk__users",
                (source, name, 1, name, name, role, LONG_AGO, LONG_AGO, tags),
            )


def fill(conn: psycopg.Connection, rows: Iterable[tuple[str, tuple]]) -> None:
    tables: dict[str, list[tuple]] = {}
    for table, values in rows:
        tables.setdefault(table, []).append(values)
    for table, values in tables.items():
        with conn.cursor().copy(f"copy build.{table} ({STAGED[table]}) from stdin") as copy:
            for one in values:
                copy.write_row(one)
        conn.execute(f"analyze build.{table}")


def build_rest(settings: Settings, run: runs.Run) -> None:
    """All that follows once the staging tables are filled."""
    dbt.build(run.run_id, part="evidence", settings=settings)
    resolve(run.run_id, settings=settings)
    build(settings, run, "rest")


def first_night(settings: Settings, day: date) -> runs.Run:
    """A night as of the beginning of a day of the company's, with staging tables to be filled."""
    run = plan(settings, datetime.combine(day, time()))
    build(settings, run, "first")
    return run


def next_night(settings: Settings, run: runs.Run, day: date) -> runs.Run:
    """Publish what is built for `run`, and begin a night that only adds to it."""
    publish.publish(run.run_id, settings=settings)
    with db.connect(settings) as conn:
        conn.execute("update ops.runs set report_path = '-' where run_id = %s", [run.run_id])
        conn.commit()
    following = plan(settings, datetime.combine(day, time()))
    with db.connect(settings) as conn:
        conn.execute(
            "update ops.runs set is_full = false, fingerprint = %s where run_id = %s",
            [dbt.fingerprint(settings), following.run_id],
        )
        conn.commit()
    return following


def build_cases(settings: Settings, day: date, rows: Iterable[tuple[str, tuple]]) -> runs.Run:
    """A warehouse of these staged rows, as of a day."""
    run = first_night(settings, day)
    with db.connect(settings) as conn:
        fill(conn, rows)
    build_rest(settings, run)
    return run


def read(conn: psycopg.Connection, table: str, case_keys: Iterable[str]) -> dict[tuple, dict]:
    """{key: row} of a mart that is built, of these cases."""
    cursor = conn.cursor(row_factory=dict_row)
    cursor.execute(f"select * from build.{table} where case_key = any(%s)", [[*case_keys]])
    return {tuple(row[name] for name in KEYS[table]): row for row in cursor}


def differences(
    conn: psycopg.Connection,
    case_keys: Iterable[str],
    clocks: Iterable[dict],
    pieces: Iterable[dict],
) -> list[str]:
    """Where the models' clocks and segments of some cases are not the slow implementation's."""
    found = []
    case_keys = [*case_keys]
    for table, slow in (("fct_sla_clocks", clocks), ("fct_sla_segments", pieces)):
        ours = read(conn, table, case_keys)
        theirs = {tuple(row[name] for name in KEYS[table]): row for row in slow}
        for key in sorted(ours.keys() | theirs.keys()):
            if key not in ours or key not in theirs:
                who = "the models have" if key in ours else "the slow implementation has"
                found.append(f"{key}: only {who} it")
                continue
            found += [
                f"{key} {name}: {ours[key][name]} by the models, {value} slowly"
                for name, value in theirs[key].items()
                if ours[key][name] != value
            ]
    return found


def random_chunk(seed: int, first: int, count: int, sources: int) -> bytes:
    """Some random cases: their keys, their rows of staging tables, clocks and segments, pickled."""
    company = random_company(seed, sources)
    cases = [random_case(company, seed, n, sources) for n in range(first, first + count)]
    judged = [verdicts(case, company, AS_OF) for case in cases]
    clocks = [row for rows, _ in judged for row in rows]
    pieces = [row for _, rows in judged for row in rows]
    rows = [row for case in cases for row in staged(case)]
    return pickle.dumps(([case.key for case in cases], rows, clocks, pieces))
