"""Promises, and whether they were kept."""

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
)

# what a row of rpt_sla_compliance_daily counts together
DAILY_KEY = "day, metric, department, team, channel, brand, priority"
OUTCOMES = quoted("met", "breached", "running", "void", "no_policy")
UNCOVERED_SHARE = 0.25  # of a metric's clocks
CAUSES = quoted(
    "deleted",
    "merged",
    "policy_differs",
    "policy_edited_later",
    "bot_reply_counted",
    "clock_rule",
    "schedule_differs",
    "unexplained",
)
UNEXPLAINED_SHARE = 0.05  # of what a source's verdicts on a metric were compared with


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
    """A clock runs until it is fulfilled, void, or its case resolved; breached ones say when they
    broke."""

    advice: ClassVar[str] = "see is_running, breached_at and void_reason in fct_sla_clocks"
    unexpected_rows_query: str = """
        select clocks.case_key, clocks.metric, clocks.clock_no from {batch} as clocks
        left join {build}.fct_cases as cases on clocks.case_key = cases.case_key
        where clocks.is_running is distinct from (
                clocks.fulfilled_at is null
                and clocks.outcome <> 'void'
                and cases.resolved_at is null
            )
            or (clocks.outcome = 'breached') <> (clocks.breached_at is not null)
            or (clocks.outcome = 'void') <> (clocks.void_reason is not null)
            or clocks.is_running <> (clocks.remaining_seconds is not null)
                and clocks.policy is not null
    """


class ExpectSegmentsToAddUp(Rule):
    """A clock's segments follow each other and add up to what it is judged by."""

    advice: ClassVar[str] = "see fct_sla_segments of the clock: `answerable explain case`"
    unexpected_rows_query: str = """
        select clocks.case_key, clocks.metric, clocks.clock_no from {batch} as clocks
        left join (
            select
                case_key, metric, clock_no, count(*) as segment_count, sum(seconds) as seconds,
                sum(calendar_seconds) as calendar_seconds, min(from_at) as from_at,
                sum((to_at - from_at)) as covered, max(to_at) as to_at
            from {build}.fct_sla_segments
            group by case_key, metric, clock_no
        ) as segments
            on clocks.case_key = segments.case_key
            and clocks.metric = segments.metric
            and clocks.clock_no = segments.clock_no
        where segments.seconds is distinct from clocks.elapsed_seconds
            or segments.calendar_seconds is distinct from clocks.calendar_elapsed_seconds
            or segments.segment_count is distinct from clocks.segment_count
            or segments.from_at is distinct from clocks.started_at
            or segments.to_at is distinct from coalesce(clocks.fulfilled_at, segments.to_at)
            or segments.covered is distinct from segments.to_at - segments.from_at
    """


class ExpectAPolicyBehindEachPromise(Rule):
    """A promise names the policy that made it; where there is none, it is no_policy."""

    advice: ClassVar[str] = "see int_sla_segments and the seed sla_policies.csv"
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


class ExpectPercentilesInOrder(Rule):
    """Half take no longer than nine in ten, and there is a median where somebody was answered."""

    advice: ClassVar[str] = "see median_seconds and fulfilled_count in rpt_sla_compliance_daily"
    unexpected_rows_query: str = """
        select day, metric, department, team, channel, brand, priority from {batch}
        where (median_seconds is null) <> (fulfilled_count = 0)
            or not coalesce(
                0 <= median_seconds and median_seconds <= p90_seconds
                and p90_seconds <= p95_seconds, true
            )
            or fulfilled_count > met_count + breached_count
            or fulfilled_count < met_count
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
            ExpectSegmentsToAddUp(night, severity="critical"),
            ExpectAPolicyBehindEachPromise(night, severity="critical"),
            ExpectADayForEachClock(night, severity="critical"),
            ExpectNothingFromTheFuture(
                night,
                given=key | {"instants": "started_at, fulfilled_at, breached_at, decided_at"},
                severity="critical",
            ),
            parent_to_be_there(night, "fct_cases", "case_key"),
            ExpectMostClocksToHaveAPolicy(night, severity="warning"),
        ],
    )


def compliance_daily(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="sla compliance",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": DAILY_KEY}, severity="critical"),
            ExpectOutcomesToAddUp(night, severity="critical"),
            ExpectShareOfMetAndBreached(night, severity="critical"),
            ExpectPercentilesInOrder(night, severity="critical"),
            ExpectReportToCoverEveryClock(night, severity="critical"),
        ],
    )


class ExpectOnlyWhatMayStillBeKept(Rule):
    """The worklist holds promises that run, and all of those with little left."""

    advice: ClassVar[str] = "see rpt_sla_at_risk: what is broken or kept is no risk any more"
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch} as listed
        full join (
            select case_key, metric, clock_no
            from {build}.fct_sla_clocks
            where outcome = 'running' and remaining_seconds <= at_risk_seconds
        ) as expected
            using (case_key, metric, clock_no)
        where listed.remaining_seconds is null
            or listed.remaining_seconds < 0
            or expected.case_key is null
    """


