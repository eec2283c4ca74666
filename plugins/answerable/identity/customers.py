"""Who is one customer: connected components over evidence, with what must not join taken out.

No clock, no database: evidence and rules in, answer out, the same whatever their order. What is
asked is asked for each night: a night knows the evidence of the days before it and the rules of
its day, so which keys changed, when and why follows from the evidence as the keys do.

Evidence comes by the million, so it is kept in arrays of numbers. Only where something ends, or a
rule keeps two apart, are customers worked out night by night; all others can only grow together.
"""

import fnmatch
import hashlib
import hmac
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from answerable.identity.identifiers import (
    MOST_ACCOUNTS,
    MOST_ACCOUNTS_ELSE,
    identifier,
)

FOR_EVER = 2**31 - 1  # a night that never comes
NEVER = 2**62  # when an identifier was seen that nobody saw

# how we know that an account and an identifier are one customer's; what is surer comes first
RULE, VERIFIED, ACCOUNT, MESSAGE = range(4)
HOW = ("rule", "verified_link", "account", "message")
HOW_NO = {name: number for number, name in enumerate(HOW)}

Span = tuple[int, int]  # nights, half-open


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row of the user's: `same`, `different` (of two), `shared` (of one, or of all that a pattern
    names) or `limit` (of a kind). It holds for the nights from one up to another."""

    rule: str
    kind: str
    identifier: str | None = None
    other_kind: str | None = None
    other_identifier: str | None = None
    most_accounts: int | None = None
    from_night: int = 0
    until_night: int = FOR_EVER
    text: str = ""  # for people

    def __str__(self) -> str:
        return self.text or self.rule


@dataclass(frozen=True, slots=True)
class Change:
    """The key of some identifiers is another one from a night on."""

    night: int
    old: int  # the node whose key it was
    new: int
    change: str  # merged, split, moved
    cause: str  # one of HOW, or accounts
    rule: str | None = None
    account: int | None = None
    identifier: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A tie that is not believed, since a rule keeps apart what it would join."""

    account: int
    identifier: int
    rule: str


class Evidence:
    """Rows of evidence, taken one after another; nothing of a row is kept but numbers."""

    def __init__(self) -> None:
        self.raw: dict[str, int] = {}  # a key as the models write it -> its number
        self.node_of_raw = array("i")
        self.node: dict[str, int] = {}  # the identifier's own key -> its number
        self.keys: list[str] = []
        self.kinds: list[str] = []
        self.values: list[str] = []
        self.is_readable = bytearray()
        self.sources: dict[str, int] = {}
        self.account, self.identifier = array("i"), array("i")
        self.source, self.how = array("i"), array("b")
        self.first, self.last = array("q"), array("q")

    def add(
        self,
        account_key: str,
        identifier_key: str,
        kind: str,
        text: str,
        source: str,
        how: str,
        first: int,
        last: int,
    ) -> None:
        """An identifier and the account that carries it; instants in seconds since 1970."""
        raw = self._raw(identifier_key)
        if self.node_of_raw[raw] < 0:
            one = identifier(kind, text, identifier_key)
            self.node_of_raw[raw] = self._node(
                identifier_key if one.key == identifier_key else one.key,
                kind,
                one.value,
                one.is_readable,
            )
        self.account.append(self._raw(account_key))
        self.identifier.append(raw)
        self.source.append(self.sources.setdefault(source, len(self.sources)))
        self.how.append(HOW_NO[how])
        self.first.append(first)
        self.last.append(last)

    def _raw(self, key: str) -> int:
        number = self.raw.setdefault(key, len(self.raw))
        if number == len(self.node_of_raw):
            self.node_of_raw.append(-1)
        return number

    def _node(self, key: str, kind: str, value: str, is_readable: bool = True) -> int:
        number = self.node.setdefault(key, len(self.node))
        if number == len(self.keys):
            self.keys.append(key)
            self.kinds.append(kind)
            self.values.append(value)
            self.is_readable.append(is_readable)
        return number

    def close(self) -> None:
        """No more rows: an account that no row names as an identifier ties, and is not shown."""
        for key, raw in self.raw.items():
            if self.node_of_raw[raw] < 0:
                self.node_of_raw[raw] = self._node(key, "account", key)


