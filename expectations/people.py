"""Customers, agents and departments."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectKnownValues,
    ExpectOneRowPerKey,
    parent_to_be_there,
    quoted,
)

MOST_IDENTIFIERS = 50  # of one customer; more is a shared address, not a person


class ExpectFewIdentifiersPerCustomer(Rule):
    """Nobody has more identifiers than a person can have: else strangers were made one."""

    advice: ClassVar[str] = (
        "look at the customer's rows in private.customer_identities for one that many share"
    )
    unexpected_rows_query: str = f"""
        select customer_key from {{batch}}
        group by customer_key
        having count(*) > {MOST_IDENTIFIERS}
    """


class ExpectSharedIdentifiersToTieNobody(Rule):
    """An identifier that is not one customer's ties none, but where a user's row says it."""

    advice: ClassVar[str] = (
        "the identity step joined over a shared identifier: see shared_because in "
        "private.customer_identities and the guards in plugins/answerable/identity/customers.py"
    )
    unexpected_rows_query: str = """
        select shared.identifier_key
        from {batch} as shared
        where shared.shared_because is not null
            and exists (
                select from {batch} as other
                where other.customer_key = shared.customer_key
                    and other.own_customer_key <> shared.own_customer_key
            )
            and not exists (
                select from {build}.customer_evidence as said
                where said.evidence = 'rule'
                    and shared.customer_key = said.customer_key
            )
    """


class ExpectHistoryInOrder(Rule):
    """A customer's history counts from 1 without a gap, and time does not go backwards in it."""

    advice: ClassVar[str] = (
        "customers whose history changed are missing from int_dirty_customers; a replay, which "
        "builds in full, tells which rows differ"
    )
    unexpected_rows_query: str = """
        select customer_key, interaction_no from (
            select
                customer_key, interaction_no, occurred_at,
                row_number() over (
                    partition by customer_key order by occurred_at, interaction_key
                ) as counted
            from {batch}
        ) as numbered
        where interaction_no is distinct from counted
    """


def customers(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="customers",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": "customer_key"}, severity="critical")
        ],
    )


def identities(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="identities",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": "identifier_key"}, severity="critical"),
            parent_to_be_there(night, "dim_customers", "customer_key"),
            ExpectSharedIdentifiersToTieNobody(night, severity="critical"),
            ExpectFewIdentifiersPerCustomer(night, severity="warning"),
        ],
    )


def evidence(night: Night) -> ExpectationSuite:
    key = "account_identifier_key, identifier_key, source, evidence"
    return ExpectationSuite(
        name="evidence",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": key}, severity="critical"),
            ExpectKnownValues(
                night,
                given={
                    "column": "evidence",
                    "values": quoted("account", "verified_link", "message", "rule"),
                },
                severity="warning",
            ),
            parent_to_be_there(night, "customer_identities", "identifier_key"),
        ],
    )


def changes(night: Night) -> ExpectationSuite:
    key = "changed_on, customer_key, became_customer_key"
    return ExpectationSuite(
        name="changes",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": key}, severity="critical"),
            ExpectKnownValues(
                night,
                given={"column": "change", "values": quoted("merged", "split", "moved")},
                severity="warning",
            ),
        ],
    )


def history(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="history",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "customer_key, interaction_no"}, severity="critical"
            ),
            ExpectHistoryInOrder(night, severity="critical"),
        ],
    )


def agents(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="agents",
        expectations=[ExpectOneRowPerKey(night, given={"key": "agent_key"}, severity="critical")],
    )


def departments(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="departments",
        expectations=[ExpectOneRowPerKey(night, given={"key": "department"}, severity="critical")],
    )
