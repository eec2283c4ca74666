"""A folder of policies is refused with the file, the line and the reason; a good one passes."""

import shutil
from pathlib import Path

import pytest

from answerable.policies import COLUMNS, check
from answerable.settings import ROOT

SHIPPED = ROOT / "dbt_project" / "seeds" / "policy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "policy"
    shutil.copytree(SHIPPED, copy, ignore=lambda _, names: [n for n in names if ".csv" not in n])
    return copy


def change(folder: Path, name: str, line: int, old: str, new: str) -> None:
    file = folder / f"{name}.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert old in lines[line - 1], f"{name}.csv has changed: {lines[line - 1]!r}"
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def append(folder: Path, name: str, row: str) -> int:
    """Add a row; returns its line."""
    file = folder / f"{name}.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}{row}\n", encoding="utf-8")
    return len(text.splitlines()) + 1


def test_an_alias_that_differs_in_case_or_ampersand_is_there_twice(folder: Path) -> None:
    append(folder, "owner_aliases", "Sales & Leads,sales,a test")
    line = append(folder, "owner_aliases", "SALES and  leads,sales,a test")
    assert check(folder) == [
        f"owner_aliases.csv line {line}: alias 'SALES and  leads' stands on line {line - 1} already"
    ]


def test_the_shipped_policies_make_sense() -> None:
    assert check(SHIPPED) == []


