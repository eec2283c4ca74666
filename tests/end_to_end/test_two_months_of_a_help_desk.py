"""Two nights, six weeks apart, of a help desk that keeps no history of much of what it says.

In the first some tickets are deleted; in the second these are scrubbed, others come scrubbed that
no night has seen before, opening hours have changed, and the SLA policies are withheld.
"""

from datetime import datetime

import psycopg
import pytest
from oracle import NOTHING, differences

from answerable import pipeline
from answerable.runtime import sandbox
from answerable.sandbox import Fault, promises, server
from answerable.sandbox.company import DEFAULT_SEED
from answerable.sandbox.history import world

pytestmark = pytest.mark.slow

SIZE = 0.25
NIGHTS = [datetime(2025, 12, 10), datetime(2026, 1, 24)]

FACTS = """
    select case_key, topic, not_counted_reason, subject_masked from marts.fct_cases
    where status = 'deleted'
"""


@pytest.fixture(scope="module")
def nights(new_settings, using):
    """The warehouse after both nights, with its deleted cases and their differences each night."""
    settings = new_settings()
    told = []
    with (
        pytest.MonkeyPatch.context() as patch,
        using(settings),
        server.serve(size=SIZE, present=str(NIGHTS[0])) as handle,
        psycopg.connect(settings.warehouse_url, autocommit=True) as conn,
    ):
        patch.setenv("ANSWERABLE_SANDBOX_SIZE", str(SIZE))
        accounts = sandbox.connections(handle.airflow_connections())
        for as_of in NIGHTS:
            handle.move_to(str(as_of))
            if as_of == NIGHTS[1]:
                handle.server.faults.append(Fault("slas/policies", status=403, times=99))
            pipeline.run_night(f"{as_of:%Y-%m-%d}", connections=accounts, is_sandbox=True)
            told.append(
                (
                    {key: facts for key, *facts in conn.execute(FACTS)},
                    differences(conn, "marts", as_of, SIZE),
                )
            )
        yield conn, told


def test_both_nights_equal_the_truth(nights):
    conn, told = nights
    assert [found for _, found in told] == [NOTHING, NOTHING]
    ratings = conn.execute("select verdict, count(*) from marts.fct_ratings group by verdict")
    assert all(count > 10 for count in dict(ratings.fetchall()).values())


def test_a_scrub_takes_neither_subject_nor_topic_nor_spam(nights):
    conn, told = nights
    (before, _), (after, _) = told
    scrubbed = {
        key
        for (key,) in conn.execute(
            "select source || ':' || ticket_id from build.stg_zendesk__tickets where is_scrubbed"
        )
    }
    known = before.keys() & scrubbed
    assert len(known) >= 2
    assert {key: after[key] for key in known} == {key: before[key] for key in known}
    assert all(subject for _, _, subject in (after[key] for key in known))
    (versions,) = conn.execute(
        "select count(*) from raw.zendesk_tickets where payload ->> 'subject' = 'SCRUBBED'"
        " and payload -> 'tags' = '[]' and source || ':' || record_key = any(%s)",
        [list(known)],
    ).fetchone()
    assert versions == len(known), "the scrub is a version of its own"


def test_of_what_came_scrubbed_the_events_tell_topic_and_spam(nights):
    conn, told = nights
    (before, _), (after, _) = told
    never_seen = {
        key
        for (key,) in conn.execute(
            "select source || ':' || ticket_id from build.stg_zendesk__tickets"
            " where is_scrubbed and tags is null"
        )
    }
    assert len(never_seen) >= 2 and not never_seen & before.keys()
    true = {
        f"zendesk:{one.id}": [one.topic or "unknown", "spam" if one.spam_from else "deleted", None]
        for one in world(DEFAULT_SEED, SIZE).tickets_before(_epoch(NIGHTS[1]))
    }
    assert {key: after[key] for key in never_seen} == {key: true[key] for key in never_seen}
    assert {reason for _, reason, _ in after.values()} == {"spam", "deleted"}


def _epoch(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1)).total_seconds())


def test_opening_hours_hold_from_the_night_that_first_read_them(nights):
    conn, _ = nights
    first, second = NIGHTS
    found = conn.execute(
        "select schedule_id::bigint, timezone, weekday, opens_at, closes_at, seen_from, seen_until"
        " from build.stg_zendesk__schedules"
    ).fetchall()
    assert {row[:2] for row in found} == {
        (promises.SUPPORT_HOURS, "Europe/London"),
        (promises.SOCIAL_HOURS, "Europe/London"),
        (promises.VOICE_HOURS, "Europe/Berlin"),
    }
    social = sorted(row[4:] for row in found if row[0] == promises.SOCIAL_HOURS)
    assert social == [("20:00", first, second)] * 7 + [("22:00", second, None)] * 7
    others = [row[2:] for row in found if row[0] != promises.SOCIAL_HOURS]
    assert {row[3:] for row in others} == {(first, None)}
    assert ("fri", "09:00", "17:30", first, None) in others and len(others) == 5 + 11


def test_the_policy_files_say_what_the_help_desk_says(nights):
    conn, _ = nights
    policy = conn.execute(
        "select replace(schedule, '_hours', ''), timezone, weekday, opens_at, closes_at"
        " from build.business_schedules where valid_until is null"
    ).fetchall()
    told = conn.execute(
        "select lower(replace(schedule_name, ' hours', '')), timezone, weekday, opens_at, closes_at"
        " from build.stg_zendesk__schedules where seen_until is null"
    ).fetchall()
    assert sorted(told) == sorted(policy)


def test_policies_that_are_withheld_stay_as_they_were_seen(nights):
    conn, _ = nights
    states = conn.execute(
        "select as_of, stream_runs.status from ops.stream_runs join ops.runs using (run_id)"
        " where stream = 'sla_policies' order by as_of"
    ).fetchall()
    assert states == [(NIGHTS[0], "landed"), (NIGHTS[1], "not_available")]
    policies = conn.execute(
        "select policy_name, count(*), max(target_seconds), min(seen_from), max(seen_until)"
        " from build.stg_zendesk__sla_policies where metric = 'first_reply_time'"
        " group by policy_name order by policy_name"
    ).fetchall()
    assert policies == [
        ("Chat", 4, 300, NIGHTS[0], None),
        ("Mail", 4, 28_800, NIGHTS[0], None),
        ("Nookly forms", 4, 43_200, NIGHTS[0], None),
        ("X", 4, 3_600, NIGHTS[0], None),
    ]
