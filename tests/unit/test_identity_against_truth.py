"""Ninety days of the whole sandbox: who is one customer, beside who it was.

What each tool knows comes from the sandbox's own records; that our models read the same of what the
tools deliver is compared in whole nights (tests/end_to_end).
"""

import csv
from datetime import datetime

import pytest
from oracle import key_of, pairs_of, precision_and_recall

from answerable.identity.customers import Evidence, Rule, nights_by, resolve
from answerable.sandbox.company import at
from answerable.sandbox.history import world
from answerable.sandbox.truth_of_identity import NOBODY, records_of, true_customers
from answerable.settings import ROOT

PRESENT = at("2026-03-01")
RULES = ROOT / "dbt_project" / "seeds" / "policy" / "identity_rules.csv"
NIGHTS = nights_by([0], 1)


@pytest.fixture(scope="module")
def posts():
    return world(size=1.0).posts_before(PRESENT)


@pytest.fixture(scope="module")
def told(posts):
    """Whose each identifier is, what can be believed, what evidence permits; by our keys."""
    whose, believed, permitted = true_customers(world(size=1.0), posts, PRESENT)
    return (
        {key_of(one): who for one, who in whose.items()},
        {frozenset(map(key_of, group)) for group in believed},
        {frozenset(map(key_of, group)) for group in permitted},
    )


def the_company_s_rules() -> list[Rule]:
    with RULES.open(newline="", encoding="utf-8") as file:
        return [
            Rule(
                rule=row["rule"],
                kind=row["kind"],
                identifier=_with_region(row["kind"], row["identifier"]),
                other_kind=row["other_kind"] or None,
                other_identifier=row["other_identifier"] or None,
            )
            for row in csv.DictReader(file)
            if datetime.fromisoformat(row["valid_from"]) < datetime(2026, 3, 1)
        ]


def _with_region(kind: str, text: str) -> str:
    return f"GB {text}" if kind == "phone" and not text.startswith("+") else text


def ours(posts, rules) -> set[frozenset[str]]:
    evidence = Evidence()
    for one in records_of(world(size=1.0), posts, PRESENT):
        account = key_of(one.account)
        for kind, value in (one.account, *sorted(one.carried)):
            evidence.add(account, key_of((kind, value)), kind, value, one.tool, "account", 1, 1)
    found = resolve(evidence, rules, 2, NIGHTS)
    groups: dict[int, set[str]] = {}
    for key, node in found.raw_keys():
        groups.setdefault(int(found.customer[node]), set()).add(key)
    return {frozenset(group) for group in groups.values()}


def test_who_is_one_customer_is_who_it_was(posts, told):
    whose, believed, permitted = told
    found = ours(posts, the_company_s_rules())
    precision, recall = precision_and_recall(found, whose, permitted)
    assert precision >= 0.999
    assert recall >= 0.98
    assert len(pairs_of(permitted)) > 9_000
    assert found == believed


def test_without_its_rows_the_company_takes_a_family_for_one(posts, told):
    """So the figures above measure something."""
    whose, believed, _ = told
    joined = pairs_of(ours(posts, [])) - pairs_of(believed)
    of_two = {pair for pair in joined if whose[pair[0]] != whose[pair[1]]}
    assert ("zendesk:user:380000000020", "zendesk:user:380000000030") in of_two


def test_the_sandbox_has_what_the_guards_are_for(told):
    whose, believed, _ = told
    shared = [key for key, who in whose.items() if who == NOBODY]
    assert sum(key.startswith("phone:+441614960") for key in shared) > 5, "switchboards"
    assert sum(key.startswith("email:info@org") for key in shared) > 5, "role addresses"
    assert sum(key.startswith("email:family.") for key in shared) == 2, "families"
    assert sum(key.startswith("phone:+44") and "1614960" not in key for key in shared) > 20
    with_plus = [key for key in whose if "+shop@" in key]
    assert len(with_plus) > 10
    for key in with_plus:
        (group,) = [group for group in believed if key in group]
        assert key.replace("+shop@", "@") not in group or len(group) > 2