@dataclass(frozen=True)
class Resolution:
    """The customers of the last night. By node: a number of an identifier."""

    evidence: Evidence
    first: np.ndarray  # seconds since 1970; NEVER: named as an account only
    last: np.ndarray
    source: np.ndarray  # number of the source that named it first
    customer: np.ndarray  # the node whose key the customer has
    shared_because: dict[int, str]
    changes: list[Change]
    refusals: list[Refusal]
    said_by_rules: list[tuple[int, int, str]]  # two that a row ties, and the row

    def raw_keys(self) -> Iterator[tuple[str, int]]:
        """Each key as the models write it, with its node."""
        for key, raw in self.evidence.raw.items():
            node = self.evidence.node_of_raw[raw]
            if self.first[node] != NEVER:
                yield key, node


def customer_key(identifier_key: str, secret: bytes) -> str:
    """32 hexadecimal digits that nobody without the secret can tie to the identifier."""
    return hmac.digest(secret, identifier_key.encode(), hashlib.sha256).hex()[:32]


def resolve(
    evidence: Evidence,
    rules: Iterable[Rule],
    night: int,
    nights_of: Callable[[np.ndarray], np.ndarray],
) -> Resolution:
    """The customers as of a night, and how they came to be.

    `nights_of` gives, for instants in seconds, the first night that knows what was seen then.
    """
    evidence.close()
    rules = sorted(
        rules,
        key=lambda rule: (
            rule.rule,
            rule.from_night,
            rule.until_night,
            *(
                one or ""
                for one in (rule.kind, rule.identifier, rule.other_kind, rule.other_identifier)
            ),
            rule.text,
        ),
    )
    rows = _Rows(evidence, nights_of)
    alive = _alive(rows, rules, night)
    ties = _ties(rows, alive, rules, night)
    apart = _apart(rows, rules, night)
    return _Graph(rows, alive, ties, apart, night).resolution()


class _Rows:
    """Evidence as arrays, in an order of its own, and what it says of each identifier."""

    def __init__(self, evidence: Evidence, nights_of: Callable[[np.ndarray], np.ndarray]) -> None:
        self.evidence = evidence
        count = len(evidence.keys)
        node_of_raw = _array(evidence.node_of_raw, np.int32)
        account = _array(evidence.account, np.int32)
        self.account = node_of_raw[account]
        raw = _array(evidence.identifier, np.int32)
        self.identifier = node_of_raw[raw]
        self.how = _array(evidence.how, np.int8)
        self.first = _array(evidence.first, np.int64)
        names = sorted(evidence.sources)
        place = np.zeros(len(names), dtype=np.int32)
        for new, name in enumerate(names):
            place[evidence.sources[name]] = new
        self.source_names = names
        source = _array(evidence.source, np.int32)
        self.source = place[source]

        self.seen = np.full(count, NEVER, dtype=np.int64)
        self.last = np.full(count, -NEVER, dtype=np.int64)
        np.maximum.at(self.last, self.identifier, _array(evidence.last, np.int64))
        self.named_by = np.zeros(count, dtype=np.int32)
        order = np.lexsort((self.source, self.first, self.identifier))
        nodes, at = np.unique(self.identifier[order], return_index=True)
        self.seen[nodes] = self.first[order][at]
        self.named_by[nodes] = self.source[order][at]

        # an account that is no identifier is there since it carried one
        known = self.seen.copy()
        np.minimum.at(known, self.account, self.first)
        self.night = nights_of(known)
        # the oldest first: by it customers are called, and all order is decided
        keys, seen = evidence.keys, self.seen.tolist()
        self.order = np.array(
            sorted(range(count), key=lambda node: (seen[node], keys[node])), dtype=np.int64
        )
        self.rank = np.empty(count, dtype=np.int64)
        self.rank[self.order] = np.arange(count)
        self.night_of_row = nights_of(self.first)


