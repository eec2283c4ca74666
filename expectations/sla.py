"""Promises, and whether they were kept."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectKnownValues,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    ExpectParentToBeThere,
    quoted,
)

OUTCOMES = quoted("met", "breached", "running", "void", "no_policy")
UNCOVERED_SHARE = 0.25  # of a metric's clocks


class ExpectReplyNotBeforeContact(Rule):
    """An agent cannot answer a message nobody has sent yet."""

    advice: ClassVar[str] = (
        "look at the case in fct_case_timeline and fct_interactions: a reply was matched to a "
        "later message, or the source's clocks differ"
    )
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch}
        where fulfilled_at < started_at
            or least(elapsed_seconds, calendar_elapsed_seconds, business_elapsed_seconds) < 0
    """


class ExpectMetExactlyWithinTarget(Rule):
    """A promise is met exactly where it was fulfilled with no more than the target elapsed."""

    advice: ClassVar[str] = "the verdict and the seconds beside it contradict: see fct_sla_clocks"
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch}
        where (
            outcome in ('met', 'breached', 'running')
            and (
                elapsed_seconds is null
                or target_seconds is null
                or outcome <> case
                    when elapsed_seconds > target_seconds then 'breached'
                    when fulfilled_at is not null then 'met'
                    else 'running'
                end
            )
        )
    """


class ExpectClocksToStopWhenFulfilled(Rule):
    """A clock runs until it is fulfilled or void; breached ones say when they broke."""

    advice: ClassVar[str] = "see is_running and breached_at in fct_sla_clocks"
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch}
        where is_running is distinct from (fulfilled_at is null and outcome <> 'void')
            or (outcome = 'breached') <> (breached_at is not null)
            or (outcome = 'void') <> (void_reason is not null)
    """


class ExpectAPolicyBehindEachPromise(Rule):
    """A promise names the policy that made it; where there is none, it is no_policy."""

    advice: ClassVar[str] = "see int_sla_promises and the seed sla_policies.csv"
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch}
        where (outcome = 'no_policy' and policy is not null)
            or (outcome in ('met', 'breached', 'running') and policy is null)
    """


class ExpectADayForEachClock(Rule):
    """Each clock counts on one day, so that days add up to the whole."""

    advice: ClassVar[str] = "see decided_at and day in fct_sla_clocks"
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch}
        where day is null or decided_at is null or started_at is null
    """


class ExpectMostClocksToHaveAPolicy(Rule):
    """The policies cover at least three quarters of what they could."""

    advice: ClassVar[str] = (
        "`select channel, brand, priority, count(*) from marts.fct_sla_clocks where outcome = "
        "'no_policy' group by 1, 2, 3` shows for whom nobody promised anything"
    )
    unexpected_rows_query: str = f"""
        select
            metric,
            count(*) filter (where outcome = 'no_policy') || ' of ' || count(*) as uncovered
        from {{batch}}
        group by metric
        having count(*) filter (where outcome = 'no_policy') > {UNCOVERED_SHARE} * count(*)
    """


class ExpectOutcomesToAddUp(Rule):
    """The outcomes add up to the clocks, and the unanswered are among the breached."""

    advice: ClassVar[str] = "an outcome that the report does not know: see rpt_sla_compliance_daily"
    unexpected_rows_query: str = """
        select day, metric, department, team, channel, brand, priority from {batch}
        where clock_count is distinct from
                met_count + breached_count + running_count + void_count + no_policy_count
            or unanswered_count > breached_count
            or least(
                met_count, breached_count, running_count, void_count, no_policy_count,
                unanswered_count
            ) < 0
    """


class ExpectShareOfMetAndBreached(Rule):
    """The met share is met / (met + breached), between 0 and 1, and empty where neither is."""

    advice: ClassVar[str] = "see met_share in rpt_sla_compliance_daily"
    unexpected_rows_query: str = """
        select day, metric, department, team, channel, brand, priority from {batch}
        where (met_share is null) <> (met_count + breached_count = 0)
            or met_share < 0
            or met_share > 1
            or abs(met_share * (met_count + breached_count) - met_count) > 0.001 * (met_count + 1)
    """


class ExpectReportToCoverEveryClock(Rule):
    """Each clock is in the daily report, under its day, metric and outcome."""

    advice: ClassVar[str] = "the report and the clocks were not built from the same rows"
    unexpected_rows_query: str = """
        select day, metric from (
            select
                day, metric, sum(met_count) as met_count, sum(breached_count) as breached_count,
                sum(running_count) as running_count, sum(void_count) as void_count,
                sum(no_policy_count) as no_policy_count, sum(unanswered_count) as unanswered_count
            from {batch}
            group by day, metric
        ) as reported
        full join (
            select
                day, metric,
                count(*) filter (where outcome = 'met') as met_count,
                count(*) filter (where outcome = 'breached') as breached_count,
                count(*) filter (where outcome = 'running') as running_count,
                count(*) filter (where outcome = 'void') as void_count,
                count(*) filter (where outcome = 'no_policy') as no_policy_count,
                count(*) filter (where outcome = 'breached' and is_running) as unanswered_count
            from {build}.fct_sla_clocks
            group by day, metric
        ) as counted
            using (
                day, metric, met_count, breached_count, running_count, void_count,
                no_policy_count, unanswered_count
            )
        where reported.day is null or counted.day is null
    """


def clocks(night: Night) -> ExpectationSuite:
    key = {"key": "case_key, metric, clock_no"}
    return ExpectationSuite(
        name="sla clocks",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectKnownValues(
                night, given={"column": "outcome", "values": OUTCOMES}, severity="critical"
            ),
            ExpectReplyNotBeforeContact(night, severity="critical"),
            ExpectMetExactlyWithinTarget(night, severity="critical"),
            ExpectClocksToStopWhenFulfilled(night, severity="critical"),
            ExpectAPolicyBehindEachPromise(night, severity="critical"),
            ExpectADayForEachClock(night, severity="critical"),
            ExpectNothingFromTheFuture(
                night,
                given=key | {"instants": "started_at, fulfilled_at, breached_at, decided_at"},
                severity="critical",
            ),
            ExpectParentToBeThere(
                night,
                given={
                    "child_key": "case_key",
                    "parent": "fct_cases",
                    "parent_key": "case_key",
                },
                severity="critical",
            ),
            ExpectMostClocksToHaveAPolicy(night, severity="warning"),
        ],
    )


def compliance_daily(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="sla compliance",
        expectations=[
            ExpectOneRowPerKey(
                night,
                given={"key": "day, metric, department, team, channel, brand, priority"},
                severity="critical",
            ),
            ExpectOutcomesToAddUp(night, severity="critical"),
            ExpectShareOfMetAndBreached(night, severity="critical"),
            ExpectReportToCoverEveryClock(night, severity="critical"),
        ],
    )
