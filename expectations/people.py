"""Customers, agents and departments."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import ExpectOneRowPerKey, parent_to_be_there

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
            ExpectFewIdentifiersPerCustomer(night, severity="warning"),
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
