"""Telephone calls."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectKnownValues,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    parent_to_be_there,
    quoted,
    told_once,
)


class ExpectNoNegativeSeconds(Rule):
    """Waiting and talking take no less than no time."""

    advice: ClassVar[str] = "the telephone system's own times contradict; averages include them"
    unexpected_rows_query: str = """
        select call_key from {batch} where least(ivr_seconds, wait_seconds, talk_seconds) < 0
    """


class ExpectOfferedToBeAnsweredOrAbandoned(Rule):
    """An inbound call is offered where it was answered or abandoned, the denominator of shares."""

    advice: ClassVar[str] = "see is_offered in fct_calls"
    unexpected_rows_query: str = """
        select call_key from {batch}
        where is_offered is distinct from
            (direction = 'inbound' and outcome in ('answered', 'abandoned'))
    """


class ExpectOfferedCallsToBeJudged(Rule):
    """Each offered call has a verdict that follows from its wait, and no other call has one."""

    advice: ClassVar[str] = "see answer_outcome in fct_calls, and the rows of service_levels.csv"
    unexpected_rows_query: str = """
        select call_key from {batch}
        where answer_outcome is distinct from case
                when not is_offered then null
                when service_level is null then 'no_policy'
                when answer_void_reason is not null then 'void'
                when outcome = 'answered' and wait_seconds <= answer_target_seconds then 'met'
                else 'breached'
            end
            or (service_level is null) <> (answer_target_seconds is null)
            or (answer_void_reason = 'wait_unknown' and wait_seconds is not null)
            or (answer_void_reason = 'short_abandon' and outcome <> 'abandoned')
    """


class ExpectCallsToAddUp(Rule):
    """Of the calls of an interval each was answered or abandoned, and no share is above its all."""

    advice: ClassVar[str] = "see the counts in rpt_service_level_intervals"
    unexpected_rows_query: str = """
        select source, queue, brand, service_level, from_at from {batch}
        where answered_count + abandoned_count <> offered_count
            or answered_in_target_count + wait_unknown_count > answered_count
            or short_abandoned_count > abandoned_count
            or greatest(in_target_share_of_offered, in_target_share_of_answered,
                in_target_share_without_short_abandons, abandoned_share) > 1
            or (service_level = '(none)' and num_nonnulls(in_target_share_of_offered,
                in_target_share_of_answered, in_target_share_without_short_abandons) > 0)
    """


class ExpectEachOfferedCallInAnInterval(Rule):
    """Every offered call is counted in one interval, the one in which it began."""

    advice: ClassVar[str] = (
        "two rows of service_levels.csv with one name on one day, or intervals that overlap"
    )
    unexpected_rows_query: str = """
        select coalesce(calls.source, intervals.source) as source,
            coalesce(calls.queue, intervals.queue) as queue
        from (
            select source, coalesce(queue, '(none)') as queue, count(*) as offered,
                count(*) filter (where answer_outcome = 'met') as met
            from {build}.fct_calls where is_offered
            group by 1, 2
        ) as calls
        full join (
            select source, queue, sum(offered_count) as offered,
                sum(answered_in_target_count) as met
            from {batch}
            group by 1, 2
        ) as intervals
            on calls.source = intervals.source and calls.queue = intervals.queue
        where calls.offered is distinct from intervals.offered
            or calls.met is distinct from intervals.met
    """


class ExpectIntervalsToFitTheDay(Rule):
    """Intervals are half-open, of 5 to 30 minutes, and none begins while another still lasts."""

    advice: ClassVar[str] = "see the macro interval_start, and interval_minutes of the policy"
    unexpected_rows_query: str = """
        select source, queue, brand, service_level, from_at from (
            select *, lead(from_at) over (
                partition by source, queue, brand, service_level order by from_at
            ) as next_from_at
            from {batch}
        ) as intervals
        where to_at > next_from_at
            or to_at - from_at not in
                (interval '5 min', interval '10 min', interval '15 min', interval '30 min')
    """


def calls(night: Night) -> ExpectationSuite:
    key = {"key": "call_key"}
    return ExpectationSuite(
        name="calls",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectNothingFromTheFuture(
                night,
                given=key | {"instants": "started_at, queue_entered_at, answered_at, ended_at"},
                severity="critical",
            ),
            ExpectKnownValues(
                night,
                given={"column": "direction", "values": quoted("inbound", "outbound")},
                severity="critical",
            ),
            ExpectKnownValues(
                night,
                given={
                    "column": "outcome",
                    "values": quoted("answered", "abandoned", "other"),
                },
                severity="critical",
            ),
            parent_to_be_there(night, "dim_customers", "customer_key"),
            parent_to_be_there(night, "fct_interactions", "interaction_key", child_key="call_key"),
            ExpectOfferedToBeAnsweredOrAbandoned(night, severity="critical"),
            ExpectOfferedCallsToBeJudged(night, severity="critical"),
            ExpectNoNegativeSeconds(night, severity="warning"),
            # who withholds their number may be several people
            *told_once(
                night,
                key="call_key",
                told="batch_rows",
                at="started_at",
                such_that="customer_key is not null",
                same="source, queue, direction, customer_key, agent_key, started_at, ended_at",
            ),
        ],
    )


def service_level_intervals(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="service level intervals",
        expectations=[
            ExpectOneRowPerKey(
                night,
                given={"key": "source, queue, brand, service_level, from_at"},
                severity="critical",
            ),
            ExpectCallsToAddUp(night, severity="critical"),
            ExpectEachOfferedCallInAnInterval(night, severity="critical"),
            ExpectIntervalsToFitTheDay(night, severity="critical"),
        ],
    )
