"""Who held a case, and when."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectIntervalsInOrder,
    ExpectKnownValues,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    parent_to_be_there,
    quoted,
)


class ExpectSpansToCoverTheCase(Rule):
    """Spans begin when the case is opened; the last one lasts as long as the case is open."""

    advice: ClassVar[str] = (
        "look at the case's first and last row in fct_case_timeline; seconds held would not add up "
        "to the case's time"
    )
    unexpected_rows_query: str = """
        select cases.case_key
        from {build}.fct_cases as cases
        join (
            select
                case_key,
                min(from_at) as first_from_at,
                bool_or(to_at is null) as is_lasting
            from {batch}
            group by case_key
        ) as held
            on cases.case_key = held.case_key
        where held.first_from_at <> cases.opened_at
            or held.is_lasting <> cases.is_open
    """


class ExpectSpanSecondsToBeItsLength(Rule):
    """A span's seconds are those between its ends, up to as_of where it lasts."""

    advice: ClassVar[str] = "see calendar_seconds in fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where calendar_seconds is distinct from
            cast(floor(extract(epoch from coalesce(to_at, {as_of}) - from_at)) as bigint)
    """


class ExpectNeighbouringSpansToDiffer(Rule):
    """A span ends where the holder changes: two in a row have different holders."""

    advice: ClassVar[str] = "handoffs would be counted that never were; see fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from (
            select
                case_key, span_no,
                row(department, team, agent_key) as holder,
                lag(row(department, team, agent_key))
                    over (partition by case_key order by span_no) as previous_holder,
                row_number() over (partition by case_key order by span_no) as counted
            from {batch}
        ) as numbered
        where counted > 1 and holder is not distinct from previous_holder
    """


class ExpectNobodyToBeNobody(Rule):
    """is_nobody says that no department, team or agent holds the case, and only that."""

    advice: ClassVar[str] = "see is_nobody in fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where is_nobody is distinct from (num_nonnulls(department, team, agent_key) = 0)
    """


def spans(night: Night) -> ExpectationSuite:
    key = {"key": "case_key, span_no"}
    return ExpectationSuite(
        name="ownership",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectIntervalsInOrder(night, given={"number": "span_no"}, severity="critical"),
            ExpectSpansToCoverTheCase(night, severity="critical"),
            ExpectSpanSecondsToBeItsLength(night, severity="critical"),
            ExpectNeighbouringSpansToDiffer(night, severity="critical"),
            ExpectNobodyToBeNobody(night, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "from_at, to_at"}, severity="critical"
            ),
            ExpectKnownValues(
                night,
                given={
                    "column": "verdict",
                    "values": quoted(
                        "no_policy", "orphaned", "contested", "misrouted", "as_policy"
                    ),
                },
                severity="critical",
            ),
            parent_to_be_there(night, "fct_cases", "case_key"),
        ],
    )
