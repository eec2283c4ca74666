"""From filled staging tables to built SLA marts: what the engine costs, and how that grows.

Help-desk histories shaped like real ones are written straight into staging: per ticket about 6.6
changes of status, 1.2 assignments, 4.6 comments and 5 metric events over two years, on 4 schedules
with 72 holidays and two promises.
SIZES=10000,50000 names the numbers of tickets.
"""

import contextlib
import csv
import dataclasses
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg

from answerable import identity, runs
from answerable.bench import BenchError, Figure, benchmark
from answerable.runtime import postgres
from answerable.settings import ROOT, Settings
from answerable.warehouse import db, dbt, publish, setup

SIZES = "10000,50000,200000"
NIGHT_RATIO_FROM = 200_000  # tickets from which the night of one percent is measured
FEW_ROWS = 1_000  # the speed at which a model makes so few says nothing
AS_OF = datetime(2026, 3, 1)
ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Sydney")

TICKETS = """
insert into build.stg_zendesk__tickets
    (source, record_key, read_run_no, ticket_id, created_at, updated_at, status, priority,
        via_channel, subject, requester_id, organization_id, brand_id, group_id, assignee_id, tags)
select 'zendesk', i::text, 1, i::text, opened_at, opened_at, 'closed', null,
    (array['email', 'web', 'chat', 'voice'])[1 + i % 4], 'subject ' || i,
    (1000 + i % {users})::text, null, (i % 3)::text, null, null, '["topic_billing"]'::jsonb
from (
    select i, timestamp '2024-03-01'
        + make_interval(secs => (i * 7919::bigint * 61) % 62899200) as opened_at
    from generate_series(1, {tickets}) as i
) as tickets
"""

# seven audits a ticket, six in five tickets with one more assignment; one ticket in 200 stays open
CHANGES = """
insert into build.stg_zendesk__ticket_changes
    (source, record_key, read_run_no, ticket_id, event_sequence, updater_id, changed_at, event_kind,
        status, priority, group_id, assignee_id)
select 'zendesk', ticket_id || '-' || n, 1, ticket_id, ticket_id::numeric * 10 + n, null,
    created_at + make_interval(secs => n * (600 + (ticket_id::bigint * 31 + n * 17) % 40000)),
    case when n = 0 then 'created' else 'changed' end,
    (array['new', 'open', 'pending', 'open', 'pending', 'open', 'solved', 'closed'])[n + 1],
    case n when 0 then (array['low', 'normal', 'high', 'urgent'])[1 + ticket_id::bigint % 4] end,
    case when n = 0 or (n = 3 and ticket_id::bigint % 5 = 0)
        then (ticket_id::bigint % 12 + n)::text end,
    case when n = 1 then (ticket_id::bigint % 100)::text end
from build.stg_zendesk__tickets
cross join generate_series(0, 7) as n
where n < 6 or ticket_id::bigint % 200 <> 0
"""

COMMENTS = """
insert into build.stg_zendesk__comments
    (source, record_key, read_run_no, ticket_id, comment_id, author_id, commented_at, is_public,
        via_channel, channel_message_id, text)
select 'zendesk', ticket_id || '-' || n, 1, ticket_id, ticket_id || '-c' || n,
    case when n % 2 = 0 then requester_id else (ticket_id::bigint % 100)::text end,
    created_at + make_interval(secs => n * (300 + (ticket_id::bigint * 37 + n * 13) % 30000)),
    true, 'email', null, repeat('some words of a message ', 5)
from build.stg_zendesk__tickets
cross join generate_series(0, 5) as n
where n < 4 or ticket_id::bigint % 5 < 3
"""

USERS = """
insert into build.stg_zendesk__users
    (source, record_key, read_run_no, user_id, user_name, email, role, created_at, updated_at)
select 'zendesk', i::text, 1, i::text, 'user ' || i, 'user' || i || '@mail.example',
    case when i < 100 then 'agent' else 'end-user' end,
    timestamp '2024-01-01', timestamp '2024-01-01'
from (
    select generate_series(0, 99) as i
    union all
    select generate_series(1000, 1000 + {users})
) as users
"""

GROUPS = """
insert into build.stg_zendesk__groups
    (source, record_key, read_run_no, group_id, group_name, created_at)
select 'zendesk', i::text, 1, i::text, 'Team ' || i, timestamp '2024-01-01'
from generate_series(0, 14) as i
"""

