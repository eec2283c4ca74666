"""Messages, in and out."""

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
    told_once,
)


class ExpectEveryInteractionToHaveAConversation(Rule):
    """Every interaction belongs to a conversation."""

    advice: ClassVar[str] = "see int_thread_evidence: the message names no thread and no parent"
    unexpected_rows_query: str = (
        "select interaction_key from {batch} where conversation_key is null"
    )


class ExpectInboundToHaveACustomer(Rule):
    """Somebody wrote every inbound message; a caller's number may be withheld."""

    advice: ClassVar[str] = "the source gave no author; such messages count for no customer"
    unexpected_rows_query: str = """
        select interaction_key from {batch}
        where direction = 'inbound' and customer_key is null and channel <> 'voice'
    """


class ExpectRepliesToBeOurs(Rule):
    """A reply is an outbound message by a person of ours: no bot."""

    advice: ClassVar[str] = (
        "is_reply stops a promise's clock: see int_interactions and the account's is_bot"
    )
    unexpected_rows_query: str = """
        select interaction_key from {batch}
        where is_reply and (direction <> 'outbound' or is_bot)
    """


class ExpectAnswerNotBeforeQuestion(Rule):
    """Nobody answers a message that has not been sent yet."""

    advice: ClassVar[str] = (
        "the source's clocks differ, or a link to the parent is wrong; look at both records in raw"
    )
    unexpected_rows_query: str = """
        select answers.interaction_key
        from {batch} as answers
        join {batch} as questions
            on answers.answers_interaction_key = questions.interaction_key
        where answers.occurred_at < questions.occurred_at
    """


class ExpectTextOfAKnownInteraction(Rule):
    """Each text belongs to an interaction."""

    advice: ClassVar[str] = "not built from the same records: replay the day, which builds in full"
    unexpected_rows_query: str = """
        select texts.interaction_key from {batch} as texts
        where not exists (
            select from {build}.fct_interactions as interactions
            where interactions.interaction_key = texts.interaction_key
        )
    """


def interactions(night: Night) -> ExpectationSuite:
    key = {"key": "interaction_key"}
    return ExpectationSuite(
        name="interactions",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "occurred_at"}, severity="critical"
            ),
            ExpectKnownValues(
                night,
                given={"column": "direction", "values": quoted("inbound", "outbound")},
                severity="critical",
            ),
            ExpectKnownValues(
                night,
                given={"column": "visibility", "values": quoted("public", "private")},
                severity="warning",
            ),
            ExpectEveryInteractionToHaveAConversation(night, severity="critical"),
            parent_to_be_there(night, "fct_cases", "case_key"),
            parent_to_be_there(night, "dim_customers", "customer_key"),
            ExpectInboundToHaveACustomer(night, severity="warning"),
            ExpectRepliesToBeOurs(night, severity="critical"),
            ExpectAnswerNotBeforeQuestion(night, severity="critical"),
            ExpectNoAddressInMaskedText(
                night, given=key | {"text": "text_masked"}, severity="critical"
            ),
            *told_once(
                night,
                key="interaction_key",
                told=f"batch_rows join {night.schemas.build}.interaction_texts as texts"
                " using (interaction_key, conversation_key)",
                at="occurred_at",
                such_that="text <> ''",
                same="source, conversation_key, occurred_at, direction, agent_key, customer_key,"
                " text",
            ),
        ],
    )


def texts(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="texts",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": "interaction_key"}, severity="critical"),
            ExpectTextOfAKnownInteraction(night, severity="critical"),
        ],
    )
