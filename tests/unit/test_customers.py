"""Who is one customer: beside a second way that is slow and obvious, on evidence made at random."""

import os
import random
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_identity import Tie, customers_of

from answerable.identity.customers import (
    FOR_EVER,
    Evidence,
    Rule,
    customer_key,
    nights_by,
    resolve,
)

DAY = 86_400
LAST = 12  # the night that is asked for
NIGHTS = nights_by([n * DAY for n in range(LAST + 1)], 0)  # night n knows what was before n days

EXAMPLES = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 250


def resolved(ties, rules=(), night=LAST):
    """What ours makes of it: (identifier -> the oldest of its customer, resolution)."""
    evidence = Evidence()
    for tie in ties:
        if tie.first < night * DAY:
            evidence.add(
                tie.account, tie.identifier, tie.kind, tie.text, tie.source, tie.how,
                tie.first, tie.first,
            )  # fmt: skip
    found = resolve(evidence, rules, night, NIGHTS)
    keys = evidence.keys
    return {keys[node]: keys[found.customer[node]] for _, node in found.raw_keys()}, found


def carries(account: str, kind: str, text: str, first: int, source: str = "desk") -> Tie:
    key = account if kind == "account" else f"{kind}:{text}"
    return Tie(account, key, kind, text, source, "account", first)


def account(name: str, first: int = 0, source: str = "desk") -> Tie:
    return carries(f"{source}:user:{name}", "account", name, first, source)


def two(*addresses: str, kind: str = "email") -> list[Tie]:
    """Two accounts that carry the same identifiers."""
    ties = [account("1", 1), account("2", 2)]
    for text in addresses:
        ties += [carries("desk:user:1", kind, text, 1), carries("desk:user:2", kind, text, 2)]
    return ties


# --- worked out by hand ------------------------------------------------------------------------


def test_an_address_that_two_accounts_list_makes_them_one_called_by_the_oldest():
    ours, _ = resolved(two("cora@mail.example"))
    assert set(ours.values()) == {"desk:user:1"}


def test_a_number_that_two_accounts_of_one_source_carry_is_neither_s():
    ours, found = resolved(two("+442079460000", kind="phone"))
    assert ours == {key: key for key in ("desk:user:1", "desk:user:2", "phone:+442079460000")}
    assert list(found.shared_because.values()) == ["accounts"]


def test_the_same_number_in_two_sources_makes_one():
    ties = [account("1"), account("9", source="shop")]
    ties += [
        carries("desk:user:1", "phone", "+442079460000", 1),
        carries("shop:user:9", "phone", "+442079460000", 2, "shop"),
    ]
    assert len(set(resolved(ties)[0].values())) == 1


def test_a_limit_of_the_user_s_lets_more_carry_it():
    rule = Rule(rule="limit", kind="phone", most_accounts=2)
    ours, _ = resolved(two("+442079460000", kind="phone"), [rule])
    assert len(set(ours.values())) == 1


@pytest.mark.parametrize("text", ["info@mail.example", "info@*", "*@mail.example"])
def test_a_shared_address_joins_nobody(text):
    rule = Rule(rule="shared", kind="email", identifier=text)
    ours, _ = resolved(two("info@mail.example"), [rule])
    assert len(set(ours.values())) == 3


def test_an_address_with_a_plus_is_another_one():
    ties = [account("1"), account("2")]
    ties += [
        carries("desk:user:1", "email", "cora@mail.example", 1),
        carries("desk:user:2", "email", "cora+shop@mail.example", 2),
    ]
    assert len(set(resolved(ties)[0].values())) == 2


DIFFERENT = Rule(
    rule="different", kind="account", identifier="desk:user:1",
    other_kind="account", other_identifier="desk:user:2", text="different",
)  # fmt: skip


def test_two_people_stay_two_and_what_both_carry_is_neither_s():
    ours, found = resolved(two("family@mail.example"), [DIFFERENT])
    assert len(set(ours.values())) == 3
    assert list(found.shared_because.values()) == ["kept_apart"]


