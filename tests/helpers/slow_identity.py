"""Who is one customer, the slow and obvious way: sets that are joined one by one.

The oracle of the property tests. It shares no line with the package: no arrays, no history, each
night by itself.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

DAY = 86_400


class Tie(NamedTuple):
    account: str
    identifier: str
    kind: str
    text: str
    source: str
    how: str
    first: int


def customers_of(ties: Iterable[Tie], rules: Iterable, night: int) -> dict[str, str]:
    """identifier -> the oldest identifier of its customer, as a night knows them."""
    ties = [tie for tie in ties if tie.first < night * DAY]
    rules = [rule for rule in rules if rule.from_night <= night < rule.until_night]
    first = defaultdict(lambda: 10**12)
    for tie in ties:
        first[tie.identifier] = min(first[tie.identifier], tie.first)
    kind_of = {tie.identifier: tie.kind for tie in ties}

    def name(kind, text):
        return text if kind == "account" else f"{kind}:{text}"

    apart = [
        (name(r.kind, r.identifier), name(r.other_kind, r.other_identifier))
        for r in rules
        if r.rule == "different"
    ]
    said = [
        (name(r.kind, r.identifier), name(r.other_kind, r.other_identifier))
        for r in sorted(
            (r for r in rules if r.rule == "same"),
            key=lambda r: (r.from_night, r.until_night, r.kind, r.identifier, r.other_kind,
                           r.other_identifier, r.text),
        )
    ]  # fmt: skip
    shared = set()
    for identifier, kind in kind_of.items():
        for source in {tie.source for tie in ties}:
            accounts = {
                t.account
                for t in ties
                if t.identifier == identifier and t.source == source and t.account != identifier
            }
            usual = {"phone": 1, "x_handle": 1}.get(kind, 2)
            most = min(
                (r.most_accounts for r in rules if r.rule == "limit" and r.kind == kind),
                default=usual,
            )
            if len(accounts) > most:
                shared.add(identifier)
        for rule in rules:
            if rule.rule == "shared" and kind == "email":
                local = identifier.removeprefix("email:")
                pattern = rule.identifier
                if local == pattern or (pattern == "info@*" and local.startswith("info@")):
                    shared.add(identifier)
    known = set(first)
    surest = {"verified_link": 1, "account": 2, "message": 3}
    # of the same two, what was seen first; then the surest, then the oldest
    earliest = {}
    for tie in sorted(ties, key=lambda t: (t.first, surest[t.how], t.source)):
        if tie.account != tie.identifier:
            earliest.setdefault((tie.account, tie.identifier), tie)

    def age(key):
        return first[key], key

    order = sorted(
        earliest.values(),
        key=lambda t: (surest[t.how], t.first, age(t.account), age(t.identifier)),
    )
    while True:
        groups = [{key} for key in known]
        contested = None
        for one, other, is_rule in [
            *((a, b, True) for a, b in said),
            *((t.account, t.identifier, False) for t in order),
        ]:
            if one not in known or other not in known:
                continue
            if not is_rule and (one in shared or other in shared):
                continue
            mine = next(g for g in groups if one in g)
            theirs = next(g for g in groups if other in g)
            if mine is theirs:
                continue
            if any((a in mine and b in theirs) or (b in mine and a in theirs) for a, b in apart):
                # only rules whose two are there can keep apart; what a rule names itself stays
                inside = {key for pair in apart if all(k in known for k in pair) for key in pair}
                if not is_rule and other not in inside:
                    contested = other
                    break
                continue
            groups.remove(theirs)
            mine |= theirs
        if contested is None:
            return {key: min(group, key=age) for group in groups for key in group}
        shared.add(contested)
