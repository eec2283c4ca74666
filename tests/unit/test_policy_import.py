"""A help desk's own schedules and SLA policies as policy rows, and what cannot become one."""

import csv
from dataclasses import replace
from datetime import date, datetime

import pytest

from answerable import policies
from answerable.policy_import import (
    CannotImport,
    Found,
    Holiday,
    OpenTime,
    Target,
    translate,
    write,
)
from answerable.settings import ROOT

SEEDS = ROOT / "dbt_project" / "seeds" / "policy"
EVER = date.max
FIRST, LATER, LAST = date(2026, 3, 1), date(2026, 3, 10), date(2026, 3, 20)

MAIL = Target(
    policy_id="7", title="Mail", rank=2,
    applies_to={"all": [{"field": "via_id", "operator": "is", "value": 4}], "any": []},
    metric="first_reply_time", priority="urgent", seconds=1_830, is_in_business_hours=True,
    from_on=FIRST, until_on=EVER,
)  # fmt: skip
OFFICE = OpenTime(
    schedule_id="1", name="Office hours", made_at=datetime(2025, 1, 1), source_timezone="London",
    timezone="Europe/London", weekday="mon", opens_at="09:00", closes_at="17:30",
    from_on=FIRST, until_on=EVER,
)  # fmt: skip


def made_of(*targets, hours=(OFFICE,), holidays=(), **more):
    found = Found(
        source="zendesk", targets=targets, open_times=hours, holidays=holidays,
        brands={"360000500001": "tidewell"},
        topics={"topic_billing": "billing", "topic_press": "press"},
    )  # fmt: skip
    return translate(found, **more)


def told(rows, *columns):
    return [tuple(row[name] for name in columns) for row in rows]


def filtered(*all_of, any_of=()):
    """MAIL with other conditions, as (field, operator, value)."""
    names = ("field", "operator", "value")
    of = {
        "all": [dict(zip(names, one, strict=True)) for one in all_of],
        "any": [dict(zip(names, one, strict=True)) for one in any_of],
    }
    return replace(MAIL, applies_to=of)


def test_a_target_becomes_a_row_that_can_be_used(tmp_path):
    rows = made_of(MAIL)
    (row,) = rows.files["sla_policies"]
    assert set(row) == set(policies.COLUMNS["sla_policies"])
    assert {name: value for name, value in row.items() if value} == {
        "policy": "mail_first_reply_time_urgent", "rank": "20010", "metric": "first_reply_time",
        "source": "zendesk", "channel": "email", "priority": "urgent", "target": "duration",
        "target_minutes": "30.5", "hours": "office_hours", "on_change": "reapply",
        "valid_from": "2026-03-01", "agreed_in": "zendesk policy 7",
    }  # fmt: skip
    assert (rows.left_out, rows.assumed) == ((), ())
    write(rows, tmp_path / "ours", SEEDS)
    assert policies.check(tmp_path / "ours") == []
    with (tmp_path / "ours" / "sla_policies.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [row]
    assert (tmp_path / "ours" / "teams.csv").read_bytes() == (SEEDS / "teams.csv").read_bytes()
    with pytest.raises(CannotImport, match="is not empty"):
        write(rows, tmp_path / "ours", SEEDS)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("first_reply_time", "first_reply_time"),
        ("next_reply_time", "next_reply_time"),
        ("requester_wait_time", "requester_wait_time"),
        ("agent_work_time", "agent_work_time"),
        ("pausable_update_time", "pausable_update_time"),
        ("periodic_update_time", "periodic_update_time"),
        ("total_resolution_time", "resolution_time"),
        ("group_ownership_time", "ownership_time"),
    ],
)
def test_metrics_have_our_names(theirs, ours):
    assert told(made_of(replace(MAIL, metric=theirs)).files["sla_policies"], "metric") == [(ours,)]


def test_a_metric_that_nobody_measures_and_a_target_of_no_time_are_told():
    rows = made_of(replace(MAIL, metric="joy"), replace(MAIL, seconds=0))
    assert rows.files["sla_policies"] == []
    assert rows.left_out == (
        "policy 'Mail': metric 'joy' is not measured here",
        "policy 'Mail': first_reply_time for urgent: the target is no time",
    )