# five a ticket: their clock to the first reply, as they count it
METRIC_EVENTS = """
insert into build.stg_zendesk__metric_events
    (source, record_key, read_run_no, event_id, ticket_id, metric, instance_no, event_type,
        happened_at, policy_name, target_seconds, is_in_business_hours, calendar_seconds,
        business_seconds, is_taken_back)
select 'zendesk', ticket_id || '-m' || n, 1, ticket_id || '-m' || n, ticket_id, 'reply_time', 1,
    case
        when n < 4 then (array['activate', 'apply_sla', 'fulfill', 'update_status'])[n + 1]
        when reply_seconds > 14400 then 'breach'
        else 'update_status'
    end,
    created_at + make_interval(
        secs => case when n < 2 then 0 when n < 4 then reply_seconds else 14400 end
    ),
    case when n = 1 then 'one for all' end, case when n = 1 then 14400 end,
    case when n = 1 then true end, case when n = 3 then reply_seconds / 60 * 60 end,
    case when n = 3 then reply_seconds / 180 * 60 end, false
from (
    select ticket_id, created_at, 300 + (ticket_id::bigint * 37 + 13) % 30000 as reply_seconds
    from build.stg_zendesk__tickets
) as replied
cross join generate_series(0, 4) as n
"""

FILLED = ("tickets", "ticket_changes", "comments", "users", "groups", "metric_events")


@benchmark("sla")
def sla(work: Path) -> Iterator[Figure]:
    """Wall time of the models at each size, its growth, and a night in which 1 % is dirty."""
    sizes = [int(size) for size in os.environ.get("SIZES", SIZES).split(",")]
    policy = write_policy(work / "policy")
    cluster = postgres.start(work, environ={})
    seconds: dict[int, float] = {}
    try:
        base = Settings.from_environment(
            {"ANSWERABLE_HOME": str(work), "POLICY": str(policy), "ANSWERABLE_REPORTS": str(work)}
        )
        for size in sizes:
            before = disk_mib(cluster.data)
            settings = new_warehouse(base, f"sla_{size}")
            run = plan(settings, AS_OF)
            build(settings, run, "first")
            fill(settings, size)
            with fullest(cluster.data) as peak:
                built = timed_build(settings, run)
            seconds[size] = built.wall_seconds
            yield Figure(f"wall_seconds.{size}", built.wall_seconds, "s")
            yield Figure(f"models_seconds.{size}", built.models_seconds, "s")
            yield from slowest(f"model_seconds.{size}", built.seconds)
            for model, rows in sorted(built.rows.items()):
                if rows >= FEW_ROWS:
                    speed = rows / built.seconds[model]
                    yield Figure(f"rows_per_second.{size}.{model}", round(speed), "rows/s")
            yield Figure(f"peak_disk_mib.{size}", peak() - before, "MiB")
            if size >= NIGHT_RATIO_FROM or size == sizes[-1]:
                build(settings, run, "rest")
                night = one_percent_night(settings, run)
                ratio = night.models_seconds / built.models_seconds
                yield Figure(f"one_percent_night_ratio.{size}", ratio, "")
                yield Figure(f"one_percent_night_models_seconds.{size}", night.models_seconds, "s")
                yield from slowest(f"one_percent_night_model_seconds.{size}", night.seconds)
        started = time.monotonic()
        dbt.test(settings, run, "tag:nothing_has_this_tag")
        yield Figure("dbt_start_seconds", time.monotonic() - started, "s")
        if len(sizes) > 1:
            first, last = sizes[0], sizes[-1]
            growth = math.log(seconds[last] / seconds[first]) / math.log(last / first)
            yield Figure("growth_exponent", growth, "")
    finally:
        postgres.stop(work)


def write_policy(folder: Path) -> Path:
    """The shipped policy with four schedules, 18 holidays each, in four zones."""
    shutil.copytree(ROOT / "dbt_project" / "seeds" / "policy", folder)
    schedules, holidays, rules = [], [], []
    for number, zone in enumerate(ZONES):
        name = f"hours_{number}"
        schedules += [
            {
                "schedule": name,
                "timezone": zone,
                "weekday": day,
                "opens_at": "09:00",
                "closes_at": "17:30",
                "valid_from": "2024-01-01",
                "agreed_in": "bench",
            }
            for day in ("mon", "tue", "wed", "thu", "fri")
        ]
        first = date(2024, 3, 4)
        holidays += [
            {
                "schedule": name,
                "holiday_on": first + timedelta(days=40 * n),
                "holiday_name": "off",
                "agreed_in": "bench",
            }
            for n in range(18)
        ]
    for number, channel in enumerate(("email", "web_form", "chat", "voice")):
        for metric, minutes in (("first_reply_time", 240), ("resolution_time", 2880)):
            rules.append(
                {
                    "policy": f"{metric}_{channel}",
                    "rank": 10 + number,
                    "metric": metric,
                    "channel": channel,
                    "target": "duration",
                    "target_minutes": minutes,
                    "hours": f"hours_{number}",
                    "valid_from": "2024-01-01",
                    "agreed_in": "bench",
                }
            )
    for file, rows in (
        ("business_schedules", schedules),
        ("holidays", holidays),
        ("sla_policies", rules),
    ):
        path = folder / f"{file}.csv"
        columns = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        with path.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return folder


