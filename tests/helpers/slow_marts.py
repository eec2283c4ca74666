"""A night's marts for the slow implementation: its timelines and messages in, its clocks out."""

import csv
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg.rows import dict_row
from sla_warehouse import DAYS
from slow_clock import (
    Case,
    Company,
    Holiday,
    Message,
    Opening,
    OwnershipRule,
    Promise,
    Schedule,
    State,
    Timeline,
    local_day,
)

CONDITIONS = ("source", "channel", "visibility", "purpose", "brand", "priority", "topic")
CONDITIONS += ("customer_tier", "direction")


def read_policy(folder: Path) -> Company:
    """A company as its policy files tell of it. Teams come with the timelines."""

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((folder / f"{name}.csv").open(encoding="utf-8")))

    def dates(row: dict) -> dict[str, date]:
        return {
            name: date.fromisoformat(row[name])
            for name in ("valid_from", "valid_until")
            if row[name]
        }

    def conditions(row: dict) -> dict[str, str]:
        return {name: row[name] for name in CONDITIONS if row.get(name)}

    openings, holidays = defaultdict(list), defaultdict(list)
    for row in rows("business_schedules"):
        openings[row["schedule"]].append(
            Opening(
                zone=row["timezone"],
                weekday=DAYS.index(row["weekday"]),
                opens=row["opens_at"],
                closes=row["closes_at"],
                **dates(row),
            )
        )
    for row in rows("holidays"):
        first = date.fromisoformat(row["holiday_on"])
        until = row["holiday_until"]
        holidays[row["schedule"]].append(
            Holiday(
                first=first,
                until=date.fromisoformat(until) if until else first + timedelta(days=1),
                opens=row["opens_at"] or None,
                closes=row["closes_at"] or None,
            )
        )
    return Company(
        zone=rows("company")[0]["timezone"],
        schedules={
            name: Schedule(openings=openings[name], holidays=holidays[name]) for name in openings
        },
        promises=[
            Promise(
                policy=row["policy"],
                rank=int(row["rank"]),
                metric=row["metric"],
                conditions=conditions(row),
                target=row["target"],
                target_seconds=int(Decimal(row["target_minutes"]) * 60)
                if row["target_minutes"]
                else None,
                hours=row["hours"] or "calendar",
                pause_while=frozenset(row["pause_while"].split()),
                on_reopen=row["on_reopen"] or "continue",
                on_change=row["on_change"] or "keep",
                at_risk_seconds=int(Decimal(row["at_risk_minutes"] or 120) * 60),
                **dates(row),
            )
            for row in rows("sla_policies")
        ],
        ownership=[
            OwnershipRule(
                policy=row["policy"],
                rank=int(row["rank"]),
                department=row["department"],
                team=row["team"] or None,
                conditions=conditions(row),
                **dates(row),
            )
            for row in rows("ownership_policies")
        ],
    )


def read_cases(conn: psycopg.Connection, company: Company) -> list[tuple[Case, Timeline]]:
    """Every case but those merged into another, whose messages are the other's by then."""
    cursor = conn.cursor(row_factory=dict_row)
    messages, states = defaultdict(list), defaultdict(list)
    for row in cursor.execute("select * from build.fct_interactions where case_key is not null"):
        by = "customer" if row["direction"] == "inbound" else "person" if row["is_reply"] else "bot"
        messages[row["case_key"]].append(Message(at=row["occurred_at"], by=by))
    owners = {
        (rule.policy, rule.valid_from): rule
        for rule in sorted(company.ownership, key=lambda rule: rule.valid_from)
    }
    for row in cursor.execute("select * from build.fct_case_timeline order by case_key, row_no"):
        day = local_day(row["from_at"], company.zone)
        rule = [
            rule
            for (policy, _), rule in owners.items()
            if policy == row["ownership_policy"] and rule.valid_from <= day < rule.valid_until
        ]
        states[row["case_key"]].append(
            State(
                at=row["from_at"],
                status=row["status"],
                department=row["department"],
                team=row["team"],
                agent=row["agent_key"],
                priority=row["priority"] or "",
                owner=rule[0].department if rule else None,
                ownership_policy=row["ownership_policy"],
            )
        )
    found = []
    for row in cursor.execute("select * from build.int_cases"):
        if row["not_counted_reason"] == "merged":
            continue
        about = ("channel", "visibility", "purpose", "brand", "topic", "customer_tier")
        case = Case(
            key=row["case_key"],
            source=row["source"],
            opened_at=row["opened_at"],
            has_status=row["has_status"],
            messages=messages[row["case_key"]],
            source_due_at=row["source_due_at"],
            void_reason=row["not_counted_reason"],
            about={name: row[name] for name in (*about, "source_verdict")},
        )
        found.append((case, Timeline(states[row["case_key"]])))
    return found