@pytest.mark.parametrize(
    ("name", "line", "old", "new", "expected"),
    [
        ("company", 2, "Europe/London", "London", "timezone 'London' is not an IANA name"),
        ("company", 2, "Europe/London", "", "timezone is empty"),
        ("departments", 2, "2025-12-01", "1.12.2025", "valid_from '1.12.2025' is not a day"),
        ("departments", 2, "2025-12-01,", "2025-12-01,2025-12-01", "never in force"),
        ("teams", 3, "customer_service", "service", "department 'service' is not in departments"),
        ("agents_teams", 2, "Care London", "Care Paris", "team 'Care Paris' is not in teams.csv"),
        ("owner_aliases", 2, "customer_service", "cs", "department 'cs' is not in departments"),
        ("channels", 2, "true", "yes", "is_social 'yes' is not one of true, false"),
        ("business_schedules", 2, "mon", "Monday", "weekday 'Monday' is not one of mon"),
        ("business_schedules", 2, "09:00", "9:00", "opens_at '9:00' is not a time"),
        ("business_schedules", 2, "17:30", "25:00", "closes_at '25:00' is not a time"),
        ("business_schedules", 2, "17:30", "08:00", "is not before closes_at 08:00"),
        ("business_schedules", 2, "Europe/London", "Mars/Phobos", "is not an IANA name"),
        ("holidays", 2, "support_hours", "office", "schedule 'office' is not in business"),
        ("holidays", 2, "2025-12-25", "2025-12-32", "holiday_on '2025-12-32' is not a day"),
        ("sla_policies", 2, "first_reply_time", "first_reply", "metric 'first_reply' is not one"),
        ("sla_policies", 2, ",email,", ",mail,", "channel 'mail' is not in channels.csv"),
        ("sla_policies", 2, ",vip,", ",king,", "customer_tier 'king' is not in customer_tiers"),
        ("sla_policies", 2, ",60,", ",0,", "target_minutes '0' is not a number of minutes above"),
        ("sla_policies", 2, ",60,", ",,", "target_minutes '' is not a number of minutes above"),
        ("sla_policies", 2, ",60,", ",0.01,", "target_minutes '0.01' is not a number of minutes"),
        ("sla_policies", 2, ",60,", ",1e3,", "target_minutes '1e3' is not a number of minutes"),
        ("sla_policies", 2, "hours,,,,", "hours,solved,,,", "pause_while 'solved' is not one of"),
        ("sla_policies", 2, "hours,,,,", "hours,,again,,", "on_reopen 'again' is not one of"),
        ("sla_policies", 2, "hours,,,,", "hours,,restart,,", "on_reopen 'restart' is for"),
        ("sla_policies", 2, "hours,,,,", "hours,,,yes,", "on_change 'yes' is not one of keep"),
        ("sla_policies", 2, "hours,,,,", "hours,,,,0", "at_risk_minutes '0' is not a number"),
        ("holidays", 2, "2025-12-25,", "2025-12-25,2025-12-25", "holiday_until 2025-12-25, so the"),
        ("holidays", 2, "-25,,,", "-25,,10:00,", "closes_at is empty; special hours need both"),
        ("holidays", 2, "-25,,,", "-25,,12:00,10:00", "opens_at 12:00 is not before closes_at"),
        ("sla_policies", 2, "social_hours", "some", "hours 'some' is neither 'calendar' nor"),
        ("sla_policies", 2, "duration", "case_due_at", "target_minutes '60' must be empty"),
        ("sla_policies", 2, ",10,", ",ten,", "rank 'ten' is not a whole number"),
        ("sla_policies", 3, ",20,", ",10,", "rank 10 is that of 'vip_first_reply' on line 2"),
        ("ownership_policies", 2, ",marketing,", ",ads,", "department 'ads' is not in departments"),
        ("ownership_policies", 3, "Press Desk", "Sales Desk", "is never in department 'pr'"),
        ("ownership_policies", 2, "outbound", "out", "direction 'out' is not one of inbound"),
        ("service_levels", 2, ",20,", ",0,", "target_seconds '0' is not a whole number above 0"),
        ("service_levels", 2, ",20,", ",2.5,", "target_seconds '2.5' is not a whole number"),
        ("service_levels", 2, ",0.8,", ",80,", "target_share '80' is not above 0 and at most 1"),
        ("service_levels", 2, ",0.8,", ",0.0,", "target_share '0.0' is not above 0"),
        ("service_levels", 2, ",offered,", ",all,", "share_of 'all' is not one of offered, ans"),
        ("service_levels", 2, ",5,", ",5s,", "short_abandon_seconds '5s' is not a whole number"),
        ("service_levels", 2, ",30,", ",60,", "interval_minutes '60' is not one of 5, 10, 15, 30"),
        ("service_levels", 3, ",bramblebox,", ",acme,", "brand 'acme' is not in brands.csv"),
        ("service_levels", 3, ",20,", ",10,", "rank 10 is that of 'orders' on line 2 already"),
        ("topics", 2, "service", "services", "purpose 'services' is not one of"),
        ("company", 2, ",GB", ",UK", "default_region 'UK' is no region of telephone numbers"),
        ("brands", 2, "500001,", "500001,XX", "default_region 'XX' is no region"),
        ("identity_rules", 2, "shared,", "secret,", "rule 'secret' is not one of same, different"),
        ("identity_rules", 2, ",email,", ",mail,", "kind 'mail' is not one of email, phone"),
        ("identity_rules", 2, ",info@*,", ",,", "identifier is empty; a rule 'shared' needs it"),
        ("identity_rules", 2, "shared,", "limit,", "identifier 'info@*' means nothing in 'limit'"),
        ("identity_rules", 3, "office@*", "info@*", "says what line 2 says, for the same days"),
        ("identity_rules", 2, "email,info@*", "phone,12", "'12' cannot be read as phone; write it"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_line(
    folder: Path, name: str, line: int, old: str, new: str, expected: str
) -> None:
    change(folder, name, line, old, new)
    errors = check(folder)
    assert any(one.startswith(f"{name}.csv line {line}:") and expected in one for one in errors), (
        errors
    )


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("departments", "pr,Again,2026-01-01,,x", "department 'pr' stands on line 4 already"),
        ("agents_teams", "zendesk,371000000101,A,Care Berlin,2026-01-01,,x", "line 2 already"),
        ("topics", "zendesk,topic_press,press,other,x", "stands on line 7 already"),
        ("holidays", "support_hours,2026-01-01,,,,Again,x", "stands on line 4 already"),
        (
            "business_schedules",
            "support_hours,Europe/London,mon,17:00,18:00,2026-01-01,,x",
            "mon 17:00-18:00 overlaps 09:00-17:30 on line 2",
        ),
        (
            "business_schedules",
            "support_hours,Europe/Paris,sun,17:00,18:00,2026-01-01,,x",
            "has timezone Europe/London on line 2",
        ),
        (
            "sla_policies",
            "x_first_reply,35,first_reply_time,,x,,,,,,,duration,9,calendar,,,,,2026-01-01,,x",
            "policy 'x_first_reply' stands on line 5 already",
        ),
        (
            "sla_policies",
            "late,900,first_reply_time,,email,,,,low,,,duration,9,calendar,,,,,2026-01-01,,x",
            "can never match: 'mail_first_reply' on line 11",
        ),
        (
            "sla_policies",
            "soon,5,resolution_time,,web_form,,,,low,,,duration,9,support_hours,,,,,2025-06-01,,x",
            "'support_hours' has no opening hours in force from 2025-06-01",
        ),
        (
            "service_levels",
            "orders,15,,orders,,,9,0.8,offered,,30,2026-01-01,,x",
            "policy 'orders' stands on line 2 already for the same days",
        ),
        (
            "service_levels",
            "late,900,,returns,nookly,,9,0.8,offered,,30,2026-03-01,,x",
            "can never match: 'all_calls' on line 5",
        ),
        (
            "sla_policies",
            "again,5,answer_time,,x,,,,,,,duration,9,calendar,,,,,2026-01-01,,x",
            "metric 'answer_time' is not one of first_reply_time",
        ),
        (
            "sla_policies",
            "due,5,resolution_time,boston,,,,,,,,case_due_at,,support_hours,,,,,2026-01-01,,x",
            "hours 'support_hours' must be 'calendar'",
        ),
        (
            "sla_policies",
            "due,5,agent_work_time,boston,,,,,,,,case_due_at,,,,,,,2026-01-01,,x",
            "target case_due_at is for first_reply_time and resolution_time",
        ),
        (
            "sla_policies",
            "due,5,resolution_time,boston,,,,,,,,case_due_at,,,pending,,,,2026-01-01,,x",
            "pause_while 'pending' must be empty",
        ),
        (
            "sla_policies",
            "nookly_form_first_reply,70,first_reply_time,zendesk,web_form,,,nookly,,,,duration,9,"
            "support_hours,,,,,2026-02-01,,x",
            "leaves a gap: 'nookly_form_first_reply' on line 10 ends on 2026-01-01",
        ),
        (
            "holidays",
            "support_hours,2025-12-20,2025-12-27,,,Between the years,x",
            "holiday_on '2025-12-20' stands on line 2 already",
        ),
        ("company", "Another,Europe/Paris,FR", "expected one row, found 2"),
        ("identity_rules", "limit,phone,,,,0,2026-01-01,,x", "most_accounts '0' is not a whole"),
        (
            "identity_rules",
            "different,email,a@b.example,account,zendesk,,2026-01-01,,x",
            "other_identifier 'zendesk' is no account as in zendesk:user:380",
        ),
        (
            "identity_rules",
            "same,email,*@b.example,account,zendesk:user:380,,2026-01-01,,x",
            "identifier '*@b.example' is a pattern, which only 'shared' takes",
        ),
        (
            "identity_rules",
            "same,phone,+44 20 7946 0123,phone,(020) 79460123,,2026-01-01,,x",
            "names '+44 20 7946 0123' twice; expected two identifiers",
        ),
    ],
)
def test_a_row_too_many_is_named(folder: Path, name: str, row: str, expected: str) -> None:
    line = append(folder, name, row)
    found = [one for one in check(folder) if expected in one]
    assert len(found) == 1, check(folder)
    assert name == "company" or found[0].startswith(f"{name}.csv line {line}:")


def test_special_hours_may_be_several_but_not_at_once(folder: Path) -> None:
    append(folder, "holidays", "support_hours,2026-12-24,,09:00,10:00,Christmas Eve,x")
    append(folder, "holidays", "support_hours,2026-12-24,,11:00,12:00,Christmas Eve,x")
    assert check(folder) == []
    line = append(folder, "holidays", "support_hours,2026-12-24,,09:30,11:00,Christmas Eve,x")
    (error,) = check(folder)
    assert error.startswith(f"holidays.csv line {line}: special hours 09:30-11:00 overlap")


def test_rows_that_follow_each_other_do_not_overlap(folder: Path) -> None:
    change(folder, "departments", 4, "2025-12-01,", "2025-12-01,2026-01-01")
    append(folder, "departments", "pr,Press,2026-01-01,,x")
    assert check(folder) == []


def test_a_due_time_of_the_source_needs_no_minutes_and_no_hours(folder: Path) -> None:
    row = "due,5,resolution_time,boston,,,,,,,,case_due_at,,,,,,,2011-01-01,,x"
    append(folder, "sla_policies", row)
    shadowed = check(folder)
    assert shadowed == [], "it is for one source only"


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_file_and_a_wrong_column_are_named(folder: Path, name: str) -> None:
    file = folder / f"{name}.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(COLUMNS[name][0], "colour", 1), encoding="utf-8")
    (error,) = [one for one in check(folder) if one.startswith(f"{name}.csv line 1:")]
    assert f"column {COLUMNS[name][0]!r} is missing; column 'colour' is not known" in error
    file.unlink()
    assert any(one.startswith(f"{name}.csv: not in ") for one in check(folder))


def test_a_comma_too_many_is_named(folder: Path) -> None:
    line = append(folder, "owner_aliases", "Care,customer_service,launch,again")
    assert check(folder) == [
        f"owner_aliases.csv line {line}: expected 3 values, found another number; "
        "is a comma missing or too many?"
    ]


def test_a_due_time_of_the_source_takes_nothing_from_the_rules_after_it(folder: Path) -> None:
    """It matches only the cases that have one; the others go on to the next rule."""
    append(folder, "sla_policies", "due,1,resolution_time,,,,,,,,,case_due_at,,,,,,,2020-01-01,,x")
    assert check(folder) == []