def _array(values: array, kind: type) -> np.ndarray:
    return np.frombuffer(values, dtype=kind) if len(values) else np.empty(0, dtype=kind)


# --- identifiers that do not join --------------------------------------------------------------


@dataclass
class _Alive:
    """When identifiers join, where that is not always, and why they do not from a night on."""

    spans: dict[int, list[Span]] = field(default_factory=dict)
    cuts: dict[int, list[tuple[Span, str]]] = field(default_factory=lambda: defaultdict(list))

    def cut(self, node: int, span: Span, why: str) -> None:
        from_night, until_night = span
        self.cuts[node].append((span, why))
        self.spans[node] = [
            piece
            for one, other in self.spans.get(node, [(0, FOR_EVER)])
            for piece in ((one, min(other, from_night)), (max(one, until_night), other))
            if piece[0] < piece[1]
        ]

    def why_not(self, node: int, night: int) -> str | None:
        """Why it joins nobody in a night; None where it may."""
        held = [(a, why) for (a, b), why in self.cuts.get(node, ()) if a <= night < b]
        return max(held)[1] if held else None

    def why_from(self, node: int, night: int) -> str | None:
        """What has kept it from joining since just this night."""
        return next((why for (a, _), why in self.cuts.get(node, ()) if a == night), None)


def _alive(rows: _Rows, rules: Sequence[Rule], night: int) -> _Alive:
    alive = _Alive()
    evidence = rows.evidence
    for node, is_readable in enumerate(evidence.is_readable):
        if not is_readable:
            alive.cut(node, (0, FOR_EVER), "unreadable")
    shared = [rule for rule in rules if rule.rule == "shared" and rule.from_night <= night]
    for rule, node in _named(evidence, shared):
        alive.cut(node, (rule.from_night, rule.until_night), str(rule))
    _limits(rows, [rule for rule in rules if rule.rule == "limit"], alive)
    return alive


def _named(evidence: Evidence, shared: Sequence[Rule]) -> Iterator[tuple[Rule, int]]:
    """The identifiers that each rule names. `info@*` is looked up by what stands before the @."""
    exact: dict[str, list[Rule]] = defaultdict(list)
    local: dict[str, list[Rule]] = defaultdict(list)
    patterns: dict[str, list[Rule]] = defaultdict(list)
    for rule in shared:
        text = rule.identifier or ""
        if "*" not in text:
            exact[identifier(rule.kind, text, text).key].append(rule)
        elif rule.kind == "email" and text.endswith("@*") and "*" not in text[:-1]:
            local[text[:-2].lower()].append(rule)
        else:
            patterns[rule.kind].append(rule)
    for key, named in exact.items():
        if key in evidence.node:
            yield from ((rule, evidence.node[key]) for rule in named)
    if not (local or patterns):
        return
    for node, (kind, value) in enumerate(zip(evidence.kinds, evidence.values, strict=True)):
        if kind == "email" and local:
            yield from ((rule, node) for rule in local.get(value.partition("@")[0], ()))
        for rule in patterns.get(kind, ()):
            if fnmatch.fnmatchcase(value, (rule.identifier or "").lower()):
                yield rule, node


