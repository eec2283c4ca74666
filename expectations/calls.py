"""Telephone calls."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectKnownValues,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    quoted,
)


class ExpectNoNegativeSeconds(Rule):
    """Waiting and talking take no less than no time."""

    advice: ClassVar[str] = "the telephone system's own times contradict; averages include them"
    unexpected_rows_query: str = """
        select call_key from {batch} where least(ivr_seconds, wait_seconds, talk_seconds) < 0
    """


class ExpectOfferedToBeAnsweredOrAbandoned(Rule):
    """A call is offered where it was answered or abandoned: the denominator of service levels."""

    advice: ClassVar[str] = "see is_offered in fct_calls"
    unexpected_rows_query: str = """
        select call_key from {batch}
        where is_offered is distinct from (outcome in ('answered', 'abandoned'))
    """


def calls(night: Night) -> ExpectationSuite:
    key = {"key": "call_key"}
    return ExpectationSuite(
        name="calls",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "started_at"}, severity="critical"
            ),
            ExpectKnownValues(
                night,
                given={
                    "column": "outcome",
                    "values": quoted("answered", "abandoned", "other"),
                },
                severity="critical",
            ),
            ExpectOfferedToBeAnsweredOrAbandoned(night, severity="critical"),
            ExpectNoNegativeSeconds(night, severity="warning"),
        ],
    )
