"""What came of it: ratings and sales."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectKnownValues,
    ExpectNoAddressInMaskedText,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    quoted,
)


class ExpectScoreOnItsScale(Rule):
    """A score lies between the worst and the best of its scale."""

    advice: ClassVar[str] = (
        "the description of the export names other ends (worst_score, best_score) than it has"
    )
    unexpected_rows_query: str = """
        select rating_key from {batch}
        where score < least(worst_score, best_score) or score > greatest(worst_score, best_score)
    """


class ExpectStatusToBeOfAStepTaken(Rule):
    """A sale that is won has an instant for it, not before it was lost; and the other way round."""

    advice: ClassVar[str] = "see the order of steps in fct_sales, and the sale's rows in raw"
    unexpected_rows_query: str = """
        select sale_key from {batch}
        where case status
                when 'won' then won_at is null or won_at < lost_at
                when 'lost' then lost_at is null or lost_at < won_at
                else false  -- one that was won may have been opened again
            end
            or is_open is distinct from (status in ('found', 'qualified'))
    """


class ExpectAmountsToHaveACurrency(Rule):
    """An amount says what it is counted in."""

    advice: ClassVar[str] = (
        "name the column in the description of the export, or say constants: {currency: EUR}"
    )
    unexpected_rows_query: str = """
        select sale_key from {batch} where amount is not null and currency is null
    """


def ratings(night: Night) -> ExpectationSuite:
    key = {"key": "rating_key"}
    return ExpectationSuite(
        name="ratings",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "rated_at"}, severity="critical"
            ),
            ExpectNoAddressInMaskedText(
                night, given=key | {"text": "comment_masked"}, severity="critical"
            ),
            ExpectScoreOnItsScale(night, severity="warning"),
        ],
    )


def sales(night: Night) -> ExpectationSuite:
    key = {"key": "sale_key"}
    return ExpectationSuite(
        name="sales",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectNothingFromTheFuture(
                night,
                given=key | {"instants": "first_step_at, found_at, qualified_at, won_at, lost_at"},
                severity="critical",
            ),
            ExpectKnownValues(
                night,
                given={"column": "status", "values": quoted("found", "qualified", "won", "lost")},
                severity="critical",
            ),
            ExpectStatusToBeOfAStepTaken(night, severity="critical"),
            ExpectAmountsToHaveACurrency(night, severity="warning"),
        ],
    )