def at_risk(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="sla at risk",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "case_key, metric, clock_no"}, severity="critical"
            ),
            ExpectOnlyWhatMayStillBeKept(night, severity="critical"),
        ],
    )


def segments(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="sla segments",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "case_key, metric, clock_no, segment_no"}, severity="critical"
            ),
            parent_to_be_there(night, "fct_cases", "case_key"),
        ],
    )


class ExpectACauseOfEachDifference(Rule):
    """What differs from the source's own verdict has one of the causes, and nothing else has."""

    advice: ClassVar[str] = "see is_same and cause in rpt_sla_reconciliation"
    unexpected_rows_query: str = f"""
        select case_key, metric, clock_no from {{batch}}
        where is_same is null
            or is_same <> (cause is null)
            or is_same and told_by is distinct from 'figure'
                and outcome is distinct from source_outcome
            or cause not in ({CAUSES})
    """


class ExpectOursToBeTheClocks(Rule):
    """What is laid beside the source's verdict is what fct_sla_clocks says."""

    advice: ClassVar[str] = "rpt_sla_reconciliation and fct_sla_clocks are not of the same night"
    unexpected_rows_query: str = """
        select case_key, metric, clock_no from {batch} as compared
        left join {build}.fct_sla_clocks as clocks using (case_key, metric, clock_no)
        where (compared.started_at, compared.fulfilled_at, compared.breached_at)
                is distinct from (clocks.started_at, clocks.fulfilled_at, clocks.breached_at)
            or (compared.outcome, compared.target_seconds, compared.elapsed_seconds)
                is distinct from (clocks.outcome, clocks.target_seconds, clocks.elapsed_seconds)
    """


class ExpectEachPromiseOfTheSourceToBeCompared(Rule):
    """Each clock with which a source promised something in a case has ours beside it."""

    advice: ClassVar[str] = "see int_source_clocks: rpt_sla_reconciliation left out what it has"
    unexpected_rows_query: str = """
        select sources.case_key, sources.metric, sources.clock_no
        from {build}.int_source_clocks as sources
        inner join {build}.fct_cases as cases on sources.case_key = cases.case_key
        left join {batch} as compared
            on sources.case_key = compared.case_key
            and sources.metric = compared.metric
            and sources.clock_no = compared.clock_no
        where sources.target_seconds is not null
            and compared.source_target_seconds is distinct from sources.target_seconds
    """


class ExpectMostDifferencesToBeExplained(Rule):
    """No more than one in twenty of a source's verdicts and times differs, and nothing says why."""

    advice: ClassVar[str] = (
        "`select * from marts.rpt_sla_reconciliation where cause = 'unexplained'`; "
        "docs/reconciliation.md says what to look at"
    )
    unexpected_rows_query: str = f"""
        select
            source, metric,
            count(*) filter (where cause = 'unexplained') || ' of ' || count(*) as unexplained
        from {{batch}}
        group by source, metric
        having count(*) filter (where cause = 'unexplained') > {UNEXPLAINED_SHARE} * count(*)
    """


def reconciliation(night: Night) -> ExpectationSuite:
    key = {"key": "case_key, metric, clock_no"}
    instants = "started_at, fulfilled_at, breached_at"
    theirs = "source_started_at, source_fulfilled_at, source_breached_at"
    return ExpectationSuite(
        name="sla reconciliation",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectACauseOfEachDifference(night, severity="critical"),
            ExpectOursToBeTheClocks(night, severity="critical"),
            ExpectEachPromiseOfTheSourceToBeCompared(night, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": f"{instants}, {theirs}"}, severity="critical"
            ),
            parent_to_be_there(night, "fct_cases", "case_key"),
            ExpectMostDifferencesToBeExplained(night, severity="warning"),
        ],
    )
