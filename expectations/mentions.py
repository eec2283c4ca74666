"""What is said of us in public: to us and about us, and who sees it."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectKnownValues,
    ExpectNoAddressInMaskedText,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    parent_to_be_there,
    quoted,
)


class ExpectOneNewestObservation(Rule):
    """Of a message's observations exactly one is the newest, and none is later."""

    advice: ClassVar[str] = "see is_newest in fct_interaction_metrics"
    unexpected_rows_query: str = """
        select interaction_key from {batch}
        group by interaction_key
        having count(*) filter (where is_newest) <> 1
            or max(observed_at) <> max(observed_at) filter (where is_newest)
    """


class ExpectNoNegativeNumbers(Rule):
    """Nothing was seen, liked or passed on less than no times."""

    advice: ClassVar[str] = "the source's own numbers: see the post's record in raw"
    unexpected_rows_query: str = """
        select interaction_key, observed_on from {batch}
        where least(
            impression_count, repost_count, public_reply_count, like_count, quote_count,
            author_follower_count
        ) < 0
    """


class ExpectEachUnpromptedMessageToBeListed(Rule):
    """The report lists each message that a search found and that is not to us, and nothing else."""

    advice: ClassVar[str] = "the report and fct_interactions were not built from the same rows"
    unexpected_rows_query: str = """
        select coalesce(listed.interaction_key, found.interaction_key) as interaction_key
        from {batch} as listed
        full join (select * from {build}.fct_interactions where is_unprompted) as found
            on listed.interaction_key = found.interaction_key
            and listed.occurred_at = found.occurred_at
            and listed.case_key is not distinct from found.case_key
        where listed.interaction_key is null or found.interaction_key is null
    """


class ExpectReachedToSayWhenAndWhere(Rule):
    """Who was reached was so at an instant, not before they wrote, and in a case."""

    advice: ClassVar[str] = "see reached_at in rpt_unprompted_mentions and the case's replies"
    unexpected_rows_query: str = """
        select interaction_key from {batch}
        where (outcome = 'reached') <> (reached_at is not null)
            or (reached_at is not null and case_key is null)
            or seconds_to_reach < 0
            or (reached_at is null) <> (seconds_to_reach is null)
    """


class ExpectMentionsToAddUp(Rule):
    """Messages to us and about us are all, and each is answered or not."""

    advice: ClassVar[str] = "see the counts of rpt_mentions_daily"
    unexpected_rows_query: str = """
        select day, source, channel, brand from {batch}
        where mention_count <> addressed_count + unprompted_count
            or answered_count <> addressed_answered_count + reached_count
            or unprompted_count <> reached_count + missed_count
            or addressed_answered_count > addressed_count
            or observed_count > mention_count
            or least(addressed_count, unprompted_count, reached_count, missed_count) < 0
            or abs(answered_share * mention_count - answered_count) > 0.001 * (answered_count + 1)
            or (reached_share is null) <> (unprompted_count = 0)
    """


class ExpectDaysToCoverEachUnprompted(Rule):
    """The days count each unprompted message once, with what became of it."""

    advice: ClassVar[str] = "the two reports were not built from the same rows"
    unexpected_rows_query: str = """
        select counted.day, counted.reached_count from (
            select day, sum(reached_count) as reached_count, sum(missed_count) as missed_count
            from {batch} group by day having sum(unprompted_count) > 0
        ) as counted
        full join (
            select
                occurred_on as day,
                count(*) filter (where outcome = 'reached') as reached_count,
                count(*) filter (where outcome = 'missed') as missed_count
            from {build}.rpt_unprompted_mentions
            group by occurred_on
        ) as listed
            using (day, reached_count, missed_count)
        where counted.day is null or listed.day is null
    """


def metrics(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="interaction metrics",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "interaction_key, observed_on"}, severity="critical"
            ),
            parent_to_be_there(night, "fct_interactions", "interaction_key"),
            ExpectOneNewestObservation(night, severity="critical"),
            ExpectNoNegativeNumbers(night, severity="warning"),
        ],
    )


def unprompted(night: Night) -> ExpectationSuite:
    key = {"key": "interaction_key"}
    return ExpectationSuite(
        name="unprompted mentions",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectKnownValues(
                night,
                given={"column": "outcome", "values": quoted("reached", "missed")},
                severity="critical",
            ),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "occurred_at, reached_at"}, severity="critical"
            ),
            ExpectNoAddressInMaskedText(
                night, given=key | {"text": "text_masked"}, severity="critical"
            ),
            ExpectEachUnpromptedMessageToBeListed(night, severity="critical"),
            ExpectReachedToSayWhenAndWhere(night, severity="critical"),
        ],
    )


def daily(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="mentions by day",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "day, source, channel, brand"}, severity="critical"
            ),
            ExpectMentionsToAddUp(night, severity="critical"),
            ExpectDaysToCoverEachUnprompted(night, severity="critical"),
        ],
    )
