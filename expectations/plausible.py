"""What a table's own history makes plausible; the bounds are rows of ops.thresholds."""

from collections.abc import Sequence
from typing import ClassVar

from answerable.quality import arrivals, learning
from answerable.quality.learning import Figure
from answerable.quality.night import Night
from answerable.quality.rule import Rule

MET_OR_BREACHED = "outcome in ('met', 'breached')"

FIGURES = (
    Figure(
        table="fct_interactions",
        at="occurred_at",
        labels=("source", "direction", "channel"),
        states=("visibility", "purpose", "brand", "department", "is_reply"),
        shares={
            "messages without a case": ("case_key is null", "true"),
            "inbound without a customer": ("customer_key is null", "direction = 'inbound'"),
            "messages without words": ("coalesce(text_masked, '') = ''", "channel <> 'voice'"),
        },
        is_live=True,
    ),
    Figure(
        table="interaction_texts",
        schema="private",
        at="cast(null as date)",
        is_day=True,
        is_final=False,
    ),
    Figure(
        table="fct_cases",
        at="opened_at",
        labels=("source",),
        states=("channel", "brand", "topic", "priority", "department", "is_counted"),
        shares={
            "cases without a topic": ("topic is null or topic = 'unknown'", "true"),
            "cases without a brand": ("brand is null", "true"),
        },
        is_live=True,
    ),
    Figure(table="fct_case_timeline", at="from_at", states=("status", "department", "topic")),
    Figure(
        table="fct_ownership_spans",
        at="from_at",
        states=("verdict", "department"),
        sums={"ended seconds": "case when to_at is not null then calendar_seconds end"},
        shares={"spans that nobody holds": ("is_nobody", "true")},
    ),
    Figure(
        table="fct_handoffs",
        at="handed_at",
        states=("level", "from_department", "to_department", "is_bounce"),
    ),
    Figure(
        table="rpt_ownership_daily",
        at="day",
        is_day=True,
        is_final=False,
        states=("department",),
        sums={"held": "held_count", "replies": "reply_count"},
    ),
    Figure(table="rpt_misrouted", at="from_at", is_final=False),
    Figure(table="rpt_contested", at="from_at", is_final=False),
    Figure(
        table="fct_sla_clocks",
        at="started_at",
        labels=("metric",),
        states=("outcome", "policy", "channel", "priority", "department"),
        sums={"stopped seconds": "case when not is_running then elapsed_seconds end"},
        shares={"clocks without a policy": ("outcome = 'no_policy'", "true")},
    ),
    Figure(
        table="fct_sla_segments",
        at="from_at",
        labels=("metric",),
        states=("is_paused", "status"),
    ),
    Figure(
        table="rpt_breach_attribution",
        at="day",
        is_day=True,
        is_final=False,  # what runs is under the day it began, until it is decided
        labels=("metric",),
        states=("outcome", "department"),
        shares={"promises broken": ("outcome = 'breached'", MET_OR_BREACHED)},
    ),
    Figure(
        table="rpt_sla_compliance_daily",
        at="day",
        is_day=True,
        is_final=False,  # what runs is under the day it began, until it is decided
        labels=("metric",),
        sums={
            "clocks": "clock_count",
            "met": "met_count",
            "breached": "breached_count",
            "void": "void_count",
            "without a policy": "no_policy_count",
        },
    ),
    Figure(
        table="rpt_sla_reconciliation",
        at="started_at",
        labels=("metric",),
        states=("source_outcome", "cause"),
        is_final=False,  # a source tells of its clocks as they go on
    ),
    Figure(
        table="fct_calls",
        at="started_at",
        labels=("source", "direction"),
        states=("outcome", "answer_outcome"),
        sums={"seconds waited": "wait_seconds", "seconds talked": "talk_seconds"},
        shares={
            "calls abandoned": ("outcome = 'abandoned'", "is_offered"),
            "calls talked with nobody of ours": ("agent_key is null", "talk_seconds > 0"),
            # where these are most or none, the unit is another
            "calls talked for an hour": ("talk_seconds >= 3600", "talk_seconds > 0"),
            "calls talked for ten seconds": ("talk_seconds <= 10", "talk_seconds > 0"),
        },
    ),
    Figure(
        table="rpt_service_level_intervals",
        at="day",
        is_day=True,
        labels=("source",),
        sums={"calls offered": "offered_count", "calls answered": "answered_count"},
    ),
    Figure(table="fct_ratings", at="rated_at", labels=("source",), states=("verdict",)),
    # its amounts and states are those of deals that go on for months
    Figure(table="fct_sales", at="first_step_at", labels=("source",)),
    Figure(
        table="fct_interaction_metrics",
        at="observed_on",
        is_day=True,
        sums={"impressions": "impression_count"},
        is_final=False,  # asked as often as nights come
    ),
    Figure(table="rpt_unprompted_mentions", at="occurred_at", labels=("source",), is_final=False),
    Figure(
        table="rpt_mentions_daily",
        at="day",
        is_day=True,
        labels=("source",),
        sums={"mentions": "mention_count", "mentions answered": "answered_count"},
        is_final=False,
    ),
    Figure(table="dim_customers", at="first_seen_at", made_of="fct_interactions"),
    Figure(
        table="customer_identities",
        schema="private",
        at="first_seen_at",
        states=("identifier_kind",),
        is_final=False,
    ),
    Figure(
        table="customer_evidence",
        schema="private",
        at="first_seen_at",
        labels=("source",),
        is_final=False,
    ),
    Figure(
        table="customer_history",
        schema="private",
        at="occurred_at",
        labels=("channel",),
        made_of="fct_interactions",
    ),
)