def _limits(rows: _Rows, rules: Sequence[Rule], alive: _Alive) -> None:
    """What more accounts of one source carry than its kind may have is shared from then on. Where
    a source has no id for who it knows, those it knows by an address count as accounts."""
    kinds = rows.evidence.kinds
    other = np.flatnonzero(rows.account != rows.identifier)
    carried = np.bincount(rows.identifier[other], minlength=len(kinds))
    other = other[carried[rows.identifier[other]] > 1]
    by_group: dict[tuple[int, int, str], dict[int, int]] = defaultdict(dict)
    for row in other.tolist():
        account, node = int(rows.account[row]), int(rows.identifier[row])
        known_as = kinds[account] if kinds[account] in ("email", "phone", "x_handle") else ""
        accounts = by_group[node, int(rows.source[row]), known_as]
        night = int(rows.night_of_row[row])
        accounts[account] = min(night, accounts.get(account, FOR_EVER))
    counts: dict[int, list[list[int]]] = defaultdict(list)
    for (node, _, _), accounts in by_group.items():
        if len(accounts) > 1:
            counts[node].append(sorted(accounts.values()))
    for node in sorted(counts):
        for (from_night, until_night), most in _most_accounts(kinds[node], rules):
            over = min((c[most] for c in counts[node] if len(c) > most), default=FOR_EVER)
            span = max(from_night, over), until_night
            if span[0] < span[1]:
                alive.cut(node, span, "accounts")


def _most_accounts(kind: str, rules: Sequence[Rule]) -> Iterator[tuple[Span, int]]:
    """How many accounts of a source may carry one, and in which nights."""
    usual = MOST_ACCOUNTS.get(kind, MOST_ACCOUNTS_ELSE)
    mine = [rule for rule in rules if rule.kind == kind and rule.from_night < rule.until_night]
    edges = sorted({0, FOR_EVER, *(r.from_night for r in mine), *(r.until_night for r in mine)})
    for one, other in pairwise(edges):
        held = [r.most_accounts for r in mine if r.from_night <= one < r.until_night]
        yield (one, other), min((most for most in held if most is not None), default=usual)


# --- ties ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ties:
    """What ties two nodes, and in which nights, the surest and oldest first."""

    account: np.ndarray
    identifier: np.ndarray
    from_night: np.ndarray
    until_night: np.ndarray
    how: np.ndarray
    source: np.ndarray
    rule: np.ndarray  # place in `rules`; -1: evidence
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class _Apart:
    """Two nodes that are two customers', in which nights, and who says so."""

    one: int
    other: int
    from_night: int
    until_night: int
    rule: str


def _ties(rows: _Rows, alive: _Alive, rules: Sequence[Rule], night: int) -> _Ties:
    other = np.flatnonzero(rows.account != rows.identifier)
    # of the same two, what was seen first
    order = np.lexsort(
        tuple(
            column[other]
            for column in (rows.source, rows.how, rows.first, rows.identifier, rows.account)
        )
    )
    other = other[order]
    a, i = rows.account[other], rows.identifier[other]
    is_first = np.ones(len(other), dtype=bool)
    is_first[1:] = (a[1:] != a[:-1]) | (i[1:] != i[:-1])
    other = other[is_first]
    a, i = rows.account[other], rows.identifier[other]
    begins = rows.night_of_row[other]
    ends = np.full(len(other), FOR_EVER, dtype=np.int64)
    how, source, first = rows.how[other], rows.source[other], rows.first[other]
    rule = np.full(len(other), -1, dtype=np.int64)

    # whatever touches an identifier that does not always join, in the pieces in which it does
    watched = np.zeros(len(rows.evidence.keys), dtype=bool)
    watched[list(alive.spans)] = True
    touched = np.flatnonzero(watched[a] | watched[i])
    pieces: list[tuple[int, int, int]] = []
    for row in touched.tolist():
        spans = [(int(begins[row]), FOR_EVER)]
        for node in (int(a[row]), int(i[row])):
            spans = _both(spans, alive.spans.get(node, [(0, FOR_EVER)]))
        pieces += [(row, from_night, until_night) for from_night, until_night in spans]
    keep = np.ones(len(other), dtype=bool)
    keep[touched] = False
    cut = np.array(pieces, dtype=np.int64).reshape(-1, 3)
    take = np.concatenate([np.flatnonzero(keep), cut[:, 0]])
    begins = np.concatenate([begins[keep], cut[:, 1]])
    ends = np.concatenate([ends[keep], cut[:, 2]])
    a, i, how, source, first, rule = (column[take] for column in (a, i, how, source, first, rule))

    said = [
        (nodes, number)
        for number, each in enumerate(rules)
        if each.rule == "same" and (nodes := _pair(rows.evidence, each)) is not None
    ]
    for (one, another), number in said:
        a = np.append(a, one)
        i = np.append(i, another)
        known = max(rules[number].from_night, rows.night[one], rows.night[another])
        begins = np.append(begins, known)
        ends = np.append(ends, rules[number].until_night)
        how = np.append(how, RULE)
        source = np.append(source, 0)
        first = np.append(first, number)
        rule = np.append(rule, number)
    there = np.flatnonzero((begins <= night) & (begins < ends))
    order = there[
        np.lexsort(
            (begins[there], rows.rank[i[there]], rows.rank[a[there]], first[there], how[there])
        )
    ]
    return _Ties(
        account=a[order],
        identifier=i[order],
        from_night=begins[order],
        until_night=ends[order],
        how=how[order],
        source=source[order],
        rule=rule[order],
        rules=rules,
    )