def test_alternatives_become_rows_and_two_values_at_once_none():
    both = [
        ("current_tags", "includes", "topic_billing topic_press"),
        ("brand_id", "is", 360000500001),
    ]
    rows = made_of(filtered(*both)).files["sla_policies"]
    assert told(rows, "policy", "rank", "topic", "brand") == [
        ("mail_first_reply_time_urgent_1", "20010", "billing", "tidewell"),
        ("mail_first_reply_time_urgent_2", "20020", "press", "tidewell"),
    ]
    ways = [("via_id", "is", "email"), ("current_tags", "includes", "topic_press")]
    rows = made_of(filtered(any_of=ways)).files["sla_policies"]
    assert told(rows, "channel", "topic") == [("email", ""), ("", "press")]
    never = [("via_id", "is", 4), ("via_id", "is", 0)]
    assert made_of(filtered(*never)).files["sla_policies"] == []
    of_others = made_of(filtered(("priority", "is", "low")))
    assert of_others.files["sla_policies"] == []


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (("via_id", "is_not", 4), "condition via_id is_not: rows say what is, not what is not"),
        (("via_id", "is", 5), "way 5 is none of via_id"),
        (("group_id", "is", 36), "condition on group_id: rows have no such condition"),
        (("brand_id", "is", 9), "brand 9 is none of brands.csv"),
        (("current_tags", "includes", "vip"), "tag 'vip' is none of topics.csv"),
    ],
)  # fmt: skip
def test_a_policy_with_a_condition_that_has_no_equal_is_left_out_whole(condition, reason):
    rows = made_of(filtered(("via_id", "is", 4), condition))
    assert rows.files["sla_policies"] == []
    assert rows.left_out == (
        f"policy 'Mail': {reason}; the whole policy is left out, and what it covers falls to the "
        "policies below it",
    )


def test_versions_are_dated_by_the_nights_and_the_same_again_is_one():
    rows = made_of(
        replace(MAIL, until_on=LATER),
        replace(MAIL, title="Mail, renamed", from_on=LATER, until_on=LAST),
        replace(MAIL, title="Mail, renamed", seconds=600, from_on=LAST),
    )
    columns = ("policy", "target_minutes", "valid_from", "valid_until")
    assert told(rows.files["sla_policies"], *columns) == [
        ("mail_renamed_first_reply_time_urgent", "30.5", "2026-03-01", "2026-03-20"),
        ("mail_renamed_first_reply_time_urgent", "10", "2026-03-20", ""),
    ]


def test_a_policy_that_was_gone_and_came_back_begins_under_another_name(tmp_path):
    rows = made_of(replace(MAIL, until_on=LATER), replace(MAIL, from_on=LAST))
    assert told(rows.files["sla_policies"], "policy", "valid_from", "valid_until") == [
        ("mail_first_reply_time_urgent", "2026-03-01", "2026-03-10"),
        ("mail_first_reply_time_urgent_again", "2026-03-20", ""),
    ]
    write(rows, tmp_path / "ours", SEEDS)
    assert policies.check(tmp_path / "ours") == []


def test_what_the_first_night_found_can_be_taken_to_have_stood_before():
    rows = made_of(replace(MAIL, until_on=LATER), replace(MAIL, seconds=60, from_on=LATER),
                   since=date(2024, 1, 1))  # fmt: skip
    assert told(rows.files["sla_policies"], "valid_from") == [("2024-01-01",), ("2026-03-10",)]
    assert told(rows.files["business_schedules"], "valid_from") == [("2024-01-01",)]


def test_a_rule_that_another_always_beats_is_left_out_and_told(tmp_path):
    first = replace(MAIL, policy_id="1", title="All", rank=1, applies_to={})
    rows = made_of(first, MAIL)
    assert told(rows.files["sla_policies"], "policy") == [("all_first_reply_time_urgent",)]
    assert rows.left_out == (
        "mail_first_reply_time_urgent: never the first, all_first_reply_time_urgent stands before "
        "it and matches all that it does",
    )
    write(rows, tmp_path / "ours", SEEDS)
    assert policies.check(tmp_path / "ours") == []


