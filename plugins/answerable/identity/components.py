"""What belongs together: customers from ties of identifiers, threads from links to parents.

No clock, no database: evidence in, answer out, the same whatever its order.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An identifier and the account that carries it, as first seen at the source (UTC)."""

    account_key: str
    identifier_key: str
    kind: str
    identifier: str
    source: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """An identifier and the customer it belongs to."""

    identifier_key: str
    customer_key: str
    kind: str
    identifier: str
    source: str
    first_seen_at: datetime


def customers(evidence: Iterable[Evidence], secret: bytes) -> Iterator[Identifier]:
    """Each identifier once, with its customer: those that accounts tie together are one customer's.

    A customer's key is an HMAC of the oldest identifier by (first seen, identifier), so it is a
    function of the evidence and not of the night: after a merge the older key stays.
    """
    parent: dict[str, str] = {}
    best: dict[str, Evidence] = {}

    def find(key: str) -> str:
        root = key
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while parent[key] != root:
            parent[key], key = root, parent[key]
        return root

    for each in evidence:
        known = best.get(each.identifier_key)
        if known is None or _age(each) < _age(known):
            best[each.identifier_key] = each
        one, other = find(each.account_key), find(each.identifier_key)
        if one != other:
            parent[max(one, other)] = min(one, other)

    oldest: dict[str, Evidence] = {}
    for each in best.values():
        root = find(each.identifier_key)
        if root not in oldest or _age(each) < _age(oldest[root]):
            oldest[root] = each
    keys = {root: customer_key(each.identifier_key, secret) for root, each in oldest.items()}
    for each in best.values():
        yield Identifier(
            identifier_key=each.identifier_key,
            customer_key=keys[find(each.identifier_key)],
            kind=each.kind,
            identifier=each.identifier,
            source=each.source,
            first_seen_at=each.first_seen_at,
        )


def _age(evidence: Evidence) -> tuple[datetime, str, str, str]:
    return (
        evidence.first_seen_at,
        evidence.identifier_key,
        evidence.source,
        evidence.account_key,
    )


def customer_key(identifier_key: str, secret: bytes) -> str:
    """32 hexadecimal digits that nobody without the secret can tie to the identifier."""
    return hmac.new(secret, identifier_key.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message and the one it replies to, where there is one."""

    key: str
    parent_key: str | None
    conversation_key: str | None  # the source's own, where it has such a thing
    is_inbound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Where a message stands: its conversation, and the customer's message that it answers."""

    key: str
    conversation_key: str
    answers_key: str | None


def threads(messages: Mapping[str, Message]) -> Iterator[Thread]:
    """Each message with its conversation: the source's own, else the first message of its chain.

    An outbound message answers its nearest inbound ancestor. A chain that bites its own tail
    ends where it would begin again.
    """
    roots: dict[str, str] = {}
    answers: dict[str, str | None] = {}  # nearest inbound message from here upwards, this included
    for key in messages:
        path: list[str] = []
        on_path: set[str] = set()
        at = key
        while at not in roots:
            path.append(at)
            on_path.add(at)
            above = messages[at].parent_key
            if above is None or above not in messages or above in on_path:
                roots[at] = at
                answers[at] = at if messages[at].is_inbound else None
                break
            at = above
        for below in reversed(path):
            if below in roots:
                continue
            above = messages[below].parent_key
            roots[below] = roots[above]
            answers[below] = below if messages[below].is_inbound else answers[above]
    for key, message in messages.items():
        yield Thread(
            key=key,
            conversation_key=message.conversation_key or roots[key],
            answers_key=None if message.is_inbound else answers[key],
        )