class Plausible(Rule):
    """What is found lies between the bounds that history sets."""

    unexpected_rows_query: str = """
        select
            subject, round(cast(found as numeric), 4) as found,
            round(cast(lower as numeric), 4) as lower, round(cast(upper as numeric), 4) as upper
        from ops.thresholds
        where run_no = {run_no} and stage = '{stage}' and table_name = '{table}'
            and rule = '{rule}' and (found < lower or found > upper)
    """


class ExpectNewestDayNotToBeLost(Plausible):
    """The newest day is not empty, nor nearly so, where even the quietest day was not."""

    advice: ClassVar[str] = (
        "`answerable thresholds` says what was learnt from. See what the source has of that day, "
        "and which stream or model lost it (ops.stream_runs, ops.dbt_results)"
    )


class ExpectDayLikeThoseBefore(Plausible):
    """The newest day has about as much as days of its kind have, and about the same shares."""

    advice: ClassVar[str] = (
        "a holiday, a campaign, an outage or a fault? `answerable thresholds` says what was "
        "learnt from"
    )


class ExpectNoLongSilence(Plausible):
    """Rows go on up to as_of, but for a silence no longer than there were."""

    advice: ClassVar[str] = (
        "see what the source has of the hours before as_of, and which stream or model lost them "
        "(ops.stream_runs, ops.dbt_results)"
    )


class ExpectNoUnusualSilence(Plausible):
    """Rows go on up to as_of about as they do on other evenings."""

    advice: ClassVar[str] = "an outage of the source, or hours that did not come with this night?"


class ExpectPastToStay(Plausible):
    """What is published of days long over is in this night, too."""

    advice: ClassVar[str] = (
        "rows of weeks ago are gone from the table, though neither models nor policies changed: "
        "look for what left them out (late records? a batch that is not read any more?)"
    )


class ExpectPastToChangeLittle(Plausible):
    """Days long over are about as they are published."""

    advice: ClassVar[str] = (
        "a backfill, a change of models or policies, many deletions at once? Else compare the two "
        "tables by day"
    )


SEVERITIES: dict[type[Plausible], str] = {
    ExpectNewestDayNotToBeLost: "critical",
    ExpectDayLikeThoseBefore: "warning",
    ExpectNoLongSilence: "critical",
    ExpectNoUnusualSilence: "warning",
    ExpectPastToStay: "critical",
    ExpectPastToChangeLittle: "warning",
}


def rules(night: Night, table: str) -> list[Plausible]:
    """Those that have something to say of a table of the build."""
    figure = next((each for each in FIGURES if each.table == table), None)
    return _named(night, table, "build", learning.rules_of(figure) if figure else ())


def stream_rules(night: Night) -> list[Plausible]:
    """What streams bring, and how old it is, is like what they brought in nights before."""
    names = (learning.LOST, learning.UNLIKE, learning.SILENT, learning.SILENT_FOR_A_WHILE)
    return _named(night, arrivals.TABLE, "raw", names)


def _named(night: Night, table: str, stage: str, names: Sequence[str]) -> list[Plausible]:
    return [
        rule(
            night, given={"table": table, "rule": rule.__name__, "stage": stage}, severity=severity
        )
        for rule, severity in SEVERITIES.items()
        if rule.__name__ in names
    ]