def _both(some: list[Span], others: list[Span]) -> list[Span]:
    found = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(a, b) for a, b in found if a < b]


def _pair(evidence: Evidence, rule: Rule) -> tuple[int, int] | None:
    """The two that a rule names, where some source has named both."""
    one = identifier(rule.kind, rule.identifier or "", rule.identifier or "").key
    other = identifier(
        rule.other_kind or "", rule.other_identifier or "", rule.other_identifier or ""
    ).key
    if one in evidence.node and other in evidence.node and one != other:
        return evidence.node[one], evidence.node[other]
    return None


def _apart(rows: _Rows, rules: Sequence[Rule], night: int) -> list[_Apart]:
    found = []
    for rule in rules:
        pair = _pair(rows.evidence, rule) if rule.rule == "different" else None
        if pair is None:
            continue
        known = max(rule.from_night, int(rows.night[pair[0]]), int(rows.night[pair[1]]))
        if known <= night and known < rule.until_night:
            found.append(_Apart(*pair, known, rule.until_night, str(rule)))
    return found


# --- components ---------------------------------------------------------------------------------


class _Graph:
    def __init__(
        self, rows: _Rows, alive: _Alive, ties: _Ties, apart: Sequence[_Apart], night: int
    ) -> None:
        self.rows, self.alive, self.ties, self.apart = rows, alive, ties, apart
        self.last_night = night
        self.changes: list[Change] = []
        self.refusals: list[Refusal] = []
        self.kept_apart: set[int] = set()

    def resolution(self) -> Resolution:
        rows, ties = self.rows, self.ties
        count = len(rows.evidence.keys)
        label = np.zeros(0, dtype=np.int32)
        if count:
            ones = np.ones(len(ties.account), dtype=np.int8)
            graph = coo_array((ones, (ties.account, ties.identifier)), shape=(count, count))
            _, label = connected_components(graph, directed=False)
        customer = self._oldest(label)

        special = set(label[ties.account[ties.until_night <= self.last_night]].tolist())
        special |= {
            int(label[each.one]) for each in self.apart if label[each.one] == label[each.other]
        }
        self._grown(label, special)
        for nodes, edges, apart in self._parts(label, special):
            for node, key in self._told_night_by_night(nodes, edges, apart).items():
                customer[node] = key
        # an account that is no identifier is nobody's key
        self.changes = [
            one for one in self.changes if NEVER not in (rows.seen[one.old], rows.seen[one.new])
        ]
        self.changes.sort(
            key=lambda one: (one.night, int(rows.rank[one.old]), int(rows.rank[one.new]))
        )
        shared = {
            node: why
            for node in self.alive.spans
            if (why := self.alive.why_not(node, self.last_night)) is not None
        }
        shared |= dict.fromkeys(self.kept_apart, "kept_apart")
        return Resolution(
            evidence=rows.evidence,
            first=rows.seen,
            last=rows.last,
            source=rows.named_by,
            customer=customer,
            shared_because=shared,
            changes=self.changes,
            refusals=self.refusals,
            said_by_rules=[
                (int(ties.account[tie]), int(ties.identifier[tie]), str(ties.rules[ties.rule[tie]]))
                for tie in np.flatnonzero((ties.rule >= 0) & (ties.until_night > self.last_night))
            ],
        )

    def _oldest(self, label: np.ndarray) -> np.ndarray:
        """By node, the oldest node of its component."""
        if not len(label):
            return np.zeros(0, dtype=np.int64)
        _, at = np.unique(label[self.rows.order], return_index=True)
        return self.rows.order[at][label]

    def _parts(
        self, label: np.ndarray, special: set[int]
    ) -> Iterator[tuple[list[int], list[int], list[_Apart]]]:
        """Each component in which something ends: its nodes, ties and rules."""
        if not special:
            return
        wanted = np.zeros(int(label.max()) + 1, dtype=bool)
        wanted[list(special)] = True
        nodes: dict[int, list[int]] = defaultdict(list)
        for node in np.flatnonzero(wanted[label]).tolist():
            nodes[int(label[node])].append(node)
        edges: dict[int, list[int]] = defaultdict(list)
        for edge in np.flatnonzero(wanted[label[self.ties.account]]).tolist():
            edges[int(label[self.ties.account[edge]])].append(edge)
        apart: dict[int, list[_Apart]] = defaultdict(list)
        for each in self.apart:
            if label[each.one] == label[each.other]:
                apart[int(label[each.one])].append(each)
        for group in sorted(special):
            yield nodes[group], edges[group], apart[group]

    def _grown(self, label: np.ndarray, special: set[int]) -> None:
        """Changes where nothing ever ends: a customer's key goes when an older one joins."""
        rows, ties = self.rows, self.ties
        if not len(label):
            return
        groups = int(label.max()) + 1
        earliest = np.full(groups, FOR_EVER, dtype=np.int64)
        latest = np.zeros(groups, dtype=np.int64)
        np.minimum.at(earliest, label, rows.night)
        np.maximum.at(latest, label, rows.night)
        np.maximum.at(latest, label[ties.account], ties.from_night)
        wanted = latest > earliest
        wanted[list(special)] = False
        edges = np.flatnonzero(wanted[label[ties.account]])
        edges = edges[np.argsort(ties.from_night[edges], kind="stable")]
        parent: dict[int, int] = {}
        # a component's root is its oldest node, by which it is called
        rank, night_of = rows.rank, rows.night
        tonight = -1

        def find(node: int) -> int:
            root = node
            while (up := parent.get(root, root)) != root:
                root = up
            while (up := parent.get(node, node)) != root:
                parent[node], node = root, up
            return root

        def tell() -> None:
            for old, edge in started:
                self._tell(tonight, old, find(old), "merged", edge)
            started.clear()

        started: list[tuple[int, int]] = []
        accounts = ties.account[edges].tolist()
        identifiers = ties.identifier[edges].tolist()
        nights = ties.from_night[edges].tolist()
        for edge, a, i, night in zip(edges.tolist(), accounts, identifiers, nights, strict=True):
            if night != tonight:
                tell()
                tonight = night
            one, other = find(a), find(i)
            if one == other:
                continue
            if rank[one] > rank[other]:
                one, other = other, one
            parent[other] = one
            if night_of[other] < night and night_of[one] < night:
                started.append((other, edge))
        tell()

    def _told_night_by_night(
        self, nodes: list[int], edges: list[int], apart: list[_Apart]
    ) -> dict[int, int]:
        """The customers of the last night; each night's changes are noted on the way."""
        rows, ties = self.rows, self.ties
        account, ident = ties.account[edges].tolist(), ties.identifier[edges].tolist()
        begins, ends = ties.from_night[edges].tolist(), ties.until_night[edges].tolist()
        is_rule = (ties.rule[edges] >= 0).tolist()
        night_of = {node: int(rows.night[node]) for node in nodes}
        rank = {node: int(rows.rank[node]) for node in nodes}
        events = {*begins, *ends, *night_of.values()}
        events |= {each.from_night for each in apart} | {each.until_night for each in apart}
        before: dict[int, int] = {}
        refused: list[tuple[int, str]] = []
        shared: dict[int, str] = {}
        for night in sorted(one for one in events if one <= self.last_night):
            known = [node for node in nodes if night_of[node] <= night]
            living = [n for n in range(len(edges)) if begins[n] <= night < ends[n]]
            held = [one for one in apart if one.from_night <= night < one.until_night]
            parent, refused, shared = _kept_apart(
                known, [(account[n], ident[n], is_rule[n]) for n in living], held
            )
            oldest: dict[int, int] = {}
            for node in sorted(known, key=rank.__getitem__):
                oldest.setdefault(parent[node], node)
            now = {node: oldest[parent[node]] for node in known}
            if before:
                self._compare(night, before, now, edges, begins, ends, apart, shared)
            before = now
            refused = [(living[n], rule) for n, rule in refused]
        self.refusals += [Refusal(account[n], ident[n], rule) for n, rule in refused]
        self.kept_apart |= shared.keys()
        return before

    def _compare(
        self,
        night: int,
        before: dict[int, int],
        now: dict[int, int],
        edges: list[int],
        begins: list[int],
        ends: list[int],
        apart: list[_Apart],
        shared: dict[int, str],
    ) -> None:
        moved: dict[tuple[int, int], None] = {}
        for node, old in before.items():
            if now[node] != old:
                moved[old, now[node]] = None
        if not moved:
            return
        were, are = set(before.values()), set(now.values())
        for old, new in moved:
            change = "moved" if old in are else "merged"
            change = change if new in were else "split"
            self._explain(night, old, new, change, before, now, edges, begins, ends, apart, shared)

    def _explain(
        self,
        night: int,
        old: int,
        new: int,
        change: str,
        before: dict[int, int],
        now: dict[int, int],
        edges: list[int],
        begins: list[int],
        ends: list[int],
        apart: list[_Apart],
        shared: dict[int, str],
    ) -> None:
        """The first cause there is: of a split what ended or was said, of a merge what began."""
        ties = self.ties
        began = [
            edge
            for edge, begin in zip(edges, begins, strict=True)
            if begin == night
            and now.get(int(ties.account[edge])) == now.get(int(ties.identifier[edge])) == new
        ]
        ended = [
            edge
            for edge, end in zip(edges, ends, strict=True)
            if end == night and before.get(int(ties.account[edge])) == old
        ]
        said = [one for one in apart if one.from_night == night and before.get(one.one) == old]
        unsaid = [one for one in apart if one.until_night == night]
        newly = [
            edge
            for edge, begin in zip(edges, begins, strict=True)
            if begin == night and int(ties.identifier[edge]) in shared
        ]
        if change != "split" and began:
            touching = [
                edge
                for edge in began
                if old
                in (before.get(int(ties.account[edge])), before.get(int(ties.identifier[edge])))
            ]
            self._tell(night, old, new, change, (touching or began)[0])
        elif change != "split" and unsaid:
            self._note(night, old, new, change, "rule", rule=f"no more: {unsaid[0].rule}")
        elif said:
            self._note(night, old, new, change, "rule", rule=said[0].rule)
        elif ended:
            self._ended(night, old, new, change, ended[0])
        elif newly:  # what would tie two whom a rule keeps apart
            self._note(
                night, old, new, change, "rule",
                rule=shared[int(ties.identifier[newly[0]])], edge=newly[0],
            )  # fmt: skip
        elif began:
            self._tell(night, old, new, change, began[0])
        else:
            rule = next((one.rule for one in apart), None)
            self._note(night, old, new, change, "rule", rule=rule)

    def _tell(self, night: int, old: int, new: int, change: str, edge: int) -> None:
        ties = self.ties
        number = int(ties.rule[edge])
        if number >= 0:
            self._note(night, old, new, change, "rule", rule=str(ties.rules[number]), edge=edge)
        else:
            self._note(night, old, new, change, HOW[int(ties.how[edge])], edge=edge)

    def _ended(self, night: int, old: int, new: int, change: str, edge: int) -> None:
        ties = self.ties
        if (number := int(ties.rule[edge])) >= 0:
            rule = f"no more: {ties.rules[number]}"
            self._note(night, old, new, change, "rule", rule=rule, edge=edge)
            return
        why = None
        for node in (int(ties.identifier[edge]), int(ties.account[edge])):
            why = why or self.alive.why_from(node, night)
        if why == "accounts":
            self._note(night, old, new, change, "accounts", edge=edge)
        else:
            self._note(night, old, new, change, "rule", rule=why, edge=edge)

    def _note(
        self,
        night: int,
        old: int,
        new: int,
        change: str,
        cause: str,
        rule: str | None = None,
        edge: int | None = None,
    ) -> None:
        ties = self.ties
        is_rule = edge is not None and int(ties.rule[edge]) >= 0
        self.changes.append(
            Change(
                night=night,
                old=old,
                new=new,
                change=change,
                cause=cause,
                rule=rule,
                account=None if edge is None else int(ties.account[edge]),
                identifier=None if edge is None else int(ties.identifier[edge]),
                source=None
                if edge is None or is_rule
                else self.rows.source_names[int(ties.source[edge])],
            )
        )


