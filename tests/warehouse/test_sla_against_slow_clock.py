"""Clocks of random cases on random schedules, against a second implementation that is slow and
obviously right: equal in every second."""

import csv
import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from slow_clock import Schedule, due, open_seconds

from answerable.bench.sla import FILLED, build, plan
from answerable.identity import resolve
from answerable.settings import ROOT
from answerable.warehouse import db, dbt

AS_OF = datetime(2026, 3, 1)
OFFICE = {day: (("09:00", "17:30"),) for day in range(5)}
SCHEDULES = {
    "cairo": Schedule(  # changes its clocks on a Friday, a weekday like any other here
        zone="Africa/Cairo", hours={d: (("08:00", "16:00"),) for d in (6, 0, 1, 2, 3, 4)}
    ),
    "lord_howe": Schedule(zone="Australia/Lord_Howe", hours=OFFICE),  # half an hour of DST
    "kathmandu": Schedule(  # a quarter of an hour beside its neighbours; lunch
        zone="Asia/Kathmandu",
        hours={day: (("10:00", "13:00"), ("13:45", "17:00")) for day in range(6)},
    ),
    "st_johns": Schedule(zone="America/St_Johns", hours=OFFICE),
    "always": Schedule(
        zone="Europe/London", hours={day: (("00:00", "24:00"),) for day in range(7)}
    ),
    "nights": Schedule(  # open while the clocks change
        zone="America/New_York",
        hours={day: (("00:00", "06:00"), ("22:00", "24:00")) for day in range(7)},
    ),
    "one_day": Schedule(zone="Pacific/Noumea", hours={3: (("07:00", "07:30"),)}),
}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def with_holidays(schedules: dict[str, Schedule], draw: random.Random) -> dict[str, Schedule]:
    first = date(2024, 1, 1)
    return {
        name: replace(
            schedule,
            holidays=frozenset(first + timedelta(days=draw.randrange(790)) for _ in range(30)),
        )
        for name, schedule in schedules.items()
    }


def write_policy(folder, schedules: dict[str, Schedule]) -> None:
    """The shipped policy with these schedules and, for each, a promise to a brand of its name."""
    shipped = ROOT / "dbt_project" / "seeds" / "policy"
    folder.mkdir()
    new = {
        "business_schedules": [
            {
                "schedule": name,
                "timezone": schedule.zone,
                "weekday": DAYS[day],
                "opens_at": opens,
                "closes_at": closes,
                "valid_from": "2020-01-01",
                "agreed_in": "a test",
            }
            for name, schedule in schedules.items()
            for day, hours in sorted(schedule.hours.items())
            for opens, closes in hours
        ],
        "holidays": [
            {"schedule": name, "holiday_on": day, "holiday_name": "off", "agreed_in": "a test"}
            for name, schedule in schedules.items()
            for day in sorted(schedule.holidays)
        ],
        "brands": [
            {"brand": name, "brand_name": name, "source": "zendesk", "source_brand_id": name}
            for name in schedules
        ],
        "sla_policies": [
            {
                "policy": f"{metric} {name} {priority}",
                "rank": 10 * number + place,
                "metric": metric,
                "brand": name,
                "priority": priority,
                "target": "duration",
                "target_minutes": minutes,
                "hours": name,
                "valid_from": "2020-01-01",
                "agreed_in": "a test",
            }
            for metric in ("first_reply_time", "resolution_time")
            for number, name in enumerate(schedules)
            for place, (priority, minutes) in enumerate(TARGETS.items())
        ],
    }
    for file in shipped.glob("*.csv"):
        text = file.read_text(encoding="utf-8")
        rows = new.get(file.stem)
        if rows is None and file.stem in ("ownership_policies", "service_levels"):
            rows = []
        if rows is None:
            (folder / file.name).write_text(text, encoding="utf-8")
            continue
        with (folder / file.name).open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, text.splitlines()[0].split(","), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


TARGETS = {"urgent": 30, "high": 510, "normal": 1440, "low": 9_999}  # minutes


def random_tickets(draw: random.Random, schedules, count: int) -> list[dict]:
    """Tickets opened over two years, answered and solved sooner or later, or not; many of their
    instants lie on an edge of the opening hours, or a second beside it."""
    tickets = []
    for number in range(count):
        name = draw.choice(list(schedules))
        opened = datetime(2024, 1, 3) + timedelta(seconds=draw.randrange(780 * 86_400))
        if draw.random() < 0.3:
            opened = opened.replace(minute=draw.choice((0, 30)), second=0)
        priority = draw.choice(list(TARGETS))
        ends = []
        for share_done in (0.85, 0.8):
            after = timedelta(seconds=int(draw.expovariate(1 / 200_000)))
            if draw.random() < 0.25:  # exactly on the promise, or a second beside it
                edges = due(schedules[name], opened, TARGETS[priority] * 60)
                after = draw.choice(edges) - opened + timedelta(seconds=draw.choice((-1, 0, 1)))
            at = opened + max(after, timedelta())
            ends.append(at if draw.random() < share_done and at < AS_OF else None)
        tickets.append(
            {
                "id": str(number),
                "schedule": name,
                "priority": priority,
                "opened_at": opened,
                "replied_at": ends[0],
                "solved_at": ends[1],
            }
        )
    return tickets