def test_a_row_that_says_whose_an_address_is_not_takes_it_from_no_other():
    rule = Rule(
        rule="different", kind="email", identifier="cora@mail.example",
        other_kind="account", other_identifier="desk:user:2",
    )  # fmt: skip
    ours, found = resolved(two("cora@mail.example"), [rule])
    assert ours["email:cora@mail.example"] == "desk:user:1"
    assert ours["desk:user:2"] == "desk:user:2"
    assert len(found.refusals) == 1


def test_a_row_ties_what_is_shared_and_no_row_ties_what_another_keeps_apart():
    same = Rule(
        rule="same", kind="account", identifier="desk:user:1",
        other_kind="account", other_identifier="desk:user:2",
    )  # fmt: skip
    ties = two("info@mail.example")
    shared = Rule(rule="shared", kind="email", identifier="info@*")
    assert len(set(resolved(ties, [same, shared])[0].values())) == 2
    assert len(set(resolved(ties, [same, shared, DIFFERENT])[0].values())) == 3


def told(found) -> list[tuple]:
    keys = found.evidence.keys
    return [(c.night, c.change, keys[c.old], keys[c.new], c.cause) for c in found.changes]


def test_a_merge_and_its_undoing_are_told_with_what_caused_them():
    ties = [account("1", 0), account("2", DAY)]
    ties += [
        carries("desk:user:1", "email", "cora@mail.example", 0),
        carries("desk:user:2", "email", "cora@mail.example", 4 * DAY),
    ]
    rule = Rule(
        rule="different", kind="account", identifier="desk:user:1",
        other_kind="account", other_identifier="desk:user:2", from_night=8, text="two (agreed)",
    )  # fmt: skip
    _, found = resolved(ties, [rule])
    assert told(found) == [
        (5, "merged", "desk:user:2", "desk:user:1", "account"),
        (8, "split", "desk:user:1", "email:cora@mail.example", "rule"),
        (8, "split", "desk:user:1", "desk:user:2", "rule"),
    ]
    assert [c.rule for c in found.changes] == [None, "two (agreed)", "two (agreed)"]


def test_one_carrier_too_many_splits_what_was_one():
    ties = [
        account("1", 0),
        account("9", 0, "shop"),
        carries("desk:user:1", "phone", "+442079460000", 0),
        carries("shop:user:9", "phone", "+442079460000", 3 * DAY, "shop"),
        account("2", 5 * DAY),
        carries("desk:user:2", "phone", "+442079460000", 5 * DAY),
    ]
    _, found = resolved(ties)
    assert told(found) == [
        (4, "merged", "shop:user:9", "desk:user:1", "account"),
        (6, "split", "desk:user:1", "phone:+442079460000", "accounts"),
        (6, "split", "desk:user:1", "shop:user:9", "accounts"),
    ]


def test_a_key_tells_nothing_and_is_the_same_for_ever():
    key = customer_key("zendesk:user:1", b"a secret of sixteen")
    assert key == customer_key("zendesk:user:1", b"a secret of sixteen")
    assert len(key) == 32 and key != customer_key("zendesk:user:1", b"another of sixteen")


def test_nights_are_counted_by_as_of():
    assert NIGHTS(np.array([0, DAY - 1, DAY])).tolist() == [1, 1, 2]
    assert date.fromordinal(1) == date(1, 1, 1)


# --- at random ---------------------------------------------------------------------------------

KINDS = {"email": ["a@m.example", "b@m.example", "info@m.example"],
         "phone": ["+442079460000", "+442079460001"], "x_handle": ["cora", "dag"]}  # fmt: skip