def _kept_apart(
    nodes: Sequence[int], ties: Sequence[tuple[int, int, bool]], apart: Sequence[_Apart]
) -> tuple[dict[int, int], list[tuple[int, str]], dict[int, str]]:
    """Components in which no two stand that are to be apart: each tie in its order, but for one
    that would join them. What that one names joins nobody then, unless the rule names it itself:
    two who carry the same identifier and are two cannot both be known by it.

    Gives each node's root, the ties refused with the rule, and what joins nobody, with the rule.
    """
    shared: dict[int, str] = {}
    named = {each.one for each in apart} | {each.other for each in apart}
    while True:
        parent = {node: node for node in nodes}

        def find(node: int, parent: dict[int, int] = parent) -> int:
            while parent[node] != node:
                parent[node] = parent[parent[node]]
                node = parent[node]
            return node

        refused: list[tuple[int, str]] = []
        again = False
        for number, (account, ident, is_rule) in enumerate(ties):
            if not is_rule and (ident in shared or account in shared):
                refused.append((number, shared.get(ident) or shared[account]))
                continue
            one, other = find(account), find(ident)
            if one == other:
                continue
            against = next(
                (each.rule for each in apart if {find(each.one), find(each.other)} == {one, other}),
                None,
            )
            if against is None:
                parent[max(one, other)] = min(one, other)
                continue
            refused.append((number, against))
            if not is_rule and ident not in named:
                shared[ident] = against
                again = True
                break
        if not again:
            return {node: find(node) for node in nodes}, refused, shared


def nights_by(boundaries: Sequence[int], first: int) -> Callable[[np.ndarray], np.ndarray]:
    """For `resolve`: `boundaries` are the as_of, in seconds, of the nights from `first` on. What
    was seen at as_of is known to the night after."""
    starts = np.asarray(boundaries, dtype=np.int64)
    return lambda instants: first + np.searchsorted(starts, instants, side="right")
