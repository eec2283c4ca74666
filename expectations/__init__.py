"""What has to hold before anyone reports from a night. See README.md beside this file."""

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from expectations import (
    calls,
    cases,
    history,
    interactions,
    mentions,
    outcomes,
    ownership,
    people,
    plausible,
    raw,
    sla,
    staging,
    work,
)
from expectations.shared import ExpectNotToShrinkByHalf

Suites = list[tuple[str, str, ExpectationSuite]]

SMALL = 20  # rows; below that, half of a table says nothing
# what stands on a day, and may be gone on the next: rules of their own hold them to all that does
WORKLISTS = frozenset({"rpt_orphans", "rpt_sla_at_risk"})


def raw_suites(night: Night) -> Suites:
    """(schema, table, suite) for what the night loaded."""
    return [
        ("ops", "batches", raw.batches(night)),
        ("ops", "stream_runs", raw.stream_runs(night)),
        ("ops", "stream_profiles", raw.stream_profiles(night)),
        *(("raw", table, raw.records(night)) for table in night.streams),
    ]


def build_suites(night: Night) -> Suites:
    """(schema, table, suite) for what the night built, before it is published."""
    by_table = {
        "fct_interactions": interactions.interactions(night),
        "interaction_texts": interactions.texts(night),
        "fct_cases": cases.cases(night),
        "fct_case_timeline": cases.timeline(night),
        "fct_ownership_spans": ownership.spans(night),
        "fct_handoffs": ownership.handoffs(night),
        "rpt_breach_attribution": ownership.attribution(night),
        "rpt_orphans": ownership.orphans(night),
        "rpt_contested": ownership.contested(night),
        "rpt_misrouted": ownership.misrouted(night),
        "rpt_ownership_daily": ownership.daily(night),
        "rpt_agent_channels": ownership.agent_channels(night),
        "rpt_ownership_scorecard": ownership.scorecard(night),
        "rpt_policy_periods": ownership.policy_periods(night),
        "fct_sla_clocks": sla.clocks(night),
        "fct_sla_segments": sla.segments(night),
        "rpt_sla_at_risk": sla.at_risk(night),
        "rpt_sla_reconciliation": sla.reconciliation(night),
        "rpt_sla_compliance_daily": sla.compliance_daily(night),
        "fct_calls": calls.calls(night),
        "rpt_service_level_intervals": calls.service_level_intervals(night),
        "fct_interaction_metrics": mentions.metrics(night),
        "rpt_unprompted_mentions": mentions.unprompted(night),
        "rpt_mentions_daily": mentions.daily(night),
        "fct_ratings": outcomes.ratings(night),
        "fct_sales": outcomes.sales(night),
        "dim_customers": people.customers(night),
        "customer_identities": people.identities(night),
        "customer_evidence": people.evidence(night),
        "customer_changes": people.changes(night),
        "customer_history": people.history(night),
        "dim_agents": people.agents(night),
        "dim_departments": people.departments(night),
    }
    for table, suite in by_table.items():
        for rule in plausible.rules(night, table):
            suite.add_expectation(rule)
        published = night.published_rows.get(table, 0)
        if published >= SMALL and table not in WORKLISTS:
            suite.add_expectation(
                ExpectNotToShrinkByHalf(
                    night, given={"published": str(published)}, severity="critical"
                )
            )
    every = by_table | staging.suites(night) | work.suites(night)
    for table in night.tables:
        suite = every.setdefault(table, ExpectationSuite(name="what others stand on"))
        history.add(suite, night, table)
    return [(night.schemas.build, table, suite) for table, suite in every.items()]