@st.composite
def evidence_and_rules(draw):
    ties = []
    for source in ("desk", "shop"):
        for number in range(draw(st.integers(0, 4))):
            name = f"{source}:user:{number}"
            born = draw(st.integers(0, (LAST - 1) * DAY))
            ties.append(carries(name, "account", str(number), born, source))
            for _ in range(draw(st.integers(0, 3))):
                kind = draw(st.sampled_from(sorted(KINDS)))
                text = draw(st.sampled_from(KINDS[kind]))
                at = draw(st.integers(born, LAST * DAY - 1))
                ties.append(
                    Tie(name, f"{kind}:{text}", kind, text, source,
                        draw(st.sampled_from(["account", "verified_link", "message"])), at)
                )  # fmt: skip
    one = st.one_of(
        st.sampled_from([("email", t) for t in KINDS["email"]] + [("phone", KINDS["phone"][0])]),
        st.builds(lambda s, n: ("account", f"{s}:user:{n}"),
                  st.sampled_from(["desk", "shop"]), st.integers(0, 3)),
    )  # fmt: skip
    rules = []
    for number in range(draw(st.integers(0, 3))):
        from_night = draw(st.integers(0, LAST))
        until = draw(st.sampled_from([FOR_EVER, from_night + 3]))
        span = {"from_night": from_night, "until_night": until, "text": f"rule {number}"}
        name = draw(st.sampled_from(["same", "different", "different", "shared", "limit"]))
        if name == "limit":
            rules.append(Rule(rule=name, kind=draw(st.sampled_from(sorted(KINDS))),
                              most_accounts=draw(st.integers(1, 3)), **span))  # fmt: skip
        elif name == "shared":
            rules.append(Rule(rule=name, kind="email",
                              identifier=draw(st.sampled_from(["info@*", "a@m.example"])),
                              **span))  # fmt: skip
        else:
            (kind, text), (other_kind, other) = draw(one), draw(one)
            if (kind, text) != (other_kind, other):
                rules.append(Rule(rule=name, kind=kind, identifier=text, other_kind=other_kind,
                                  other_identifier=other, **span))  # fmt: skip
    return ties, rules


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES, deadline=None)
@given(evidence_and_rules(), st.integers(1, LAST))
def test_ours_is_what_the_slow_way_says_on_each_night(made, night):
    ties, rules = made
    ours, _ = resolved(ties, rules, night)
    assert ours == customers_of(ties, rules, night)


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES, deadline=None)
@given(evidence_and_rules(), st.randoms(use_true_random=False))
def test_the_order_of_evidence_and_rules_does_not_matter(made, chance: random.Random):
    ties, rules = made
    ours, found = resolved(ties, rules)
    chance.shuffle(ties)
    chance.shuffle(rules)
    again, found_again = resolved(ties, rules)
    assert again == ours
    assert told(found_again) == told(found)
    assert [c.rule for c in found_again.changes] == [c.rule for c in found.changes]


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES, deadline=None)
@given(evidence_and_rules())
def test_a_row_that_says_two_always_separates(made):
    ties, rules = made
    ours, _ = resolved(ties, rules)
    for rule in rules:
        if rule.rule != "different" or not rule.from_night <= LAST < rule.until_night:
            continue
        pair = [
            text if kind == "account" else f"{kind}:{text}"
            for kind, text in ((rule.kind, rule.identifier),
                               (rule.other_kind, rule.other_identifier))
        ]  # fmt: skip
        if all(key in ours for key in pair):
            assert ours[pair[0]] != ours[pair[1]]


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES, deadline=None)
@given(evidence_and_rules())
def test_what_changes_are_told_is_what_changed_from_night_to_night(made):
    """Each night worked out by itself; the changes are those between two."""
    ties, rules = made
    _, found = resolved(ties, rules)
    expected = set()
    before, _ = resolved(ties, rules, 0)
    for night in range(1, LAST + 1):
        now, _ = resolved(ties, rules, night)
        expected |= {(night, before[key], now[key]) for key in before if before[key] != now[key]}
        before = now
    keys = found.evidence.keys
    assert {(c.night, keys[c.old], keys[c.new]) for c in found.changes} == expected
    for one in found.changes:
        assert (one.cause == "rule") <= (one.rule is not None)


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES, deadline=None)
@given(evidence_and_rules())
def test_the_oldest_key_stays_after_a_merge(made):
    _, found = resolved(*made)
    keys = found.evidence.keys
    age = {keys[n]: (int(found.first[n]), keys[n]) for n in range(len(keys))}
    for one in found.changes:
        if one.change == "merged":
            assert age[keys[one.new]] < age[keys[one.old]]
