"""Each expectation, proved by a small night with one bad row: it fires, and nothing else does."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import hostile
import psycopg
import pytest
from marts_by_hand import (
    AS_OF,
    SUM_UP,
    add,
    case,
    fill,
    make_build,
    models,
    small_night,
    start_run,
    sum_up_calls,
)

from answerable.quality import GateFailed, check, check_raw
from answerable.quality.gate import load_expectations
from answerable.settings import ROOT, Settings
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import publish

PARENT = "ExpectParentToBeThere (case_key)"
CUSTOMER = "ExpectParentToBeThere (customer_key)"
KEY = "ExpectOneRowPerKey"
FUTURE = "ExpectNothingFromTheFuture"
STATUS = "ExpectKnownValues (status)"
OUTCOME = "ExpectKnownValues (outcome)"
ORDER = "ExpectIntervalsInOrder"
AGAIN, MUCH_AGAIN = "ExpectNothingToldAgain", "ExpectLittleToldAgain"

# a verdict of the source beside ours, and the same
COMPARED = """
    insert into build.rpt_sla_reconciliation
        (case_key, metric, clock_no, source, policy, target_seconds, started_at, fulfilled_at,
        breached_at, elapsed_seconds, outcome, source_outcome, source_target_seconds, is_same)
    select case_key, metric, clock_no, source, policy, target_seconds, started_at, fulfilled_at,
        breached_at, elapsed_seconds, outcome, outcome, target_seconds, true
    from build.fct_sla_clocks
    where case_key = 'zendesk:1' and metric = 'first_reply_time';
    insert into build.int_source_clocks
    select case_key, metric, clock_no, target_seconds from build.rpt_sla_reconciliation;