def new_warehouse(base: Settings, name: str) -> Settings:
    url = base.warehouse_url
    admin = postgres.cluster_of(base.home).url(postgres.ADMIN)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"create database {name} owner {postgres.OWNER}")
    home = base.home / name
    home.mkdir()
    settings = dataclasses.replace(
        base, home=home, _warehouse_url=url.rsplit("/", 1)[0] + f"/{name}"
    )
    with db.connect(settings) as conn:
        setup.prepare(conn)
    return settings


def plan(settings: Settings, as_of: datetime) -> runs.Run:
    request = runs.PlanRequest(now=datetime.now(UTC), date=f"{as_of:%Y-%m-%d}", has_files=False)
    planned = runs.plan(request, settings)
    with db.connect(settings) as conn:
        return runs.get(conn, planned["run_id"])


def build(settings: Settings, run: runs.Run, part: dbt.Part) -> None:
    dbt.build(run.run_id, part=part, settings=settings)


def fill(settings: Settings, tickets: int) -> None:
    with db.connect(settings) as conn:
        values = {"tickets": tickets, "users": max(tickets // 3, 1)}
        for statement in (TICKETS, CHANGES, COMMENTS, USERS, GROUPS, METRIC_EVENTS):
            # numbers of ours, and generate_series takes no parameters without casts
            conn.execute(statement.format(**values))
        for table in FILLED:
            conn.execute(f"analyze build.stg_zendesk__{table}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build took: the wall in all; the wall from the first model's start to the last one's
    end, of both parts together; each model by itself, some at the same time; the rows it made."""

    wall_seconds: float
    models_seconds: float
    seconds: Mapping[str, float]
    rows: Mapping[str, int]


def timed_build(settings: Settings, run: runs.Run) -> Built:
    """Evidence, identity, and the SLA marts with all that they stand on."""
    started = time.monotonic()
    dbt.build(run.run_id, part="evidence", settings=settings)
    identity.resolve(run.run_id, settings=settings)
    build(settings, run, "sla")
    taken = time.monotonic() - started
    ours = "from ops.dbt_results where run_id = %s and part in ('evidence', 'sla')"
    with db.connect(settings) as conn:
        models = conn.execute(
            f"select node, seconds, coalesce(row_count, 0) {ours}", [run.run_id]
        ).fetchall()
        (models_seconds,) = conn.execute(
            "select sum(seconds) from (select extract(epoch from"
            " max(started_at + make_interval(secs => seconds)) - min(started_at))::double precision"
            f" as seconds {ours} group by part) as parts",
            [run.run_id],
        ).fetchone()
    return Built(
        wall_seconds=taken,
        models_seconds=models_seconds,
        seconds={model: spent for model, spent, _ in models},
        rows={model: rows for model, _, rows in models},
    )


def slowest(name: str, models: Mapping[str, float]) -> Iterator[Figure]:
    for model, spent in sorted(models.items(), key=lambda item: -item[1])[:6]:
        yield Figure(f"{name}.{model}", spent, "s")


def one_percent_night(settings: Settings, run: runs.Run) -> Built:
    """Publish, have one ticket in 500 come again beside the half percent that is open and the three
    in a thousand that events of the day move, and build the next night."""
    publish.publish(run.run_id, settings=settings)
    with db.connect(settings) as conn:
        conn.execute("update ops.runs set report_path = '-' where run_id = %s", [run.run_id])
        conn.commit()
    night = plan(settings, AS_OF + timedelta(days=1))
    with db.connect(settings) as conn:
        conn.execute(
            "update ops.runs set is_full = false, fingerprint = %s where run_id = %s",
            [dbt.fingerprint(settings), night.run_id],
        )
        conn.execute(
            "update build.stg_zendesk__tickets set read_run_no = %s"
            " where ticket_id::bigint %% 500 = 7",
            [night.run_no],
        )
        conn.commit()
    built = timed_build(settings, night)
    with db.connect(settings) as conn:
        (dirty,) = conn.execute("select count(*) from build.int_dirty_cases").fetchone()
        (cases,) = conn.execute("select count(*) from build.fct_cases").fetchone()
    if not 0.008 <= dirty / cases <= 0.012:
        raise BenchError(f"{dirty} of {cases} cases are dirty; expected about 1 %")
    return built


def disk_mib(folder: Path) -> float:
    """What a folder holds; files that go meanwhile are not counted."""
    held = 0
    for where, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                held += (Path(where) / file).stat().st_size
    return held / 1024**2


@contextlib.contextmanager
def fullest(folder: Path) -> Iterator[Callable[[], float]]:
    """What a folder held at most meanwhile, in MiB, looked at every second."""
    seen = [disk_mib(folder)]
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(1):
            seen.append(disk_mib(folder))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield lambda: max(seen)
    finally:
        is_over.set()
        looking.join()
        seen.append(disk_mib(folder))
