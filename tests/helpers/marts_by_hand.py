"""Marts made by hand: their columns, a small night that fits together, and ways to break it.

Stands in for dbt where a test is about what comes after it: checks, publishing, reports.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
import yaml
from psycopg import sql
from psycopg.types.json import Jsonb

from answerable.settings import ROOT
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import Published

TYPES = {
    "string": "text",
    "timestamp": "timestamp",
    "date": "date",
    "integer": "integer",
    "bigint": "bigint",
    "boolean": "boolean",
    "float": "double precision",
    "numeric(18, 4)": "numeric(18, 4)",
}


def _contracts() -> dict[str, tuple[Published, dict[str, str]]]:
    """The published models as their YAML declares them, and the types of their columns."""
    found = {}
    for file in sorted((ROOT / "dbt_project" / "models" / "marts").glob("**/*.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]:
            meta = model["config"]["meta"]
            is_of_cases = "case_key" in meta["key"] and not model["name"].startswith("rpt_")
            published = Published(
                table=model["name"],
                schema=meta["publish"],
                key=tuple(meta["key"]),
                # every table of cases by its dirty keys: increments are what tests are about
                dirty=meta.get("dirty") or ("case_key" if is_of_cases else None),
            )
            types = {column["name"]: TYPES[column["data_type"]] for column in model["columns"]}
            found[model["name"]] = (published, types)
    return found


CONTRACTS = _contracts()
DIRTY = {table: model.dirty for table, (model, _) in CONTRACTS.items() if model.dirty}

AS_OF = datetime.fromisoformat("2026-03-01")


def models() -> list[Published]:
    return [model for model, _ in CONTRACTS.values()]


def make_build(conn: psycopg.Connection, prefix: str = "") -> Schemas:
    """Empty tables in `build`, as dbt would have made them."""
    schemas = Schemas.of(prefix)
    conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schemas.build)))
    for table, (_, types) in CONTRACTS.items():
        conn.execute(
            sql.SQL("create table {} ({})").format(
                sql.Identifier(schemas.build, table),
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
                    for name, kind in types.items()
                ),
            )
        )
    conn.execute(
        sql.SQL(
            "create table {} (case_key text, metric text, clock_no integer, target_seconds bigint)"
        ).format(sql.Identifier(schemas.build, "int_source_clocks"))
    )
    for table, column in (
        ("int_dirty_cases", "case_key"),
        ("int_dirty_conversations", "conversation_key"),
        ("int_dirty_customers", "customer_key"),
    ):
        conn.execute(
            sql.SQL("create table {} ({} text)").format(
                sql.Identifier(schemas.build, table), sql.Identifier(column)
            )
        )
    conn.commit()
    return schemas


def add(conn: psycopg.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows into `schema.table`; columns that a row does not name are null."""
    for row in rows:
        conn.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(*table.split(".")),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(sql.Placeholder() * len(row)),
            ),
            list(row.values()),
        )


def start_run(
    conn: psycopg.Connection,
    run_id: str,
    as_of: datetime = AS_OF,
    *,
    kind: str = "nightly",
    prefix: str = "",
    is_full: bool | None = True,
    replays_run_no: int | None = None,
) -> None:
    conn.execute(
        "insert into ops.runs (run_id, kind, as_of, schema_prefix, input, streams, is_full, "
        "fingerprint, replays_run_no) values (%s, %s, %s, %s, 'sandbox', %s, %s, 'f', %s)",
        [
            run_id,
            kind,
            as_of,
            prefix,
            Jsonb([{"source": "zendesk", "kind": "zendesk", "stream": "tickets"}]),
            is_full,
            replays_run_no,
        ],
    )
    conn.execute(
        "insert into ops.stream_runs (run_id, source, source_kind, stream, status) "
        "values (%s, 'zendesk', 'zendesk', 'tickets', 'landed')",
        [run_id],
    )
    conn.commit()