"""


def again(table: str, key: str, of: str, times: int) -> str:
    """A row told again under so many other keys."""
    other = f"jsonb_build_object('{key}', {key} || '-' || n)"
    return (
        f"insert into build.{table} select (jsonb_populate_record(told, {other})).*"
        f" from build.{table} as told, generate_series(1, {times}) as n where {of};"
    )


def message_again(times: int) -> str:
    of = "interaction_key = 'zendesk:12'"
    return (
        again("fct_interactions", "interaction_key", of, times)
        + again("interaction_texts", "interaction_key", of, times)
        + f"update build.fct_cases set outbound_count = outbound_count + {times},"
        f" reply_count = reply_count + {times} where case_key = 'zendesk:1'"
    )


def call_again(times: int) -> str:
    return (
        "update build.fct_calls set customer_key = (select min(customer_key) from"
        " build.dim_customers);"
        + again("fct_calls", "call_key", "call_key = 'bank:1'", times)
        + again("fct_interactions", "interaction_key", "interaction_key = 'bank:1'", times)
    )


# name -> (what goes wrong in `build`, the rules that notice, by table)
BAD_ROWS: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "an interaction twice": (
        "insert into build.fct_interactions select * from build.fct_interactions "
        "where interaction_key = 'zendesk:12'",
        {("fct_interactions", KEY), ("fct_cases", "ExpectCountsOfACaseToAddUp")},
    ),
    "an interaction without a key": (
        "update build.fct_interactions set interaction_key = null "
        "where interaction_key = 'zendesk:31';"
        "delete from build.interaction_texts where interaction_key = 'zendesk:31';"
        "delete from build.fct_interaction_metrics where interaction_key = 'zendesk:31'",
        {("fct_interactions", KEY)},
    ),
    "an interaction from the future": (
        "update build.fct_interactions set occurred_at = '2026-03-01' "
        "where interaction_key = 'zendesk:12'",
        {("fct_interactions", FUTURE)},
    ),
    "a direction that nobody knows": (
        "insert into build.fct_interactions (interaction_key, direction, visibility, "
        "occurred_at, conversation_key, is_reply, is_bot) "
        "values ('zendesk:99', 'sideways', 'public', '2026-02-27', 'zendesk:1', false, false)",
        {("fct_interactions", "ExpectKnownValues (direction)")},
    ),
    "a visibility that nobody knows": (
        "update build.fct_interactions set visibility = null where interaction_key = 'zendesk:12'",
        {("fct_interactions", "ExpectKnownValues (visibility)")},
    ),
    "an interaction without a conversation": (
        "update build.fct_interactions set conversation_key = null "
        "where interaction_key = 'zendesk:12'",
        {("fct_interactions", "ExpectEveryInteractionToHaveAConversation")},
    ),
    "an interaction of a case that is not there": (
        "insert into build.fct_interactions (interaction_key, direction, visibility, "
        "occurred_at, conversation_key, case_key, is_reply, is_bot) values ('zendesk:99', "
        "'outbound', 'public', '2026-02-27', 'zendesk:1', 'zendesk:77', false, false)",
        {("fct_interactions", PARENT)},
    ),
    "an interaction of a customer who is not there": (
        "update build.fct_interactions set customer_key = 'customer-2' "
        "where interaction_key = 'zendesk:12'",
        {("fct_interactions", CUSTOMER)},
    ),
    "an inbound message from nobody": (
        "update build.fct_interactions set customer_key = null "
        "where interaction_key = 'zendesk:11'",
        {("fct_interactions", "ExpectInboundToHaveACustomer")},
    ),
    "a reply by a bot": (
        "update build.fct_interactions set is_bot = true where interaction_key = 'zendesk:12'",
        {("fct_interactions", "ExpectRepliesToBeOurs")},
    ),
    "an answer before its question": (
        "update build.fct_interactions set occurred_at = occurred_at - interval '1 day' "
        "where interaction_key = 'zendesk:12'",
        {("fct_interactions", "ExpectAnswerNotBeforeQuestion")},
    ),
    "an address in a masked text": (
        "update build.fct_interactions set text_masked = 'write to Kim.O@mail.example.com please' "
        "where interaction_key = 'zendesk:12'",
        {("fct_interactions", "ExpectNoAddressInMaskedText")},
    ),
    "a message again under another key": (
        message_again(1),
        {("fct_interactions", AGAIN)},
    ),
    "many messages again under other keys": (
        message_again(11),
        {("fct_interactions", AGAIN), ("fct_interactions", MUCH_AGAIN)},
    ),
    "a text twice": (
        "insert into build.interaction_texts select * from build.interaction_texts "
        "where interaction_key = 'zendesk:12'",
        {("interaction_texts", KEY)},
    ),
    "a text of nothing": (
        "insert into build.interaction_texts (interaction_key, text) values ('zendesk:99', 'x')",
        {("interaction_texts", "ExpectTextOfAKnownInteraction")},
    ),
    "a case twice": (
        "insert into build.fct_cases select * from build.fct_cases where case_key = 'zendesk:1'",
        {("fct_cases", KEY)},
    ),
    "a case from the future": (
        "update build.fct_cases set closed_at = '2026-03-01 00:00:00' where case_key = 'zendesk:1'",
        {("fct_cases", FUTURE)},
    ),
    "a status that nobody knows": (
        "update build.fct_cases set status = 'snoozed' where case_key = 'zendesk:1'",
        {("fct_cases", STATUS)},
    ),
    "a case resolved before it was opened": (
        "update build.fct_cases set resolved_at = opened_at - interval '1 second' "
        "where case_key = 'zendesk:1'",
        {("fct_cases", "ExpectCaseTimesInOrder")},
    ),
    "a case that is not counted for no reason": (
        "update build.fct_cases set is_counted = false where case_key = 'zendesk:1'",
        {("fct_cases", "ExpectAReasonWhereACaseIsNotCounted")},
    ),
    "a case that was merged into nobody knows which": (
        "update build.fct_cases set is_counted = false, not_counted_reason = 'merged' "
        "where case_key = 'zendesk:1'",
        {("fct_cases", "ExpectAMergedCaseToGoOnSomewhere")},
    ),
    "a case with a reply too many": (
        "update build.fct_cases set reply_count = 2 where case_key = 'zendesk:1'",
        {("fct_cases", "ExpectCountsOfACaseToAddUp")},
    ),
    "a case without a first-reply clock": (
        "update build.fct_sla_clocks set clock_no = 2, metric = 'resolution_time' "
        "where metric = 'first_reply_time' and case_key = 'zendesk:1'; {sum_up}",
        {
            ("fct_cases", "ExpectAFirstReplyClockWhereACustomerWrote"),
            ("fct_sla_clocks", "ExpectSegmentsToAddUp"),
        },
    ),
    "a case that nobody and not even nobody holds": (
        "delete from build.fct_ownership_spans where case_key = 'zendesk:1'",
        {("fct_cases", "ExpectEveryCaseToHaveAHolderOrNobody")},
    ),
    "an address in a subject": (
        "update build.fct_cases set subject_masked = 'kim@example.com' "
        "where case_key = 'zendesk:1'",
        {("fct_cases", "ExpectNoAddressInMaskedText")},
    ),
    "a timeline row twice": (
        "insert into build.fct_case_timeline select * from build.fct_case_timeline "
        "where case_key = 'zendesk:2'",
        {("fct_case_timeline", KEY), ("fct_case_timeline", ORDER)},
    ),
    "a gap in a timeline": (
        "update build.fct_case_timeline set from_at = from_at + interval '1 second' "
        "where case_key = 'zendesk:1' and row_no = 2",
        {("fct_case_timeline", ORDER)},
    ),
    "a timeline row that is missing": (
        "update build.fct_case_timeline set row_no = 3 where case_key = 'zendesk:1' and row_no = 2",
        {("fct_case_timeline", ORDER)},
    ),
    "a timeline row from the future": (
        "update build.fct_case_timeline set to_at = '2026-03-02' "
        "where case_key = 'zendesk:1' and row_no = 2",
        {("fct_case_timeline", FUTURE)},
    ),
    "a timeline status that nobody knows": (
        "update build.fct_case_timeline set status = null "
        "where case_key = 'zendesk:1' and row_no = 2",
        {("fct_case_timeline", STATUS)},
    ),
    "a timeline of no case": (
        "insert into build.fct_case_timeline (case_key, row_no, from_at, status) "
        "values ('zendesk:77', 1, '2026-02-27', 'open')",
        {("fct_case_timeline", PARENT)},
    ),
    "a span twice": (
        "insert into build.fct_ownership_spans select * from build.fct_ownership_spans "
        "where case_key = 'zendesk:2'",
        {
            ("fct_ownership_spans", KEY),
            ("fct_ownership_spans", ORDER),
            ("fct_ownership_spans", "ExpectNeighbouringSpansToDiffer"),
        },
    ),
    "spans that overlap": (
        "update build.fct_ownership_spans set to_at = to_at + interval '5 seconds', "
        "calendar_seconds = calendar_seconds + 5 where case_key = 'zendesk:6' and span_no = 1",
        {("fct_ownership_spans", ORDER)},
    ),
    "spans that begin after the case": (
        "update build.fct_ownership_spans set from_at = from_at + interval '5 seconds', "
        "calendar_seconds = calendar_seconds - 5 where case_key = 'zendesk:1'",
        {("fct_ownership_spans", "ExpectSpansToCoverTheCase")},
    ),
    "spans that end before the case": (
        "update build.fct_cases set is_open = not is_open where case_key = 'zendesk:3'",
        {("fct_ownership_spans", "ExpectSpansToCoverTheCase")},
    ),
    "a span with the wrong seconds": (
        "update build.fct_ownership_spans set calendar_seconds = calendar_seconds + 1 "
        "where case_key = 'zendesk:6' and span_no = 1",
        {("fct_ownership_spans", "ExpectSpanSecondsToBeItsLength")},
    ),
    "two spans of one holder": (
        "update build.fct_ownership_spans as one set department = other.department, "
        "team = other.team, agent_key = other.agent_key, is_nobody = false, "
        "came_by = other.came_by from build.fct_ownership_spans as other "
        "where other.case_key = one.case_key "
        "and one.case_key = 'zendesk:6' and one.span_no = 1 and other.span_no = 2",
        {("fct_ownership_spans", "ExpectNeighbouringSpansToDiffer")},
    ),
    "somebody who is nobody": (
        "update build.fct_ownership_spans set is_nobody = true, came_by = null "
        "where case_key = 'zendesk:1'",
        {("fct_ownership_spans", "ExpectNobodyToBeNobody")},
    ),
    "a holder whom nothing brought the case": (
        "update build.fct_ownership_spans set came_by = null where case_key = 'zendesk:1'",
        {("fct_ownership_spans", "ExpectAWayToEachHolder")},
    ),
    "more open hours than hours": (
        "update build.fct_ownership_spans set schedule = 'office', "
        "business_seconds = calendar_seconds + 1 where case_key = 'zendesk:1'",
        {("fct_ownership_spans", "ExpectBusinessTimeWithinCalendarTime")},
    ),
    "a handoff twice": (
        "insert into build.fct_handoffs select * from build.fct_handoffs; "
        "update build.fct_cases set handoff_count = 2, team_handoff_count = 2 "
        "where case_key = 'zendesk:2'",
        {("fct_handoffs", KEY)},
    ),
    "a handoff that is counted and not listed": (
        "update build.fct_cases set handoff_count = 1 where case_key = 'zendesk:1'",
        {("fct_handoffs", "ExpectHandoffsToBeListedAsCounted")},
    ),
    "a handoff of no case": (
        "update build.fct_cases set handoff_count = 0, team_handoff_count = 0 "
        "where case_key = 'zendesk:2'",
        {("fct_handoffs", "ExpectHandoffsToBeListedAsCounted")},
    ),
    "a handoff to somebody who never held it": (
        "update build.fct_handoffs set span_no = 2",
        {("fct_handoffs", "ExpectAHandoffToBeginASpan")},
    ),
    "somebody who acted before they had it": (
        "update build.fct_handoffs set acted_at = handed_at - interval '1 second'",
        {("fct_handoffs", "ExpectAHandoffToBeginASpan")},
    ),
    "a handoff after which somebody acts tomorrow": (
        "update build.fct_handoffs set acted_at = {as_of}",
        {("fct_handoffs", FUTURE)},
    ),
    "a handoff between nobody knows whom": (
        "update build.fct_handoffs set level = 'floor'; "
        "update build.fct_cases set handoff_count = 0 where case_key = 'zendesk:2'",
        {("fct_handoffs", "ExpectKnownValues (level)")},
    ),
    "a share of a promise twice": (
        "insert into build.rpt_breach_attribution (case_key, metric, clock_no, department, "
        "seconds, is_holder_at_breach) select case_key, metric, clock_no, department, 0, false "
        "from build.rpt_breach_attribution "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("rpt_breach_attribution", KEY)},
    ),
    "a promise of which a second is nobody's": (
        "update build.rpt_breach_attribution set seconds = seconds - 1 "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("rpt_breach_attribution", "ExpectAttributionToAddUp")},
    ),
    "a broken promise that nobody had": (
        "update build.rpt_breach_attribution set is_holder_at_breach = false "
        "where case_key = 'zendesk:2' and metric = 'first_reply_time'",
        {("rpt_breach_attribution", "ExpectAttributionToAddUp")},
    ),
    "an orphan twice": (
        "update build.fct_ownership_spans set department = null, team = null, agent_key = null, "
        "is_nobody = true, came_by = null where case_key = 'zendesk:1'; "
        "update build.fct_cases set status = 'open' where case_key = 'zendesk:1'; "
        "insert into build.rpt_orphans (case_key) values ('zendesk:1'), ('zendesk:1')",
        {("rpt_orphans", KEY)},
    ),
    "an orphan whom somebody holds": (
        "insert into build.rpt_orphans (case_key) values ('zendesk:1')",
        {("rpt_orphans", "ExpectTheWorklistToBeWhatNobodyHolds")},
    ),
    "an orphan who is on no worklist": (
        "update build.fct_ownership_spans set department = null, team = null, agent_key = null, "
        "is_nobody = true, came_by = null where case_key = 'zendesk:3'",
        {("rpt_orphans", "ExpectTheWorklistToBeWhatNobodyHolds")},
    ),
    "a contest twice": (
        "insert into build.rpt_contested (case_key, span_no, department, other_department, "
        "ownership_policy, policy_department) "
        "select 'zendesk:1', 1, 'pr', 'sales', 'p', 'pr' from generate_series(1, 2)",
        {("rpt_contested", KEY)},
    ),
    "a contest with oneself": (
        "insert into build.rpt_contested (case_key, span_no, department, other_department, "
        "ownership_policy, policy_department) values ('zendesk:1', 1, 'pr', 'pr', 'p', 'pr')",
        {("rpt_contested", "ExpectARuleThatSaysWhereItBelongs")},
    ),
    "a misrouted span twice": (
        "insert into build.rpt_misrouted (case_key, span_no, department, "
        "ownership_policy, policy_department) "
        "select 'zendesk:1', 1, 'pr', 'p', 'sales' from generate_series(1, 2)",
        {("rpt_misrouted", KEY)},
    ),
    "a misrouted span that is where it belongs": (
        "insert into build.rpt_misrouted (case_key, span_no, department, team, "
        "ownership_policy, policy_department) values ('zendesk:1', 1, 'pr', 'Press', 'p', 'pr')",
        {("rpt_misrouted", "ExpectARuleThatSaysWhereItBelongs")},
    ),
    "a day of a department twice": (
        "insert into build.rpt_ownership_daily (day, department, channel) "
        "select date '2026-02-28', 'pr', 'x' from generate_series(1, 2)",
        {("rpt_ownership_daily", KEY)},
    ),
    "a span of a day without a verdict": (
        "insert into build.rpt_ownership_daily (day, department, channel, held_count, span_count, "
        "as_policy_count, misrouted_count, contested_count, orphaned_count, no_policy_count) "
        "values ('2026-02-28', 'pr', 'x', 0, 2, 1, 0, 0, 0, 0)",
        {("rpt_ownership_daily", "ExpectVerdictsOfADayToAddUp")},
    ),
    "an agent's channel twice": (
        "insert into build.rpt_agent_channels (agent_key, channel) "
        "select 'zendesk:900', 'x' from generate_series(1, 2)",
        {("rpt_agent_channels", KEY)},
    ),
    "more reopened than was solved": (
        "insert into build.rpt_agent_channels (agent_key, channel, solved_count, reopened_count) "
        "values ('zendesk:900', 'x', 1, 2)",
        {("rpt_agent_channels", "ExpectSharesOfCounts")},
    ),
    "a department twice in a slice": (
        "insert into build.rpt_ownership_scorecard (channel, brand, topic, visibility, department, "
        "won_count, lost_count, favoured_department) select 'x', '(all)', '(all)', '(all)', 'pr', "
        "0, 0, 'not enough evidence' from generate_series(1, 2)",
        {("rpt_ownership_scorecard", KEY)},
    ),
    "a share outside its bounds": (
        "insert into build.rpt_ownership_scorecard (channel, brand, topic, visibility, department, "
        "kept_share, kept_low, kept_high, favoured_department) values ('x', '(all)', '(all)', "
        "'(all)', 'pr', 0.9, 0.1, 0.8, 'not enough evidence')",
        {("rpt_ownership_scorecard", "ExpectSharesOfCounts")},
    ),
    "a favourite who is worse than another": (
        "insert into build.rpt_ownership_scorecard (channel, brand, topic, visibility, department, "
        "won_count, lost_count, favoured_department) values ('x', '(all)', '(all)', '(all)', 'pr', "
        "1, 1, 'pr')",
        {("rpt_ownership_scorecard", "ExpectOneFavouriteWhoLostNothing")},
    ),
    "two favourites": (
        "insert into build.rpt_ownership_scorecard (channel, brand, topic, visibility, department, "
        "won_count, lost_count, favoured_department) values ('x', '(all)', '(all)', '(all)', 'pr', "
        "1, 0, 'pr'), ('x', '(all)', '(all)', '(all)', 'sales', 1, 0, 'sales')",
        {("rpt_ownership_scorecard", "ExpectOneFavouriteWhoLostNothing")},
    ),
    "a revision twice": (
        "insert into build.rpt_policy_periods "
        "(kind, metric, revised_on, policy, before_policy, after_policy) "
        "select 'ownership', '(none)', date '2026-02-01', 'p', '(none)', 'p' "
        "from generate_series(1, 2)",
        {("rpt_policy_periods", KEY)},
    ),
    "a revision of nothing": (
        "insert into build.rpt_policy_periods "
        "(kind, metric, revised_on, policy, before_policy, after_policy) "
        "values ('ownership', '(none)', '2026-02-01', 'p', '(none)', '(none)')",
        {("rpt_policy_periods", "ExpectSharesOfCounts")},
    ),
    "a span from the future": (
        "update build.fct_ownership_spans set from_at = {as_of} + interval '1 hour', "
        "calendar_seconds = -3600 where case_key = 'zendesk:6' and span_no = 2;"
        "update build.fct_ownership_spans set to_at = {as_of} + interval '1 hour', "
        "calendar_seconds = extract(epoch from {as_of} + interval '1 hour' - from_at) "
        "where case_key = 'zendesk:6' and span_no = 1",
        {("fct_ownership_spans", FUTURE)},
    ),
    "a verdict that nobody knows": (
        "update build.fct_ownership_spans set verdict = 'fine' where case_key = 'zendesk:1'",
        {("fct_ownership_spans", "ExpectKnownValues (verdict)")},
    ),
    "a span of no case": (
        "insert into build.fct_ownership_spans (case_key, span_no, from_at, is_nobody, "
        "calendar_seconds, verdict) "
        "values ('zendesk:77', 1, {as_of} - interval '1 second', true, 1, 'orphaned')",
        {("fct_ownership_spans", PARENT)},
    ),
    "a clock twice": (
        "insert into build.fct_sla_clocks select * from build.fct_sla_clocks "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'; {sum_up}",
        {("fct_sla_clocks", KEY)},
    ),
    "an outcome that nobody knows": (
        "update build.fct_sla_clocks set outcome = 'late', policy = null, breached_at = null "
        "where case_key = 'zendesk:2' and metric = 'first_reply_time'; {sum_up}",
        {
            ("fct_sla_clocks", OUTCOME),
            ("rpt_sla_compliance_daily", "ExpectOutcomesToAddUp"),
        },
    ),
    "a reply before the contact": (
        "update build.fct_sla_clocks set fulfilled_at = started_at - interval '1 minute' "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {
            ("fct_sla_clocks", "ExpectReplyNotBeforeContact"),
            ("fct_sla_clocks", "ExpectSegmentsToAddUp"),
        },
    ),
    "a clock that counts backwards": (
        "update build.fct_sla_clocks set business_elapsed_seconds = -1 "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_clocks", "ExpectReplyNotBeforeContact")},
    ),
    "met a second too late": (
        "update build.fct_sla_clocks set elapsed_seconds = target_seconds + 1 "
        "where case_key = 'zendesk:6' and metric = 'first_reply_time'",
        {
            ("fct_sla_clocks", "ExpectMetExactlyWithinTarget"),
            ("fct_sla_clocks", "ExpectSegmentsToAddUp"),
        },
    ),
    "breached within the target": (
        "update build.fct_sla_clocks set elapsed_seconds = target_seconds "
        "where case_key = 'zendesk:2' and metric = 'first_reply_time'",
        {
            ("fct_sla_clocks", "ExpectMetExactlyWithinTarget"),
            ("fct_sla_clocks", "ExpectSegmentsToAddUp"),
        },
    ),
    "running past its target": (
        "update build.fct_sla_clocks set elapsed_seconds = target_seconds + 1 "
        "where case_key = 'zendesk:5' and metric = 'first_reply_time'",
        {
            ("fct_sla_clocks", "ExpectMetExactlyWithinTarget"),
            ("fct_sla_clocks", "ExpectSegmentsToAddUp"),
        },
    ),
    "a segment that nobody counted": (
        "delete from build.fct_sla_segments "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_clocks", "ExpectSegmentsToAddUp")},
    ),
    "a segment twice": (
        "insert into build.fct_sla_segments select * from build.fct_sla_segments "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_segments", KEY), ("fct_sla_clocks", "ExpectSegmentsToAddUp")},
    ),
    "a segment of no case": (
        "insert into build.fct_sla_segments (case_key, metric, clock_no, segment_no) "
        "values ('zendesk:77', 'resolution_time', 1, 1)",
        {("fct_sla_segments", PARENT)},
    ),
    "a worklist with what is broken already": (
        "insert into build.rpt_sla_at_risk (case_key, metric, clock_no, remaining_seconds) "
        "values ('zendesk:2', 'first_reply_time', 1, -5)",
        {("rpt_sla_at_risk", "ExpectOnlyWhatMayStillBeKept")},
    ),
    "a worklist with one thing twice": (
        "insert into build.rpt_sla_at_risk select * from build.rpt_sla_at_risk",
        {("rpt_sla_at_risk", KEY)},
    ),
    "a worklist that forgot one": (
        "delete from build.rpt_sla_at_risk",
        {("rpt_sla_at_risk", "ExpectOnlyWhatMayStillBeKept")},
    ),
    "a comparison twice": (
        COMPARED + COMPARED,
        {("rpt_sla_reconciliation", KEY)},
    ),
    "a comparison in no case": (
        "insert into build.rpt_sla_reconciliation "
        "(case_key, metric, clock_no, source_outcome, is_same, cause) "
        "values ('zendesk:77', 'first_reply_time', 1, 'met', false, 'policy_differs')",
        {("rpt_sla_reconciliation", PARENT)},
    ),
    "a difference without a cause": (
        COMPARED + "update build.rpt_sla_reconciliation set is_same = false",
        {("rpt_sla_reconciliation", "ExpectACauseOfEachDifference")},
    ),
    "a difference that is called none": (
        COMPARED + "update build.rpt_sla_reconciliation set source_outcome = 'breached'",
        {("rpt_sla_reconciliation", "ExpectACauseOfEachDifference")},
    ),
    "a difference with a cause that nobody documented": (
        COMPARED + "update build.rpt_sla_reconciliation set is_same = false, cause = 'the moon'",
        {("rpt_sla_reconciliation", "ExpectACauseOfEachDifference")},
    ),
    "a verdict of ours that the clocks do not know": (
        COMPARED + "update build.rpt_sla_reconciliation set elapsed_seconds = elapsed_seconds + 1",
        {("rpt_sla_reconciliation", "ExpectOursToBeTheClocks")},
    ),
    "a verdict of theirs that is forgotten": (
        COMPARED + "insert into build.int_source_clocks (case_key, metric, clock_no, "
        "target_seconds) values ('zendesk:2', 'first_reply_time', 1, 3600)",
        {("rpt_sla_reconciliation", "ExpectEachPromiseOfTheSourceToBeCompared")},
    ),
    "differences that nothing explains": (
        COMPARED + "update build.rpt_sla_reconciliation set is_same = false, cause = 'unexplained'",
        {("rpt_sla_reconciliation", "ExpectMostDifferencesToBeExplained")},
    ),
    "a verdict of theirs from the future": (
        COMPARED + "update build.rpt_sla_reconciliation set source_fulfilled_at = '2026-03-01'",
        {("rpt_sla_reconciliation", FUTURE)},
    ),
    "half that take longer than nine in ten": (
        "update build.rpt_sla_compliance_daily set median_seconds = p90_seconds + 1 "
        "where fulfilled_count > 0",
        {("rpt_sla_compliance_daily", "ExpectPercentilesInOrder")},
    ),
    "a fulfilled clock that runs": (
        "update build.fct_sla_clocks set is_running = true "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_clocks", "ExpectClocksToStopWhenFulfilled")},
    ),
    "a breach at no instant": (
        "update build.fct_sla_clocks set breached_at = null "
        "where case_key = 'zendesk:2' and metric = 'first_reply_time'",
        {("fct_sla_clocks", "ExpectClocksToStopWhenFulfilled")},
    ),
    "a promise that nobody made": (
        "update build.fct_sla_clocks set policy = null "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_clocks", "ExpectAPolicyBehindEachPromise")},
    ),
    "a clock without a day": (
        "update build.fct_sla_clocks set decided_at = null "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_clocks", "ExpectADayForEachClock")},
    ),
    "a clock from the future": (
        "update build.fct_sla_clocks set decided_at = {as_of} "
        "where case_key = 'zendesk:1' and metric = 'first_reply_time'",
        {("fct_sla_clocks", FUTURE)},
    ),
    "a clock of no case": (
        "insert into build.fct_sla_clocks (case_key, metric, clock_no, outcome, started_at, "
        "decided_at, day, is_running, elapsed_seconds) values ('zendesk:77', 'resolution_time', 1, "
        "'no_policy', '2026-02-27', '2026-02-27', '2026-02-27', true, 1); {sum_up}",
        {("fct_sla_clocks", PARENT), ("fct_sla_clocks", "ExpectSegmentsToAddUp")},
    ),
    "few promises": (
        "update build.fct_sla_clocks set outcome = 'no_policy', policy = null, breached_at = null "
        "where case_key in ('zendesk:2', 'zendesk:3') and metric = 'first_reply_time'; {sum_up}",
        {("fct_sla_clocks", "ExpectMostClocksToHaveAPolicy")},
    ),
    "a line of the report twice": (
        "insert into build.rpt_sla_compliance_daily select * from build.rpt_sla_compliance_daily "
        "where void_count = 0 and day = (select min(day) from build.rpt_sla_compliance_daily) "
        "limit 1",
        {
            ("rpt_sla_compliance_daily", KEY),
            ("rpt_sla_compliance_daily", "ExpectReportToCoverEveryClock"),
        },
    ),
    "a line of the report without a team": (
        "update build.rpt_sla_compliance_daily set team = null "
        "where day = (select min(day) from build.rpt_sla_compliance_daily)",
        {("rpt_sla_compliance_daily", KEY)},
    ),
    "outcomes that do not add up": (
        "update build.rpt_sla_compliance_daily set clock_count = clock_count + 1 "
        "where day = (select min(day) from build.rpt_sla_compliance_daily)",
        {("rpt_sla_compliance_daily", "ExpectOutcomesToAddUp")},
    ),
    "a share above one": (
        "update build.rpt_sla_compliance_daily set met_share = 1.5 where met_count > 0",
        {("rpt_sla_compliance_daily", "ExpectShareOfMetAndBreached")},
    ),
    "a share of another denominator": (
        "update build.rpt_sla_compliance_daily set met_share = 0.5 where met_share = 1",
        {("rpt_sla_compliance_daily", "ExpectShareOfMetAndBreached")},
    ),
    "a share of nothing": (
        "update build.rpt_sla_compliance_daily set met_share = 0 where met_share is null",
        {("rpt_sla_compliance_daily", "ExpectShareOfMetAndBreached")},
    ),
    "a clock that the report forgot": (
        "delete from build.rpt_sla_compliance_daily where running_count > 0 and metric like 'f%'",
        {("rpt_sla_compliance_daily", "ExpectReportToCoverEveryClock")},
    ),
    "a call twice": (
        "insert into build.fct_calls select * from build.fct_calls",
        {
            ("fct_calls", KEY),
            ("rpt_service_level_intervals", "ExpectEachOfferedCallInAnInterval"),
        },
    ),
    "a call again under another key": (
        call_again(1),
        {
            ("fct_calls", AGAIN),
            ("rpt_service_level_intervals", "ExpectEachOfferedCallInAnInterval"),
        },
    ),
    "many calls again under other keys": (
        call_again(11),
        {
            ("fct_calls", AGAIN),
            ("fct_calls", MUCH_AGAIN),
            ("rpt_service_level_intervals", "ExpectEachOfferedCallInAnInterval"),
        },
    ),
    "a call from the future": (
        "update build.fct_calls set ended_at = {as_of}",
        {("fct_calls", FUTURE)},
    ),
    "a call in a direction that nobody knows": (
        "update build.fct_calls set direction = 'sideways', is_offered = false,"
        " answer_outcome = null, service_level = null, answer_target_seconds = null;"
        "delete from build.rpt_service_level_intervals",
        {("fct_calls", "ExpectKnownValues (direction)")},
    ),
    "a call of a customer who is not there": (
        "update build.fct_calls set customer_key = 'customer-77'",
        {("fct_calls", CUSTOMER)},
    ),
    "a call that is no interaction": (
        "delete from build.fct_interactions where interaction_key = 'bank:1'",
        {("fct_calls", "ExpectParentToBeThere (call_key)")},
    ),
    "a call answered late and met": (
        "update build.fct_calls set wait_seconds = 21",
        {("fct_calls", "ExpectOfferedCallsToBeJudged")},
    ),
    "a call that was offered and not judged": (
        "update build.fct_calls set answer_outcome = null;"
        "update build.rpt_service_level_intervals set answered_in_target_count = 0,"
        " in_target_share_of_offered = 0",
        {("fct_calls", "ExpectOfferedCallsToBeJudged")},
    ),
    "an interval twice": (
        "insert into build.rpt_service_level_intervals"
        " select * from build.rpt_service_level_intervals",
        {
            ("rpt_service_level_intervals", KEY),
            ("rpt_service_level_intervals", "ExpectEachOfferedCallInAnInterval"),
            ("rpt_service_level_intervals", "ExpectIntervalsToFitTheDay"),
        },
    ),
    "a call that no interval counts": (
        "delete from build.rpt_service_level_intervals",
        {("rpt_service_level_intervals", "ExpectEachOfferedCallInAnInterval")},
    ),
    "an interval with a call neither answered nor abandoned": (
        "update build.rpt_service_level_intervals set answered_count = 0,"
        " answered_in_target_count = 0;"
        "update build.fct_calls set answer_outcome = 'breached', wait_seconds = 21",
        {("rpt_service_level_intervals", "ExpectCallsToAddUp")},
    ),
    "an interval of an hour": (
        "update build.rpt_service_level_intervals set to_at = from_at + interval '1 hour'",
        {("rpt_service_level_intervals", "ExpectIntervalsToFitTheDay")},
    ),
    "a call with an outcome that nobody knows": (
        "update build.fct_calls set outcome = 'engaged', is_offered = false,"
        " answer_outcome = null, service_level = null, answer_target_seconds = null;"
        "delete from build.rpt_service_level_intervals",
        {("fct_calls", OUTCOME)},
    ),
    "an answered call that was not offered": (
        "update build.fct_calls set is_offered = false, answer_outcome = null,"
        " service_level = null, answer_target_seconds = null;"
        "delete from build.rpt_service_level_intervals",
        {("fct_calls", "ExpectOfferedToBeAnsweredOrAbandoned")},
    ),
    "a call of less than no time": (
        "update build.fct_calls set ivr_seconds = -1",
        {("fct_calls", "ExpectNoNegativeSeconds")},
    ),
    "a rating twice": (
        "insert into build.fct_ratings select * from build.fct_ratings",
        {("fct_ratings", KEY)},
    ),
    "a rating from the future": (
        "update build.fct_ratings set rated_at = {as_of}",
        {("fct_ratings", FUTURE)},
    ),
    "an address in what a rating says": (
        "update build.fct_ratings set comment_masked = 'write to cora@mail.example'",
        {("fct_ratings", "ExpectNoAddressInMaskedText")},
    ),
    "six stars of five": (
        "update build.fct_ratings set score = 6",
        {("fct_ratings", "ExpectScoreOnItsScale")},
    ),
    "a sale twice": (
        "insert into build.fct_sales select * from build.fct_sales",
        {("fct_sales", KEY)},
    ),
    "a sale that is won tomorrow": (
        "update build.fct_sales set won_at = {as_of}",
        {("fct_sales", FUTURE)},
    ),
    "a sale in a state that nobody knows": (
        "update build.fct_sales set status = 'dreamt', won_at = null, is_open = false",
        {("fct_sales", "ExpectKnownValues (status)")},
    ),
    "a sale that is won at no time": (
        "update build.fct_sales set won_at = null",
        {("fct_sales", "ExpectStatusToBeOfAStepTaken")},
    ),
    "a sale that was lost after it was won": (
        "update build.fct_sales set lost_at = won_at + interval '1 second'",
        {("fct_sales", "ExpectStatusToBeOfAStepTaken")},
    ),
    "an open sale that is won": (
        "update build.fct_sales set is_open = true",
        {("fct_sales", "ExpectStatusToBeOfAStepTaken")},
    ),
    "an amount of what": (
        "update build.fct_sales set currency = null",
        {("fct_sales", "ExpectAmountsToHaveACurrency")},
    ),
    "a customer twice": (
        "insert into build.dim_customers select * from build.dim_customers",
        {("dim_customers", KEY)},
    ),
    "an identity twice": (
        "insert into build.customer_identities select * from build.customer_identities",
        {("customer_identities", KEY)},
    ),
    "an identity of nobody": (
        "insert into build.customer_identities (identifier_key, customer_key) values ('i', 'c')",
        {("customer_identities", CUSTOMER)},
    ),
    "a customer with a crowd of identities": (
        "insert into build.customer_identities (identifier_key, customer_key) "
        "select 'i' || n, 'customer-1' from generate_series(1, 50) as n",
        {("customer_identities", "ExpectFewIdentifiersPerCustomer")},
    ),
    "a shared address that ties two": (
        "insert into build.customer_identities (identifier_key, customer_key, own_customer_key, "
        "shared_because) values ('i', 'customer-1', 'i', 'accounts')",
        {("customer_identities", "ExpectSharedIdentifiersToTieNobody")},
    ),
    "evidence twice": (
        "insert into build.customer_evidence select * from build.customer_evidence",
        {("customer_evidence", KEY)},
    ),
    "evidence of a kind that nobody knows": (
        "update build.customer_evidence set evidence = 'hearsay'",
        {("customer_evidence", "ExpectKnownValues (evidence)")},
    ),
    "evidence of an identifier that is not there": (
        "update build.customer_evidence set identifier_key = 'i'",
        {("customer_evidence", "ExpectParentToBeThere (identifier_key)")},
    ),
    "a change of a key twice": (
        "insert into build.customer_changes select * from build.customer_changes",
        {("customer_changes", KEY)},
    ),
    "a key that changed nobody knows how": (
        "update build.customer_changes set change = 'vanished'",
        {("customer_changes", "ExpectKnownValues (change)")},
    ),
    "a line of a history without a number": (
        "update build.customer_history set interaction_no = null where interaction_no = 1",
        {("customer_history", KEY), ("customer_history", "ExpectHistoryInOrder")},
    ),
    "a history that goes backwards": (
        "update build.customer_history set occurred_at = '2020-01-01' where interaction_no = 2",
        {("customer_history", "ExpectHistoryInOrder")},
    ),
    "an observation twice": (
        "insert into build.fct_interaction_metrics select * from build.fct_interaction_metrics "
        "where not is_newest",
        {("fct_interaction_metrics", KEY)},
    ),
    "numbers of a message that is not there": (
        "insert into build.fct_interaction_metrics (interaction_key, observed_on, observed_at, "
        "is_newest) values ('x:9', '2026-02-27', '2026-02-27', true)",
        {("fct_interaction_metrics", "ExpectParentToBeThere (interaction_key)")},
    ),
    "numbers of which none are the newest": (
        "update build.fct_interaction_metrics set is_newest = false",
        {("fct_interaction_metrics", "ExpectOneNewestObservation")},
    ),
    "a message that was seen less than no times": (
        "update build.fct_interaction_metrics set impression_count = -1",
        {("fct_interaction_metrics", "ExpectNoNegativeNumbers")},
    ),
    "an unprompted message twice": (
        "insert into build.rpt_unprompted_mentions select * from build.rpt_unprompted_mentions",
        {
            ("rpt_unprompted_mentions", KEY),
            ("rpt_mentions_daily", "ExpectDaysToCoverEachUnprompted"),
        },
    ),
    "an unprompted message of which nobody knows what became": (
        "update build.rpt_unprompted_mentions set outcome = null",
        {
            ("rpt_unprompted_mentions", OUTCOME),
            ("rpt_mentions_daily", "ExpectDaysToCoverEachUnprompted"),
        },
    ),
    "somebody reached tomorrow": (
        "update build.rpt_unprompted_mentions set outcome = 'reached', seconds_to_reach = 1,"
        " reached_at = {as_of}, case_key = 'zendesk:1';"
        "update build.fct_interactions set case_key = 'zendesk:1' where interaction_key = 'x:1';"
        "update build.fct_cases set inbound_count = 2 where case_key = 'zendesk:1';"
        "update build.rpt_mentions_daily set reached_count = 1, missed_count = 0,"
        " answered_count = 1, answered_share = 1, reached_share = 1",
        {("rpt_unprompted_mentions", FUTURE)},
    ),
    "an address in what was not written to us": (
        "update build.rpt_unprompted_mentions set text_masked = 'kim@example.com'",
        {("rpt_unprompted_mentions", "ExpectNoAddressInMaskedText")},
    ),
    "an unprompted message that is not listed": (
        "delete from build.rpt_unprompted_mentions; delete from build.rpt_mentions_daily",
        {("rpt_unprompted_mentions", "ExpectEachUnpromptedMessageToBeListed")},
    ),
    "somebody missed at an instant": (
        "update build.rpt_unprompted_mentions set reached_at = occurred_at, seconds_to_reach = 0",
        {("rpt_unprompted_mentions", "ExpectReachedToSayWhenAndWhere")},
    ),
    "a day of mentions twice": (
        "insert into build.rpt_mentions_daily select * from build.rpt_mentions_daily",
        {
            ("rpt_mentions_daily", KEY),
            ("rpt_mentions_daily", "ExpectDaysToCoverEachUnprompted"),
        },
    ),
    "mentions that are neither to us nor about us": (
        "update build.rpt_mentions_daily set mention_count = 2",
        {("rpt_mentions_daily", "ExpectMentionsToAddUp")},
    ),
    "a day that forgot whom we missed": (
        "update build.rpt_mentions_daily set unprompted_count = 0, missed_count = 0,"
        " reached_share = null, addressed_count = 1",
        {("rpt_mentions_daily", "ExpectDaysToCoverEachUnprompted")},
    ),
    "an agent twice": (
        "insert into build.dim_agents select * from build.dim_agents",
        {("dim_agents", KEY)},
    ),
    "a department without a name for itself": (
        "insert into build.dim_departments (department) values (null)",
        {("dim_departments", KEY)},
    ),
    "a table that is gone": (
        "drop table build.dim_departments",
        {("dim_departments", "ExpectTableToBeThere")},
    ),
}
WARNINGS = {
    "a message again under another key",
    "a visibility that nobody knows",
    "an inbound message from nobody",
    "a case resolved before it was opened",
    "a case that was merged into nobody knows which",
    "few promises",
    "differences that nothing explains",
    "a call of less than no time",
    "a message that was seen less than no times",
    "six stars of five",
    "an amount of what",
    "a customer with a crowd of identities",
    "evidence of a kind that nobody knows",
    "a key that changed nobody knows how",
}


@pytest.fixture(scope="module")
def good(new_settings: Callable[[], Settings], using: Callable) -> Iterator[Settings]:
    """One warehouse for all bad rows: each test puts back what it broke."""
    settings = new_settings()
    with using(settings), psycopg.connect(settings.warehouse_url) as conn:
        make_build(conn)
        # a second, fast first reply without policy in 'zendesk:4' alone stays under a quarter
        cases = [*small_night(), case(8, AS_OF - timedelta(hours=20))]
        fill(conn, cases)
        add(
            conn,
            "build.fct_calls",
            [
                {
                    "call_key": "bank:1",
                    "source": "bank",
                    "call_id": "1",
                    "direction": "inbound",
                    "queue": "care",
                    "started_at": AS_OF - timedelta(hours=3),
                    "ended_at": AS_OF - timedelta(hours=2),
                    "outcome": "answered",
                    "is_offered": True,
                    "service_level": "care",
                    "answer_target_seconds": 20,
                    "answer_outcome": "met",
                    "ivr_seconds": 3,
                    "wait_seconds": 4,
                    "talk_seconds": 5,
                }
            ],
        )
        sum_up_calls(conn)
        found_at = AS_OF - timedelta(hours=30)
        add(
            conn,
            "build.fct_interaction_metrics",
            [
                {
                    "interaction_key": "x:1",
                    "observed_on": (AS_OF - timedelta(days=back)).date(),
                    "observed_at": AS_OF - timedelta(days=back),
                    "is_newest": back == 0,
                    "impression_count": 40 - back,
                    "author_follower_count": 7,
                }
                for back in (0, 1)
            ],
        )
        add(
            conn,
            "build.rpt_unprompted_mentions",
            [
                {
                    "interaction_key": "x:1",
                    "occurred_at": found_at,
                    "occurred_on": found_at.date(),
                    "outcome": "missed",
                    "text_masked": "ask [handle]",
                }
            ],
        )
        add(
            conn,
            "build.rpt_mentions_daily",
            [
                {
                    "day": found_at.date(),
                    "source": "x",
                    "channel": "x",
                    "brand": "(none)",
                    "mention_count": 1,
                    "addressed_count": 0,
                    "unprompted_count": 1,
                    "answered_count": 0,
                    "addressed_answered_count": 0,
                    "reached_count": 0,
                    "missed_count": 1,
                    "answered_share": 0,
                    "reached_share": 0,
                    "observed_count": 1,
                    "impression_count": 40,
                }
            ],
        )
        add(
            conn,
            "build.fct_interactions",
            [
                {
                    "interaction_key": "x:1",
                    "source": "x",
                    "channel": "x",
                    "direction": "inbound",
                    "visibility": "public",
                    "conversation_key": "x:1",
                    "customer_key": "customer-1",
                    "occurred_at": found_at,
                    "is_bot": False,
                    "is_reply": False,
                    "is_unprompted": True,
                },
                {
                    "interaction_key": "bank:1",
                    "source": "bank",
                    "channel": "voice",
                    "direction": "inbound",
                    "visibility": "private",
                    "conversation_key": "bank:1",
                    "occurred_at": AS_OF - timedelta(hours=3),
                    "is_bot": False,
                    "is_reply": False,
                },
            ],
        )
        add(
            conn,
            "build.fct_handoffs",
            [
                {
                    "case_key": "zendesk:2",
                    "handoff_no": 1,
                    "span_no": 1,
                    "level": "department",
                    "released_at": AS_OF - timedelta(hours=63, minutes=20),
                    "handed_at": AS_OF - timedelta(hours=62),
                    "from_department": "marketing",
                    "from_team": "Social",
                    "to_department": "customer_service",
                    "to_team": "Frontline",
                    "is_bounce": False,
                    "unheld_seconds": 4800,
                    "acted_at": AS_OF - timedelta(hours=61),
                    "waiting_seconds": 8400,
                    "is_told_again": False,
                    "has_customer_repeated": False,
                }
            ],
        )
        conn.execute(
            "update build.fct_cases set handoff_count = 1, team_handoff_count = 1 "
            "where case_key = 'zendesk:2'"
        )
        add(
            conn,
            "build.fct_ratings",
            [
                {
                    "rating_key": "survey:1",
                    "source": "survey",
                    "rating_id": "1",
                    "rated_at": AS_OF - timedelta(hours=3),
                    "score": 4,
                    "worst_score": 1,
                    "best_score": 5,
                    "comment_masked": "write to [email]",
                }
            ],
        )
        add(
            conn,
            "build.fct_sales",
            [
                {
                    "sale_key": "crm:1",
                    "source": "crm",
                    "sale_id": "1",
                    "status": "won",
                    "is_open": False,
                    "first_step_at": AS_OF - timedelta(hours=3),
                    "found_at": AS_OF - timedelta(hours=3),
                    "won_at": AS_OF - timedelta(hours=1),
                    "amount": 1200,
                    "currency": "EUR",
                }
            ],
        )
        conn.commit()
        start_run(conn, "run-1")
    yield settings


def failures(settings: Settings, break_it: str) -> tuple[set[tuple[str, str]], GateFailed | None]:
    """What fails by (table, rule) once `break_it` was done; the tables are good again after it."""
    with psycopg.connect(settings.warehouse_url, autocommit=True) as conn:
        conn.execute("drop schema if exists kept cascade; create schema kept")
        tables = [*(model.table for model in models()), "int_source_clocks"]
        for table in tables:
            conn.execute(f"create table kept.{table} as table build.{table}")
        conn.execute("delete from ops.check_results")
        if break_it:
            conn.execute(break_it.format(as_of=f"timestamp '{AS_OF}'", sum_up=SUM_UP))
        error = None
        try:
            check("run-1", settings=settings)
        except GateFailed as failed:
            error = failed
        rows = conn.execute(
            "select table_name, rule from ops.check_results where not is_success"
        ).fetchall()
        for table in tables:
            conn.execute(f"drop table if exists build.{table}")
            conn.execute(f"alter table kept.{table} set schema build")
    return set(rows), error


def test_a_good_night_passes_every_rule(good):
    assert failures(good, "") == (set(), None)
    with psycopg.connect(good.warehouse_url) as conn:
        rows = conn.execute(
            "select suite, count(*) from ops.check_results where is_success group by 1"
        ).fetchall()
    counts = dict(rows)
    assert counts["interactions"] == 19
    assert counts["sla clocks"] == 15
    assert sum(counts.values()) > 45


@pytest.mark.parametrize("name", BAD_ROWS)
def test_one_bad_row_is_noticed_by_its_rule_and_no_other(good, name):
    break_it, expected = BAD_ROWS[name]
    found, error = failures(good, break_it)
    assert found == expected
    assert (error is None) == (name in WARNINGS)


def test_every_rule_is_proved_by_a_bad_row():
    expectations = load_expectations(ROOT)
    from answerable.quality.night import Night

    night = Night(run_no=1, as_of=AS_OF, schemas=Schemas.of(""), published_rows={})
    rules = {
        (table, type(one).__name__ + (f" ({one.meta['about']})" if one.meta else ""))
        for _, table, suite in expectations.build_suites(night)
        for one in suite.expectations
        if not isinstance(one, expectations.plausible.Plausible)  # they need a history of weeks:
    }  # each is proved in test_plausible.py
    proved = set().union(*(expected for _, expected in BAD_ROWS.values()))
    assert rules - proved == set()


def test_a_failed_gate_names_table_rule_count_three_keys_and_what_to_do(good):
    _, error = failures(
        good,
        "update build.fct_sla_clocks set fulfilled_at = started_at - interval '1 minute' "
        "where case_key in ('zendesk:1', 'zendesk:2', 'zendesk:4', 'zendesk:6') "
        "and metric = 'first_reply_time'",
    )
    text = str(error)
    assert "fct_sla_clocks: ExpectReplyNotBeforeContact (critical): 4 found" in text
    for number in (1, 2, 4):
        assert f"zendesk:{number} / first_reply_time / 1" in text
    assert "zendesk:6" not in text
    assert "What to do: look at the case" in text
    assert "An agent cannot answer a message nobody has sent yet." in text


def test_keys_that_sources_made_hostile_act_in_no_log(good):
    keys = ["\x1b[2Jzendesk:1", "\x9b8mzendesk:2\n\r", "\u202ezendesk:3"]
    _, error = failures(
        good,
        "".join(
            f"update build.fct_sla_clocks set fulfilled_at = started_at - interval '1 minute',"
            f" case_key = '{key}' where case_key = 'zendesk:{number}'"
            " and metric = 'first_reply_time';"
            for number, key in enumerate(keys, 1)
        ),
    )
    (found,) = (one for one in error.results if one.rule == "ExpectReplyNotBeforeContact")
    assert len(found.example_keys) == 3
    assert not hostile.ACTING.search(str(error)) and "\ufffd" in str(error)


def test_results_hold_keys_and_nothing_that_a_customer_wrote(good):
    _, error = failures(
        good,
        "update build.fct_interactions set text_masked = 'I am kim.o@example.com'; "
        "update build.fct_cases set subject_masked = 'from kim.o@example.com'",
    )
    with psycopg.connect(good.warehouse_url) as conn:
        stored = conn.execute("select cast(c as text) from ops.check_results as c").fetchall()
    said = str(error) + str(stored)
    assert "ExpectNoAddressInMaskedText" in said
    assert "zendesk:11" in said
    assert "example.com" not in said


def test_a_rule_that_cannot_be_asked_is_critical(good):
    found, error = failures(good, "alter table build.fct_calls drop column ivr_seconds")
    assert found == {("fct_calls", "ExpectNoNegativeSeconds")}
    assert error is not None and "the rule's query failed" in str(error)


def test_a_table_does_not_shrink_below_half_of_what_is_published(good, using):
    with psycopg.connect(good.warehouse_url) as conn:
        conn.execute("create schema if not exists marts")
        conn.execute("create table marts.dim_agents as select n from generate_series(1, 40) as n")
        conn.execute("create table marts.dim_customers as select n from generate_series(1, 9) as n")
        for worklist in ("rpt_orphans", "rpt_sla_at_risk"):  # which a good day empties
            conn.execute(f"create table marts.{worklist} as select n from generate_series(1, 40) n")
        conn.commit()
        try:
            found, error = failures(good, "")
            assert found == {("dim_agents", "ExpectNotToShrinkByHalf")}
            assert "40 rows are published, this night has 1" in str(error)
            assert "if the drop is real, accept it" in str(error)
            conn.execute("update ops.runs set schema_prefix = 'replay_20260301'")
            conn.execute("alter schema build rename to replay_20260301_build")
            conn.commit()
            assert check("run-1", settings=good)["warnings"] == []  # a replay may be smaller
        finally:
            conn.rollback()
            conn.execute(
                "drop table marts.dim_agents, marts.dim_customers,"
                " marts.rpt_orphans, marts.rpt_sla_at_risk"
            )
            conn.execute("update ops.runs set schema_prefix = ''")
            conn.execute(
                "do $$ begin alter schema replay_20260301_build rename to build; "
                "exception when invalid_schema_name then null; end $$"
            )
            conn.commit()


def test_the_tables_of_a_published_night_pass_again(good):
    """Counts of what is published are taken from marts and private."""
    with psycopg.connect(good.warehouse_url) as conn:
        start_run(conn, "run-2", AS_OF)
    receipt = publish("run-2", settings=good, models=models())
    assert receipt["rows_in"] > 50
    assert failures(good, "") == (set(), None)


# -- raw ----------------------------------------------------------------------------------------


@pytest.fixture
def loaded(settings: Settings, warehouse: psycopg.Connection) -> psycopg.Connection:
    """A night that read two batches of tickets: 100 records, one of them superseded."""
    start_run(warehouse, "run-1")
    for batch, count in ((1, 60), (2, 40)):
        superseded = int(batch == 2)
        add(
            warehouse,
            "ops.batches",
            [
                {
                    "source": "zendesk",
                    "source_kind": "zendesk",
                    "stream": "tickets",
                    "object": f"object-{batch}",
                    "sha256": "",
                    "record_count": count,
                    "loaded_count": count - superseded,
                    "superseded_count": superseded,
                    "quarantined_count": 0,
                    "first_read_run_no": 1,
                }
            ],
        )
        warehouse.execute(
            "insert into raw.zendesk_tickets "
            "select 'zendesk', cast(n as text), %s, %s, n, md5(cast(n * %s as text)), '{}' "
            "from generate_series(1, %s) as n",
            [batch, batch, batch, count - superseded],
        )
    warehouse.commit()
    return warehouse


BAD_LOADS = {
    "a row lost from raw": (
        "delete from raw.zendesk_tickets where batch_id = 2 and position = 7",
        {("batches", "ExpectLandedToBeLoadedOrAccountedFor")},
        True,
    ),
    "a quarantined row that is nowhere": (
        "update ops.batches set loaded_count = 59, quarantined_count = 1 where batch_id = 1; "
        "delete from raw.zendesk_tickets where batch_id = 1 and position = 7; "
        "update ops.batches set record_count = 140, superseded_count = 101 where batch_id = 2",
        {
            ("batches", "ExpectLandedToBeLoadedOrAccountedFor"),
            ("batches", "ExpectNoQuarantine"),
        },
        True,
    ),
    "a stream that was emptied": (
        "update ops.batches set first_read_run_no = 0; delete from raw.zendesk_tickets",
        {("batches", "ExpectNoStreamLost")},
        True,
    ),
    "much in quarantine": (
        "update ops.batches set quarantined_count = 11, record_count = 71 where batch_id = 1; "
        "insert into raw.quarantine (batch_id, source, stream, position, reason, untouched) "
        "select 1, 'zendesk', 'tickets', n, 'no JSON', '' from generate_series(101, 111) as n",
        {("batches", "ExpectLittleQuarantine"), ("batches", "ExpectNoQuarantine")},
        True,
    ),
    "a few in quarantine": (
        "update ops.batches set quarantined_count = 10, record_count = 70 where batch_id = 1; "
        "insert into raw.quarantine (batch_id, source, stream, position, reason, untouched) "
        "select 1, 'zendesk', 'tickets', n, 'no JSON', '' from generate_series(101, 110) as n",
        {("batches", "ExpectNoQuarantine")},
        False,
    ),
    "one percent in quarantine": (
        "update ops.batches set quarantined_count = 11, superseded_count = 989, "
        "record_count = 1060 where batch_id = 1; "
        "insert into raw.quarantine (batch_id, source, stream, position, reason, untouched) "
        "select 1, 'zendesk', 'tickets', n, 'no JSON', '' from generate_series(101, 111) as n",
        {("batches", "ExpectNoQuarantine")},
        False,
    ),
    "a small stream of which nothing can be read": (
        "insert into ops.batches (source, source_kind, stream, object, sha256, record_count, "
        "loaded_count, superseded_count, quarantined_count, first_read_run_no) "
        "values ('zendesk', 'zendesk', 'users', 'object-3', '', 2, 0, 0, 2, 1); "
        "insert into raw.quarantine (batch_id, source, stream, position, reason, untouched) "
        "select 3, 'zendesk', 'users', n, 'no JSON', '' from generate_series(1, 2) as n",
        {("batches", "ExpectLittleQuarantine"), ("batches", "ExpectNoQuarantine")},
        True,
    ),
    "a stream that did not answer": (
        "update ops.stream_runs set status = 'failed'",
        {("stream_runs", "ExpectEveryStreamToAnswer")},
        False,
    ),
    "a stream that nobody pays for": (
        "update ops.stream_runs set status = 'out_of_credits'",
        {("stream_runs", "ExpectEveryStreamToAnswer")},
        False,
    ),
    "a stream that stopped on its way": (
        "update ops.stream_runs set status = 'incomplete'",
        {("stream_runs", "ExpectEveryStreamToBeReadWhole")},
        False,
    ),
    "a hole that this night found": (
        "insert into ops.holes values (2, 1, 'zendesk', 'tickets', '', '2026-02-01', "
        "'2026-02-02', null, null, 'gone')",
        {("batches", "ExpectNoNewHole")},
        False,
    ),
    "a purge that was killed": (
        "insert into ops.purges (source, record_key, ids) values ('x', '90', '{}')",
        {("batches", "ExpectPurgesToBeFinished")},
        False,
    ),
    "a version stored twice": (
        "update raw.zendesk_tickets as one set version = 1, record_hash = other.record_hash "
        "from raw.zendesk_tickets as other where one.batch_id = 2 and other.batch_id = 1 "
        "and one.record_key = other.record_key and one.record_key = '7'",
        {("zendesk_tickets", "ExpectNoVersionTwice")},
        True,
    ),
}


def raw_failures(conn: psycopg.Connection, run_id: str) -> tuple[set, bool]:
    is_stopped = False
    try:
        check_raw(run_id)
    except GateFailed:
        is_stopped = True
    rows = conn.execute(
        "select table_name, rule from ops.check_results where not is_success and run_id = %s",
        [run_id],
    ).fetchall()
    return set(rows), is_stopped


def test_a_good_load_passes(loaded):
    receipt = check_raw("run-1")
    assert receipt == {"run_id": "run-1", "rules": 17, "warnings": []}


@pytest.mark.parametrize("name", BAD_LOADS)
def test_one_bad_load_is_noticed_by_its_rule_and_no_other(loaded, name):
    break_it, expected, stops = BAD_LOADS[name]
    loaded.execute(break_it)
    loaded.commit()
    assert raw_failures(loaded, "run-1") == (expected, stops)


def test_a_stream_that_falls_silent_after_seven_lively_nights_is_noticed(warehouse):
    for number in range(9):
        start_run(warehouse, f"run-{number}", AS_OF + timedelta(days=number))
        warehouse.execute(
            "update ops.stream_runs set record_count = %s where run_id = %s",
            [0 if number >= 7 else 5, f"run-{number}"],
        )
    warehouse.commit()
    expected = {("stream_runs", "ExpectNoStreamToFallSilent")}
    assert raw_failures(warehouse, "run-7") == (expected, False)
    assert raw_failures(warehouse, "run-8") == (set(), False)  # it was silent before


def test_checks_are_asked_of_a_running_night_only(loaded):
    loaded.execute("update ops.runs set status = 'failed'")
    loaded.commit()
    with pytest.raises(RuntimeError, match="expected it to be running"):
        check_raw("run-1")
