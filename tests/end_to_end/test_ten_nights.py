"""Ten nights in increments over the sandbox: true each time, and equal to one full rebuild.

The sources show two hours more than as_of, as they do to a night that runs at two o'clock.
"""

import csv
import shutil
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from oracle import (
    IDENTITIES,
    NOTHING,
    differences,
    key_of,
    precision_and_recall,
    unlike_rows,
)

from answerable import pipeline, policies, policy_import
from answerable.runtime import sandbox
from answerable.sandbox import SMALL, server
from answerable.sandbox.history import world
from answerable.sandbox.truth import truth
from answerable.settings import ROOT

FIRST = datetime(2025, 12, 4)  # as_of of the first night: the company moves people on the 5th
NIGHTS = [FIRST + timedelta(days=n) for n in range(10)]
POLICY_CHANGES_BEFORE = NIGHTS[6]
REST_SINCE = date(2025, 12, 8)  # from when on the added rule holds


@pytest.fixture(scope="module")
def nights(new_settings, using, tmp_path_factory):
    """Runs the ten nights and a replay of the last, which builds everything anew; gives the
    warehouse, what each night was and did, and what the replay did."""
    policy = tmp_path_factory.mktemp("policy") / "policy"
    shutil.copytree(ROOT / "dbt_project" / "seeds" / "policy", policy)
    settings = new_settings()
    with pytest.MonkeyPatch.context() as patch, using(settings):
        patch.setenv("POLICY", str(policy))
        patch.setenv("ANSWERABLE_SANDBOX_SIZE", str(SMALL))  # of what is delivered beside the APIs
        told = []
        with (
            server.serve(size=SMALL, present=str(FIRST)) as handle,
            psycopg.connect(settings.warehouse_url, autocommit=True) as conn,
        ):
            accounts = sandbox.connections(handle.airflow_connections())
            for as_of in NIGHTS:
                if as_of == POLICY_CHANGES_BEFORE:
                    add_ownership_rule(policy)
                shown_until = as_of + timedelta(hours=2)
                handle.move_to(f"{shown_until}")
                before = snapshot(conn) if told else None
                night = pipeline.run_night(
                    f"{as_of:%Y-%m-%d}", connections=accounts, is_sandbox=True
                )
                told.append(
                    {
                        "as_of": as_of,
                        "receipts": night["receipts"],
                        "before": before,
                        "after": snapshot(conn),
                        "differences": differences(
                            conn,
                            "marts",
                            as_of,
                            SMALL,
                            shown_until,
                            REST_SINCE if as_of >= POLICY_CHANGES_BEFORE else None,
                        ),
                    }
                )
            replay = pipeline.run_night(
                f"{NIGHTS[-1]:%Y-%m-%d}", connections=accounts, is_sandbox=True
            )
            yield conn, told, replay


def add_ownership_rule(policy) -> None:
    """A rule for what had no owner by policy, from two days ago on."""
    with (policy / "ownership_policies.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(
            [
                "rest_to_service",
                900,
                *[""] * 9,
                "customer_service",
                "",
                f"{REST_SINCE}",
                "",
                "a test",
            ]
        )


def snapshot(conn) -> dict:
    """What of the published night the letters of the design speak of."""
    return {
        "customers": dict(
            conn.execute("select identifier_key, customer_key from private.customer_identities")
        ),
        "repeats": dict(conn.execute("select case_key, has_repeat_contact from marts.fct_cases")),
        "reasons": dict(conn.execute("select case_key, not_counted_reason from marts.fct_cases")),
        "survivors": dict(
            conn.execute("select case_key, merged_into_case_key from marts.fct_cases")
        ),
        "open": {
            key for (key,) in conn.execute("select case_key from marts.fct_cases where is_open")
        },
        "rules": {
            (case, number): rule
            for case, number, rule in conn.execute(
                "select case_key, span_no, ownership_policy from marts.fct_ownership_spans"
            )
        },
    }


def changed(before: dict, after: dict) -> set:
    return {key for key in before.keys() & after.keys() if before[key] != after[key]}


def test_each_night_equals_the_truth(nights):
    _, told, _ = nights
    assert {str(night["as_of"]): night["differences"] for night in told} == {
        str(as_of): NOTHING for as_of in NIGHTS
    }


def test_each_cause_of_other_verdicts_is_in_the_nights(nights):
    """That each difference has its true one is part of the truth above."""
    conn, _, _ = nights
    causes = conn.execute("select cause, count(*) from marts.rpt_sla_reconciliation group by 1")
    assert dict(causes.fetchall()).keys() == {
        *(None, "deleted", "merged", "policy_differs", "policy_edited_later"),
        *("bot_reply_counted", "clock_rule", "schedule_differs"),
    }


def test_nights_add_to_what_is_there_but_for_the_first_and_where_the_policy_changed(nights):
    _, told, _ = nights
    full = [night["as_of"] for night in told if night["receipts"]["build_rest"]["is_full"]]
    assert full == [FIRST, POLICY_CHANGES_BEFORE]


