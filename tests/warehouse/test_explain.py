"""One case told from the marts: every figure of its verdicts, and no name."""

from datetime import timedelta

import pytest
from marts_by_hand import AS_OF, add, case, fill, make_build

from answerable import explain


@pytest.fixture
def published(warehouse):
    make_build(warehouse)
    warehouse.execute("create schema if not exists marts")
    fill(
        warehouse,
        [case(1, AS_OF - timedelta(days=2), reply_after=timedelta(hours=3), as_of=AS_OF)],
    )
    for table in (
        "fct_cases",
        "fct_case_timeline",
        "fct_interactions",
        "fct_sla_clocks",
        "fct_sla_segments",
    ):
        warehouse.execute(f"drop table if exists marts.{table}")
        warehouse.execute(f"alter table build.{table} set schema marts")
    warehouse.execute("create table if not exists marts.publication (as_of timestamp)")
    warehouse.execute("delete from marts.publication")
    warehouse.execute("insert into marts.publication (as_of) values (%s)", [AS_OF])
    return warehouse


def told(conn, case_id: str, **options) -> str:
    return "\n".join(explain.lines(explain.case(conn, case_id), explain.zone_of("UTC"), **options))


def test_a_verdict_can_be_followed_by_hand(published):
    text = told(published, "zendesk:1")
    assert "first_reply_time 1: breached. any: 3,600 s of calendar" in text
    assert "10,800 > 3,600: breached" in text
    assert "left: " not in text
    assert "a question" in text and "a reply" in text
    assert "Good morning" not in text and "customer-1" not in text


def test_one_metric_can_be_asked_for_by_id_and_zone(published):
    text = told(published, "1", metric="resolution_time")
    assert "resolution_time 1:" in text and "first_reply_time" not in text
    cairo = "\n".join(explain.lines(explain.case(published, "1"), explain.zone_of("Africa/Cairo")))
    assert f"as of {AS_OF + timedelta(hours=2):%a %Y-%m-%d %H:%M:%S}" in cairo


def test_what_is_not_there_is_said_with_what_is(published):
    with pytest.raises(explain.ExplainError, match=r"no case 'zendesk:9'.*like 'zendesk:1'"):
        explain.case(published, "zendesk:9")
    with pytest.raises(explain.ExplainError, match="Mars"):
        explain.zone_of("Mars/Phobos")
    with pytest.raises(explain.ExplainError, match="is none of first_reply_time"):
        told(published, "1", metric="answer")
    add(published, "marts.fct_cases", [{"case_key": "other:1", "case_id": "1"}])
    with pytest.raises(explain.ExplainError, match="other:1, zendesk:1; name one"):
        explain.case(published, "1")
    published.execute("delete from marts.publication")
    with pytest.raises(explain.ExplainError, match="nothing is published"):
        explain.case(published, "1")