def fill(settings, tickets: list[dict]) -> None:
    rows = {
        "tickets": (
            "source, record_key, read_run_no, ticket_id, created_at, updated_at, status,"
            " via_channel, requester_id, brand_id",
            [
                (
                    *("zendesk", t["id"], 1, t["id"], t["opened_at"], t["opened_at"]),
                    *("open", "email", "customer", t["schedule"]),
                )
                for t in tickets
            ],
        ),
        "ticket_changes": (
            "source, record_key, read_run_no, ticket_id, event_sequence, changed_at, event_kind,"
            " status, priority",
            [
                ("zendesk", f"{t['id']}-{n}", 1, t["id"], n, at, kind, status, priority)
                for t in tickets
                for n, at, kind, status, priority in (
                    (1, t["opened_at"], "created", "new", t["priority"]),
                    (2, t["solved_at"], "changed", "solved", None),
                )
                if at
            ],
        ),
        "comments": (
            "source, record_key, read_run_no, ticket_id, comment_id, author_id, commented_at,"
            " is_public, via_channel, text",
            [
                (
                    *("zendesk", f"{t['id']}-{who}", 1, t["id"], f"{t['id']}-{who}"),
                    *(who, at, True, "email", "words"),
                )
                for t in tickets
                for who, at in (("customer", t["opened_at"]), ("agent", t["replied_at"]))
                if at
            ],
        ),
        "users": (
            "source, record_key, read_run_no, user_id, user_name, role, created_at, updated_at",
            [
                ("zendesk", who, 1, who, who, role, datetime(2020, 1, 1), datetime(2020, 1, 1))
                for who, role in (("customer", "end-user"), ("agent", "agent"))
            ],
        ),
    }
    with db.connect(settings) as conn:
        for table, (columns, values) in rows.items():
            with conn.cursor().copy(
                f"copy build.stg_zendesk__{table} ({columns}) from stdin"
            ) as copy:
                for value in values:
                    copy.write_row(value)
        for table in FILLED:
            conn.execute(f"analyze build.stg_zendesk__{table}")


@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 1_000), pytest.param(2, 100_000, marks=pytest.mark.slow)],
)
def test_every_clock_is_equal_to_the_second(new_settings, using, tmp_path, seed, count):
    draw = random.Random(seed)
    schedules = with_holidays(SCHEDULES, draw)
    policy = tmp_path / "policy"
    write_policy(policy, schedules)
    tickets = random_tickets(draw, schedules, count)
    settings = replace(new_settings(), policy=policy)
    with using(settings):
        run = plan(settings, AS_OF)
        build(settings, run, "first")
        fill(settings, tickets)
        dbt.build(run.run_id, part="evidence", settings=settings)
        resolve(run.run_id, settings=settings)
        build(settings, run, "rest")
    with db.connect(settings) as conn:
        ours = {
            (case_key, metric): tuple(rest)
            for case_key, metric, *rest in conn.execute(
                "select case_key, metric, outcome, fulfilled_at, elapsed_seconds,"
                " target_seconds, due_at, due_by_at from build.fct_sla_clocks"
            )
        }
    expected = {}
    for ticket in tickets:
        schedule = schedules[ticket["schedule"]]
        start, target = ticket["opened_at"], TARGETS[ticket["priority"]] * 60
        due_by, due_at = due(schedule, start, target)
        for metric, end in (
            ("first_reply_time", ticket["replied_at"]),
            ("resolution_time", ticket["solved_at"]),
        ):
            used = open_seconds(schedule, start, end or AS_OF)
            outcome = "breached" if used > target else "met" if end else "running"
            expected[(f"zendesk:{ticket['id']}", metric)] = (
                outcome,
                end,
                used,
                target,
                due_at,
                due_by,
            )
            # the two ways to say it are one
            assert (used <= target) == ((end or AS_OF) <= due_at)
    wrong = {key: (ours.get(key), true) for key, true in expected.items() if ours.get(key) != true}
    assert len(ours) == 2 * count
    assert {outcome for outcome, *_ in expected.values()} == {"met", "breached", "running"}
    assert not wrong, f"{len(wrong)} of {len(expected)} differ, such as {list(wrong.items())[:3]}"
