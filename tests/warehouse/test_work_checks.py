"""Answers, solutions, contacts: each rule, proved by a small case with one thing wrong in it."""

import pytest
from marts_by_hand import AS_OF

from answerable.quality import gate
from answerable.quality.night import Made, Night
from answerable.settings import ROOT
from answerable.warehouse.names import Schemas

SENT, SINCE, FIRST, SOLVED, REPEAT = (
    "ExpectEachReplyAsItWasSent",
    "ExpectResponseTimesSinceTheCustomerWrote",
    "ExpectOneFirstReply",
    "ExpectEachSolutionInTheTimeline",
    "ExpectRepeatContactsToBeThere",
)

# dbt made the night, and nothing of it can be compared
NOTHING = Made(key=("case_key",), columns={}, dirty=None, published=None, definition=None)


@pytest.fixture
def worked(warehouse):
    """A case: asked twice, answered, thanked in the second of the answer, told more; solved by Ada,
    opened again, solved by Bo, closed."""
    warehouse.execute(
        """
        create table build.fct_interactions (interaction_key text, case_key text,
            occurred_at timestamp, direction text, is_reply boolean, agent_key text, team text,
            department text);
        insert into build.fct_interactions values
            ('q1', 'c', '2026-02-01 10:00', 'inbound', false, null, null, null),
            ('q2', 'c', '2026-02-01 10:05', 'inbound', false, null, null, null),
            ('a1', 'c', '2026-02-01 10:10', 'outbound', true, 'ada', 'desk', 'service'),
            ('q3', 'c', '2026-02-01 10:10', 'inbound', false, null, null, null),
            ('a2', 'c', '2026-02-01 10:20', 'outbound', true, 'bo', null, null);
        create table build.int_replies (case_key text, interaction_key text, occurred_at timestamp,
            agent_key text, team text, department text, waiting_since_at timestamp,
            response_seconds bigint, is_first boolean);
        insert into build.int_replies values
            ('c', 'a1', '2026-02-01 10:10', 'ada', 'desk', 'service', '2026-02-01 10:00', 600,
                true),
            ('c', 'a2', '2026-02-01 10:20', 'bo', null, null, null, null, false);
        create table build.fct_case_timeline (case_key text, row_no integer, from_at timestamp,
            status text, department text, team text, agent_key text);
        insert into build.fct_case_timeline values
            ('c', 1, '2026-02-01 10:00', 'new', null, null, null),
            ('c', 2, '2026-02-01 10:10', 'solved', 'service', 'desk', 'ada'),
            ('c', 3, '2026-02-01 12:00', 'open', 'service', 'desk', 'ada'),
            ('c', 4, '2026-02-01 13:00', 'solved', null, null, 'bo'),
            ('c', 5, '2026-02-05 13:00', 'closed', null, null, 'bo');
        create table build.int_solutions (case_key text, solution_no integer, solved_at timestamp,
            department text, team text, agent_key text, is_reopened boolean, reopened_at timestamp);
        insert into build.int_solutions values
            ('c', 1, '2026-02-01 10:10', 'service', 'desk', 'ada', true, '2026-02-01 12:00'),
            ('c', 2, '2026-02-01 13:00', null, null, 'bo', false, null);
        create table build.fct_cases (case_key text, customer_key text, opened_at timestamp,
            resolved_at timestamp, is_counted boolean, has_repeat_contact boolean);
        insert into build.fct_cases values
            ('c', 'cora', '2026-02-01 10:00', '2026-02-01 13:00', true, true),
            ('d', 'cora', '2026-02-08 13:00', '2026-02-09', true, false),
            ('e', 'kim', '2026-02-20', '2026-02-22', true, null);
        create table build.int_repeat_contacts as
            select case_key, has_repeat_contact from build.fct_cases;
        """
    )
    warehouse.commit()
    return warehouse


@pytest.mark.parametrize(
    ("wrong", "caught"),
    [
        ("select 1", set()),
        ("update build.int_replies set team = 'other' where interaction_key = 'a1'", {SENT}),
        ("update build.int_replies set department = 'x' where interaction_key = 'a2'", {SENT}),
        ("delete from build.int_replies where interaction_key = 'a2'", {SENT}),
        ("update build.int_replies set response_seconds = 1200 where is_first", {SINCE}),
        (
            "update build.int_replies set waiting_since_at = '2026-02-01 10:10',"
            " response_seconds = 600 where interaction_key = 'a2'",
            {SINCE},
        ),
        ("update build.int_replies set is_first = not is_first", {FIRST}),
        ("update build.int_replies set is_first = false", {FIRST}),
        ("delete from build.int_solutions where solution_no = 1", {SOLVED}),
        ("update build.int_solutions set agent_key = 'bo'", {SOLVED}),
        ("update build.int_solutions set is_reopened = false", {SOLVED}),
        (
            "update build.int_solutions set solved_at = '2026-02-05 13:00' where solution_no = 2",
            {SOLVED},
        ),
        ("delete from build.int_repeat_contacts where case_key = 'e'", {REPEAT}),
        ("update build.int_repeat_contacts set has_repeat_contact = false", {REPEAT}),
        ("update build.fct_cases set has_repeat_contact = true where case_key = 'd'", {REPEAT}),
        # one second later it is no repeat contact any more
        (
            "update build.fct_cases set opened_at = '2026-02-08 13:00:01' where case_key = 'd'",
            {REPEAT},
        ),
        ("update build.fct_cases set is_counted = false where case_key = 'd'", {REPEAT}),
    ],
)
def test_what_people_did_is_counted_as_they_did_it(worked, settings, wrong, caught):
    worked.execute(wrong)
    worked.commit()
    expectations = gate.load_expectations(ROOT)
    gate._context()
    night = Night(run_no=1, as_of=AS_OF, schemas=Schemas.of(""), tables={"something": NOTHING})
    suites = [("build", table, suite) for table, suite in expectations.work.suites(night).items()]
    results = gate.judge(worked, settings.warehouse_url, suites)
    assert all(result.unexpected_count is not None for result in results)
    assert {result.rule for result in results if not result.is_success} == caught