def test_each_cause_of_change_is_in_the_nights(nights):
    conn, told, _ = nights
    later = [night for night in told if night["before"]]
    # (a) a record that was known came again in a newer version
    (versions,) = conn.execute(
        "select count(*) from (select record_key from raw.zendesk_tickets group by 1"
        " having count(*) > 1) as again"
    ).fetchone()
    assert versions > 50
    # ... and a case that was known was merged into another, and that one into a third
    moved = [
        (n["before"]["survivors"][key], n["after"]["survivors"][key])
        for n in later
        for key in changed(n["before"]["survivors"], n["after"]["survivors"])
    ]
    assert len(moved) > 5 and all(after for _, after in moved)
    assert any(before for before, _ in moved), "a chain grew"
    # ... and a case that was deleted came back
    back = [
        key
        for n in later
        for key in changed(n["before"]["reasons"], n["after"]["reasons"])
        if (n["before"]["reasons"][key], n["after"]["reasons"][key]) == ("deleted", None)
    ]
    assert back
    # (b) an event was loaded by the night before the one for which it exists
    (early,) = conn.execute(
        "select count(*) from build.stg_zendesk__ticket_changes as changes"
        " join ops.runs on runs.run_no = changes.read_run_no where changes.changed_at >= runs.as_of"
    ).fetchone()
    assert early > 20
    # (c) a case was open and nothing else happened to it
    assert all(night["before"]["open"] for night in later)
    # (d) a rule was added
    ruled = [n["as_of"] for n in later if "rest_to_service" in n["after"]["rules"].values()]
    assert ruled == [as_of for as_of in NIGHTS if as_of >= POLICY_CHANGES_BEFORE]
    # (e) an identifier went from one customer to another
    assert any(changed(n["before"]["customers"], n["after"]["customers"]) for n in later)
    # (f) a window that looks ahead was hit
    outcomes = [
        n["after"]["repeats"][key]
        for n in later
        for key in changed(n["before"]["repeats"], n["after"]["repeats"])
    ]
    assert True in outcomes


def test_who_is_one_customer_is_who_it_was_but_for_what_nobody_can_know(nights):
    """Over pairs of identifiers; that each group is the true one is part of the truth above."""
    conn, _, _ = nights
    true = truth(world(size=SMALL), NIGHTS[-1].replace(tzinfo=UTC))
    whose = {key_of(one): who for one, who in true.customers.items()}
    ours: dict[str, set[str]] = {}
    for customer, identifier in conn.execute(IDENTITIES.format(private="private")):
        if identifier in whose:  # else of a post of before as_of that only a later one shows
            ours.setdefault(customer, set()).add(identifier)
    permitted = [frozenset(map(key_of, group)) for group in true.permitted]
    precision, recall = precision_and_recall(map(frozenset, ours.values()), whose, permitted)
    assert precision >= 0.999
    assert recall >= 0.98


def test_a_family_is_parted_in_the_night_that_knows_the_company_s_row(nights):
    """The row begins on 8 December; nothing was rebuilt for it, and why is told."""
    conn, told, _ = nights
    accounts = ("zendesk:user:380000000240", "zendesk:user:380000000250")
    together = {
        night["as_of"].date(): len({night["after"]["customers"][one] for one in accounts}) == 1
        for night in told
    }
    assert together == {as_of.date(): as_of.date() <= date(2025, 12, 8) for as_of in NIGHTS}
    parted = conn.execute(
        "select changed_on, change, cause, rule from private.customer_changes"
        " where rule like '%380000000240%'"
    ).fetchall()
    why = "different account zendesk:user:380000000240 and account zendesk:user:380000000250"
    assert set(parted) == {(date(2025, 12, 9), "split", "rule", f"{why} (care desk 2025-12)")}


def test_a_history_is_all_that_was_said_with_a_customer_in_order(nights):
    conn, _, _ = nights
    (unlike,) = conn.execute(
        "select count(*) from private.customer_history as history"
        " full join marts.fct_interactions as messages using (interaction_key)"
        " where history.customer_key is distinct from messages.customer_key"
    ).fetchone()
    assert unlike == 0
    longest, channels = conn.execute(
        "select count(*), count(distinct channel) from private.customer_history"
        " group by customer_key order by 2 desc, 1 desc limit 1"
    ).fetchone()
    assert longest > 3 and channels > 2
    (backwards,) = conn.execute(
        "select count(*) from private.customer_history where seconds_since_previous < 0"
    ).fetchone()
    assert backwards == 0


def test_the_help_desk_s_own_settings_become_policy_rows(nights, tmp_path):
    conn, _, _ = nights
    seeds = ROOT / "dbt_project" / "seeds" / "policy"
    found = policy_import.read(conn, "zendesk", seeds, "Europe/London")
    rows = policy_import.translate(found)
    assert rows.left_out == ()
    on_x = [
        (row["target_minutes"], row["hours"], row["valid_from"], row["valid_until"])
        for row in rows.files["sla_policies"]
        if row["policy"] == "x_first_reply_time_low"
    ]
    assert on_x == [
        ("120", "support_hours", "2025-12-04", "2025-12-06"),
        ("60", "support_hours", "2025-12-06", ""),
    ]
    assert {row["metric"] for row in rows.files["sla_policies"]} >= {"ownership_time"}
    assert {row["timezone"] for row in rows.files["business_schedules"]} == {
        "Europe/London", "Europe/Berlin"
    }  # fmt: skip
    assert len(rows.files["holidays"]) == 5
    policy_import.write(rows, tmp_path / "theirs", seeds)
    assert policies.check(tmp_path / "theirs") == []


def test_ten_nights_equal_one_full_rebuild_row_for_row(nights):
    conn, told, replay = nights
    assert told[-1]["receipts"]["build_rest"]["is_full"] is False
    assert replay["kind"] == "replay"
    assert replay["receipts"]["build_rest"]["is_full"]
    prefix = f"replay_{NIGHTS[-1]:%Y%m%d}"
    assert unlike_rows(conn, "marts", prefix) == {}
    assert unlike_rows(conn, "private", f"{prefix}_private") == {}