def case(
    number: int,
    opened_at: datetime,
    *,
    reply_after: timedelta | None = timedelta(minutes=10),
    target: timedelta | None = timedelta(minutes=60),
    resolved_after: timedelta | None = None,
    department: str = "customer_service",
    team: str = "Frontline",
    channel: str = "email",
    brand: str = "fernhill",
    priority: str = "normal",
    subject: str = "Where is my parcel?",
    as_of: datetime = AS_OF,
    first_holder_nobody_for: timedelta | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of one ticket that fit together: a question, perhaps an answer, one or two spans."""
    key = f"zendesk:{number}"
    replied_at = None if reply_after is None else opened_at + reply_after
    resolved_at = None if resolved_after is None else opened_at + resolved_after
    where = {"channel": channel, "brand": brand, "priority": priority, "topic": "delivery"}
    owner = {"department": department, "team": team, "agent_key": "zendesk:900"}
    ask, answer = f"zendesk:{number}1", f"zendesk:{number}2"
    common = {
        "source": "zendesk",
        "channel": channel,
        "brand": brand,
        "visibility": "private",
        "purpose": "service",
        "conversation_key": f"zendesk:{number}",
        "case_key": key,
        "customer_key": "customer-1",
        "is_bot": False,
        "source_record_count": 1,
        "text_masked": "Good morning",
    }
    interactions = [
        common
        | {
            "interaction_key": ask,
            "direction": "inbound",
            "occurred_at": opened_at,
            "occurred_on": opened_at.date(),
            "is_reply": False,
        }
    ]
    if replied_at is not None:
        interactions.append(
            common
            | {
                "interaction_key": answer,
                "direction": "outbound",
                "occurred_at": replied_at,
                "occurred_on": replied_at.date(),
                "is_reply": True,
                "agent_key": "zendesk:900",
                "team": team,
                "department": department,
                "in_reply_to_interaction_key": ask,
                "answers_interaction_key": ask,
            }
        )
    taken_at = opened_at + (first_holder_nobody_for or timedelta(0))
    nobody = {"department": None, "team": None, "agent_key": None}
    spans, timeline = [], []
    stretches = [(taken_at, None, owner)]
    if first_holder_nobody_for:
        stretches = [(opened_at, taken_at, nobody), *stretches]
    for span_no, (from_at, to_at, holder) in enumerate(stretches, 1):
        spans.append(
            {"case_key": key, "span_no": span_no, "from_at": from_at, "to_at": to_at}
            | holder
            | {
                "is_nobody": holder["department"] is None,
                "came_by": None if holder["department"] is None else "assigned",
                "reply_count": 0,
                "outside_reply_count": 0,
                "calendar_seconds": int(((to_at or as_of) - from_at).total_seconds()),
                "policy_department": "customer_service",
                "ownership_policy": "service",
                "verdict": "orphaned"
                if holder["department"] is None
                else "as_policy"
                if department == "customer_service"
                else "misrouted",
            }
        )
        timeline.append(
            {"case_key": key, "from_at": from_at, "to_at": to_at, "event_kind": "assigned"}
            | {"status": "open", "waiting_on": "us", "ownership_policy": "service"}
            | holder
            | where
        )
    if resolved_at is not None:
        timeline[-1]["to_at"] = resolved_at
        timeline.append(timeline[-1] | {"from_at": resolved_at, "to_at": None, "status": "solved"})
    for row_no, row in enumerate(timeline, 1):
        row["row_no"] = row_no
    clocks = [
        _clock(key, "first_reply_time", opened_at, replied_at, target, as_of) | where | owner,
        _clock(key, "resolution_time", opened_at, resolved_at, target and 8 * target, as_of)
        | where
        | owner,
    ]
    segments = [
        {
            "segment_no": 1,
            "from_at": clock["started_at"],
            "to_at": clock["fulfilled_at"] or as_of,
            "is_paused": False,
            "status": "open",
            "hours": "calendar",
            "calendar_seconds": clock["calendar_elapsed_seconds"],
            "seconds": clock["elapsed_seconds"],
            "elapsed_before_seconds": 0,
        }
        | {
            column: clock[column]
            for column in ("case_key", "metric", "clock_no", "policy", "target_seconds")
        }
        | owner
        for clock in clocks
    ]
    return {
        "fct_interactions": interactions,
        "fct_cases": [
            {
                "case_key": key,
                "source": "zendesk",
                "case_id": str(number),
                "conversation_key": f"zendesk:{number}",
                "customer_key": "customer-1",
                "channel": channel,
                "brand": brand,
                "topic": "delivery",
                "priority": priority,
                "status": "open" if resolved_at is None else "solved",
                "opened_at": opened_at,
                "opened_on": opened_at.date(),
                "resolved_at": resolved_at,
                "is_open": True,  # solved, but not closed
                "is_counted": True,
                "inbound_count": 1,
                "outbound_count": len(interactions) - 1,
                "reply_count": len(interactions) - 1,
                "handoff_count": 0,
                "team_handoff_count": 0,
                "reopen_count": 0,
                "has_repeat_contact": False,
                "subject_masked": subject,
            }
            | owner
        ],
        "fct_interaction_metrics": [
            {
                "interaction_key": ask,
                "conversation_key": f"zendesk:{number}",
                "observed_on": as_of.date(),
                "observed_at": as_of,
                "is_newest": True,
                "impression_count": number,
            }
        ],
        "fct_case_timeline": timeline,
        "fct_ownership_spans": spans,
        "fct_sla_clocks": clocks,
        "fct_sla_segments": segments,
        # the help desk alone promised how long a group may hold it
        "rpt_sla_reconciliation": [
            {
                "case_key": key,
                "metric": "ownership_time",
                "clock_no": 1,
                "source": "zendesk",
                "told_by": "events",
                "source_policy": "Hand over",
                "source_target_seconds": 7200,
                "source_started_at": opened_at,
                "source_outcome": "met",
                "is_same": False,
                "cause": "policy_differs",
            }
        ],
        "interaction_texts": [
            {
                "interaction_key": row["interaction_key"],
                "conversation_key": key,
                "text": "Good morning",
            }
            for row in interactions
        ],
    }


def _clock(
    key: str,
    metric: str,
    started_at: datetime,
    fulfilled_at: datetime | None,
    target: timedelta | None,
    as_of: datetime,
) -> dict[str, Any]:
    elapsed = (fulfilled_at or as_of) - started_at
    due_at = None if target is None else started_at + target
    if target is None:
        outcome, decided_at = "no_policy", started_at
    elif elapsed <= target:
        outcome = "running" if fulfilled_at is None else "met"
        decided_at = started_at if fulfilled_at is None else fulfilled_at
    else:
        outcome, decided_at = "breached", due_at
    seconds = int(elapsed.total_seconds())
    return {
        "case_key": key,
        "metric": metric,
        "clock_no": 1,
        "source": "zendesk",
        "policy": None if target is None else "any",
        "target_seconds": None if target is None else int(target.total_seconds()),
        "hours": None if target is None else "calendar",
        "started_at": started_at,
        "fulfilled_at": fulfilled_at,
        "due_at": due_at,
        "due_by_at": due_at,
        "breached_at": due_at if outcome == "breached" else None,
        "elapsed_seconds": seconds,
        "calendar_elapsed_seconds": seconds,
        "business_elapsed_seconds": seconds,
        "outcome": outcome,
        "is_running": fulfilled_at is None,
        "is_paused": False,
        "remaining_seconds": None
        if target is None or fulfilled_at is not None
        else int(target.total_seconds()) - seconds,
        "at_risk_seconds": None if target is None else 7200,
        "segment_count": 1,
        "decided_at": decided_at,
        "day": decided_at.date(),
    }


def fill(
    conn: psycopg.Connection,
    cases: Iterable[dict[str, list[dict[str, Any]]]],
    *,
    schema: str = "build",
) -> None:
    """A night of these cases in `schema`: all tables, the daily report summed from the clocks."""
    for table in CONTRACTS:
        conn.execute(sql.SQL("delete from {}").format(sql.Identifier(schema, table)))
    for one in cases:
        for table, rows in one.items():
            add(conn, f"{schema}.{table}", rows)
    add(
        conn,
        f"{schema}.dim_departments",
        [
            {"department": "customer_service", "department_name": "Customer service"},
            {"department": "marketing", "department_name": "Marketing"},
        ],
    )
    conn.execute(
        sql.SQL("update {} set is_in_policy = true").format(
            sql.Identifier(schema, "dim_departments")
        )
    )
    add(
        conn,
        f"{schema}.dim_agents",
        [
            {
                "agent_key": "zendesk:900",
                "source": "zendesk",
                "agent_id": "900",
                "agent_name": "Ada",
                "team": "Frontline",
                "department": "customer_service",
                "is_in_team": True,
                "is_bot": False,
            }
        ],
    )
    conn.execute(
        sql.SQL(
            """
            insert into {customers}
            select
                customer_key, min(occurred_at), max(occurred_at), 1, count(*),
                count(distinct case_key), count(distinct channel), 'unknown', false
            from {interactions}
            group by customer_key;
            insert into {identities}
            select 'identifier-1', customer_key, customer_key, 'email', 'kim@example.com',
                'zendesk', first_seen_at, last_seen_at, null
            from {customers};
            insert into {evidence} (account_identifier_key, identifier_key, source, evidence,
                customer_key, identifier_kind, identifier, first_seen_at, last_seen_at)
            select 'zendesk:user:1', identifier_key, source, 'account', customer_key,
                identifier_kind, identifier, first_seen_at, last_seen_at
            from {identities};
            insert into {changes} (changed_on, customer_key, became_customer_key, change, cause)
            select date '2026-02-20', 'customer-0', customer_key, 'merged', 'account'
            from {customers};
            insert into {history} (customer_key, interaction_no, interaction_key, occurred_at,
                channel, direction)
            select customer_key,
                row_number() over (
                    partition by customer_key order by occurred_at, interaction_key
                ),
                interaction_key, occurred_at, channel, direction
            from {interactions};
            """
        ).format(
            customers=sql.Identifier(schema, "dim_customers"),
            identities=sql.Identifier(schema, "customer_identities"),
            evidence=sql.Identifier(schema, "customer_evidence"),
            changes=sql.Identifier(schema, "customer_changes"),
            history=sql.Identifier(schema, "customer_history"),
            interactions=sql.Identifier(schema, "fct_interactions"),
        )
    )
    sum_up(conn, schema)
    conn.commit()


def sum_up(conn: psycopg.Connection, schema: str = "build") -> None:
    """The daily report and the worklist anew from the clocks."""
    conn.execute(SUM_UP.replace("build.", f"{schema}."))


SUM_UP = """
    delete from build.rpt_sla_compliance_daily;
    insert into build.rpt_sla_compliance_daily
    select
        day, metric, coalesce(department, '(none)'), coalesce(team, '(none)'),
        coalesce(channel, '(none)'), coalesce(brand, '(none)'), coalesce(priority, '(none)'),
        count(*),
        count(*) filter (where outcome = 'met'),
        count(*) filter (where outcome = 'breached'),
        count(*) filter (where outcome = 'running'),
        count(*) filter (where outcome = 'void'),
        count(*) filter (where outcome = 'no_policy'),
        count(*) filter (where outcome = 'breached' and is_running),
        round(
            cast(count(*) filter (where outcome = 'met') as numeric)
            / nullif(count(*) filter (where outcome in ('met', 'breached')), 0), 6
        ),
        count(decided_seconds),
        percentile_disc(0.5) within group (order by decided_seconds),
        percentile_disc(0.9) within group (order by decided_seconds),
        percentile_disc(0.95) within group (order by decided_seconds)
    from (
        select
            *,
            case when outcome in ('met', 'breached') and fulfilled_at is not null
                then elapsed_seconds end as decided_seconds
        from build.fct_sla_clocks
    ) as clocks
    group by 1, 2, 3, 4, 5, 6, 7;
    delete from build.rpt_breach_attribution;
    insert into build.rpt_breach_attribution
        (case_key, metric, clock_no, department, seconds, calendar_seconds, is_holder_at_breach,
        outcome, elapsed_seconds)
    select distinct case_key, metric, clock_no, coalesce(department, '(none)'), elapsed_seconds,
        calendar_elapsed_seconds, outcome = 'breached', outcome, elapsed_seconds
    from build.fct_sla_clocks;
    delete from build.rpt_sla_at_risk;
    insert into build.rpt_sla_at_risk
        (case_key, metric, clock_no, elapsed_seconds, target_seconds, remaining_seconds)
    select case_key, metric, clock_no, elapsed_seconds, target_seconds, remaining_seconds
    from build.fct_sla_clocks
    where outcome = 'running' and remaining_seconds <= at_risk_seconds;
"""


def sum_up_calls(conn: psycopg.Connection, schema: str = "build") -> None:
    """The intervals of service levels anew from the calls, by halves of UTC's hours."""
    conn.execute(
        sql.SQL(
            """
            delete from {report};
            insert into {report}
            with offered as (
                select *,
                    to_timestamp(floor(extract(epoch from started_at) / 1800) * 1800)
                        at time zone 'UTC' as from_at
                from {calls} where is_offered
            ), counted as (
                select source, coalesce(queue, '(none)') as queue,
                    coalesce(brand, '(none)') as brand,
                    coalesce(service_level, '(none)') as service_level, from_at,
                    max(answer_target_seconds) as target, count(*) as offered,
                    count(*) filter (where outcome = 'answered') as answered,
                    count(*) filter (where answer_outcome = 'met') as met,
                    count(*) filter (where answer_void_reason = 'short_abandon') as short,
                    sum(wait_seconds) filter (where outcome = 'answered') as waited,
                    sum(talk_seconds) filter (where outcome = 'answered') as talked,
                    max(wait_seconds) as longest
                from offered group by 1, 2, 3, 4, 5
            )
            select source, queue, brand, service_level, from_at, from_at + interval '30 min',
                from_at::date, target, case when target is not null then 0.8 end,
                case when target is not null then 'offered' end, offered, answered, met,
                offered - answered, short, 0, 0,
                case when target is not null then met::float / offered end,
                case when target is not null then met::float / nullif(answered, 0) end,
                case when target is not null then met::float / nullif(offered - short, 0) end,
                case when target is not null then met::float / offered >= 0.8 end,
                (offered - answered)::float / offered, coalesce(waited, 0),
                waited::float / nullif(answered, 0), coalesce(talked, 0),
                talked::float / nullif(answered, 0), longest
            from counted
            """
        ).format(
            report=sql.Identifier(schema, "rpt_service_level_intervals"),
            calls=sql.Identifier(schema, "fct_calls"),
        )
    )


def small_night(as_of: datetime = AS_OF) -> list[dict[str, list[dict[str, Any]]]]:
    """Cases of each outcome, over three days, two departments and two channels."""
    day = as_of - timedelta(days=3)
    return [
        case(1, day + timedelta(hours=9), resolved_after=timedelta(hours=4), as_of=as_of),
        case(2, day + timedelta(hours=10), reply_after=timedelta(hours=3), as_of=as_of),
        case(3, day + timedelta(hours=30), reply_after=None, as_of=as_of),
        case(4, day + timedelta(hours=31), target=None, as_of=as_of),
        case(
            5,
            as_of - timedelta(minutes=30),
            reply_after=None,
            channel="x",
            department="marketing",
            team="Social",
            as_of=as_of,
        ),
        case(
            6,
            day + timedelta(hours=40),
            reply_after=timedelta(minutes=60),
            first_holder_nobody_for=timedelta(minutes=20),
            channel="x",
            as_of=as_of,
        ),
    ]


def contents(conn: psycopg.Connection, schemas: Schemas) -> dict[str, list[str]]:
    """Every row of every published table, as text, in order."""
    found = {}
    for schema in (schemas.marts, schemas.private):
        tables = conn.execute(
            "select table_name from information_schema.tables where table_schema = %s", [schema]
        ).fetchall()
        for (table,) in tables:
            rows = conn.execute(
                sql.SQL("select cast(one as text) from {} as one").format(
                    sql.Identifier(schema, table)
                )
            ).fetchall()
            found[f"{schema}.{table}"] = sorted(row for (row,) in rows)
    conn.rollback()
    return found