def test_business_hours_are_the_oldest_schedule_s_or_the_one_that_is_named():
    night = replace(OFFICE, schedule_id="2", name="Night", made_at=datetime(2024, 1, 1),
                    opens_at="00:00", closes_at="06:00")  # fmt: skip
    rows = made_of(MAIL, hours=(OFFICE, night))
    assert told(rows.files["sla_policies"], "hours") == [("night",)]
    assert rows.assumed == (
        "targets in business hours count in 'night', the oldest of 2 schedules and so the source's "
        "default; triggers there may give tickets another one (--schedule names another for all)",
    )
    rows = made_of(MAIL, hours=(OFFICE, night), schedule="office_hours")
    assert told(rows.files["sla_policies"], "hours") == [("office_hours",)]
    with pytest.raises(CannotImport, match="no schedule 'day'; there are night, office_hours"):
        made_of(MAIL, hours=(OFFICE, night), schedule="day")
    calendar = replace(MAIL, is_in_business_hours=False)
    assert told(made_of(calendar, hours=()).files["sla_policies"], "hours") == [("calendar",)]
    assert made_of(MAIL, hours=()).left_out == (
        "policy 'Mail': first_reply_time counts in business hours of no schedule",
    )


def test_a_promise_holds_only_as_long_as_its_opening_hours(tmp_path):
    rows = made_of(MAIL, hours=(replace(OFFICE, until_on=LAST),))
    assert told(rows.files["sla_policies"], "valid_from", "valid_until") == [
        ("2026-03-01", "2026-03-20")
    ]
    assert rows.assumed == (
        "policy 'Mail': in business hours only as long as office_hours was there",
    )
    write(rows, tmp_path / "ours", SEEDS)
    assert policies.check(tmp_path / "ours") == []


def test_a_zone_that_nobody_knows_is_told():
    rows = made_of(MAIL, hours=(replace(OFFICE, source_timezone="Middle Earth", timezone=None),))
    assert rows.files["business_schedules"] == []
    assert rows.left_out == (
        "schedule 'Office hours': zone 'Middle Earth' is no name of Ruby on Rails that we know; "
        "write its rows by hand",
        "policy 'Mail': first_reply_time counts in business hours of no schedule",
    )


def test_holidays_are_whole_days_and_what_was_taken_out_in_time_is_none(tmp_path):
    def off(name, first, last, **more):
        return Holiday(
            schedule_id="1", name=name, first_on=first, last_on=last,
            **{"from_on": FIRST, "until_on": EVER} | more,
        )  # fmt: skip

    rows = made_of(
        MAIL,
        holidays=(
            off("Easter", "2026-04-03", "2026-04-06", until_on=LATER),
            off("Easter, renamed", "2026-04-03", "2026-04-06", from_on=LATER),
            off("in Easter", "2026-04-05", "2026-04-05"),
            off("longer than Easter", "2026-04-06", "2026-04-07"),
            off("May Day", "2026-05-01", "2026-05-01"),
            off("never came", "2026-06-01", "2026-06-01", until_on=LAST),
            off("was over when it went", "2026-03-02", "2026-03-02", until_on=LAST),
            off("odd", "soon", "later"),
        ),
    )
    assert told(rows.files["holidays"], "holiday_on", "holiday_until", "holiday_name") == [
        ("2026-03-02", "", "was over when it went"),
        ("2026-04-03", "2026-04-07", "Easter, renamed"),
        ("2026-04-07", "", "longer than Easter"),
        ("2026-05-01", "", "May Day"),
    ]
    assert rows.left_out == (
        "holiday 'never came' of office_hours on 2026-06-01: it was taken out before it came",
        "holiday 'odd' of office_hours on soon: not from one day to another",
    )
    write(rows, tmp_path / "ours", SEEDS)
    assert policies.check(tmp_path / "ours") == []


def test_two_of_one_title_are_told_apart_by_their_ids():
    rows = made_of(MAIL, replace(MAIL, policy_id="8", rank=3, applies_to={}))
    assert told(rows.files["sla_policies"], "policy") == [
        ("mail_7_first_reply_time_urgent",),
        ("mail_8_first_reply_time_urgent",),
    ]
