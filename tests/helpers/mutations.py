"""Payloads of every stream, and what sources, proxies and people do to them."""

import json
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from answerable.sandbox import SMALL
from answerable.sandbox import company as c
from answerable.sandbox import x as x_api
from answerable.sandbox import zendesk as zendesk_api
from answerable.sandbox.history import world
from answerable.sources import KINDS, stream
from answerable.sources.body import Body, NotJson
from answerable.sources.errors import SourceError
from answerable.sources.paging import Page, Start, walk

STREAMS = [(kind, each.name) for kind, streams in KINDS.items() for each in streams]
PRESENT = c.at("2025-12-05")
OWN = [account.id for account in c.ACCOUNTS]
EXTRA = c.X_EXTRA | {"own_user_ids": OWN[:1]}

ODD_TEXTS = [
    "", " ", "0", "-1", "null", "\x00", "a\x00b", "\ud83d", "\ude00\ud83d", "\ufeff", "\u202e",
    "\U0001f469\u200d\U0001f4bb", "e" + "\u0301" * 50, "x" * 5000, "\\.", "\\N", "\t\r\n", "'; --",
    "{{ticket.requester.name}}", "£1,234.50", "=cmd()", "NaN", "Infinity", "\uff11\uff12",
]  # fmt: skip
ODD_INSTANTS = [
    "2026-03-01T10:00:00", "2026-03-01", "2026-03-01T24:00:00Z", "2016-12-31T23:59:60Z",
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z", "1970-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-W09-7T00:00:00Z",
    "20260301T100000Z", "2026-03-01T10:00:00+0000", "2026-03-01T10:00:00+23:59",
    "2026-03-01T10:00:00.123456789Z", "2026-03-01 10:00:00Z", "2026-03-01t10:00:00z",
    "Tue Feb 09 22:48:55 +0000 2021", "2026-03-29T01:30:00Z", "infinity", "now", "epoch",
    "\uff12026-03-01T10:00:00Z", "2026-03-01T10:00Z",
]  # fmt: skip
ODD_NUMBERS = [
    0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**40, 7.0, 1.5, -0.0, 1e308,
    float("nan"), float("inf"), True, False,
]  # fmt: skip


@lru_cache(maxsize=1)
def samples() -> dict[tuple[str, str], list[str]]:
    """Records of each stream as the sandbox sends them, as they would be landed."""
    small = world(c.DEFAULT_SEED, SMALL)
    desk, x = zendesk_api.ZendeskView(small, PRESENT), x_api.XView(small, PRESENT)

    def get(path: str, params: Any) -> Body:
        is_desk = path.startswith("/api/v2/")
        answer = (zendesk_api if is_desk else x_api).answer
        return Body.of(answer(desk if is_desk else x, path, dict(params)))

    found: dict[tuple[str, str], list[str]] = {each: [] for each in STREAMS}
    for kind, name in STREAMS:
        described = stream(kind, name)
        if described.walked_with:
            continue
        stored = [json.loads(text)["id"] for text in found["x", "posts"]]
        start = Start(extra=c.X_EXTRA, recent=lambda days, stored=stored: stored)
        for page in walk(described, start, get):
            found[kind, page.stream] += page.records
    assert all(found.values()), {each: len(records) for each, records in found.items()}
    return found


def pages_of(kind: str, name: str) -> list[dict[str, Any]]:
    """The first pages of a stream as the sandbox answers them."""
    small = world(c.DEFAULT_SEED, SMALL)
    desk, x = zendesk_api.ZendeskView(small, PRESENT), x_api.XView(small, PRESENT)
    kept: list[dict[str, Any]] = []

    def get(path: str, params: Any) -> Body:
        is_desk = path.startswith("/api/v2/")
        small_pages = {k: "20" if k in ("per_page", "page[size]") else v for k, v in params.items()}
        answer = (zendesk_api if is_desk else x_api).answer
        kept.append(answer(desk if is_desk else x, path, small_pages))
        return Body.of(kept[-1])

    start = Start(extra=EXTRA, recent=lambda days: sorted(x.by_id)[:300])
    for _ in walk(stream(kind, name), start, get):
        if len(kept) == 3:
            break
    return kept


def mutated(text: str, random: Random, most: int = 3) -> str:
    """The JSON text with up to `most` things wrong with it, sometimes none."""
    value = json.loads(text)
    for _ in range(random.randint(0, most)):
        _mutate(value, random)
    return as_read(_written(value, random))


def as_read(text: str) -> str:
    """The text as our client hands it over: bytes that are no UTF-8 come as lone surrogates."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")


def _written(value: Any, random: Random) -> str:
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    chance = random.random()
    if chance < 0.02:  # the same key twice
        text = text.replace("{", '{"id": null, ', 1) if chance < 0.01 else text[:-1] + ', "id": 5}'
    elif chance < 0.03:
        text = text.replace(": ", " :\r\n ", 3)
    return text


def _mutate(root: Any, random: Random) -> None:
    place = _some_place(root, random)
    if place is None:
        return
    inside, at = place
    value = inside[at]
    change: Callable[[], Any] = random.choice(
        [
            lambda: None,
            lambda: random.choice(ODD_TEXTS),
            lambda: random.choice(ODD_INSTANTS),
            lambda: random.choice(ODD_NUMBERS),
            lambda: [value],
            lambda: {"value": value},
            lambda: str(value),
            lambda: int(value) if isinstance(value, str) and value.isdigit() else [],
            lambda: {},
            lambda: _nested(random.choice([90, 150, 250])),
        ]
    )
    kind = random.random()
    if kind < 0.15 and isinstance(inside, dict):
        del inside[at]
    elif kind < 0.25 and isinstance(inside, dict):
        inside[random.choice(["Id", at + "_2", "", "\x00", "a.b", "__proto__"])] = inside.pop(at)
    else:
        inside[at] = change()


def _nested(deep: int) -> Any:
    value: Any = "bottom"
    for _ in range(deep):
        value = [value]
    return value


def _some_place(root: Any, random: Random) -> tuple[Any, Any] | None:
    """A container within `root` and a key of it; the upper ones more often."""
    inside = root
    while True:
        if isinstance(inside, dict) and inside:
            at: Any = random.choice(list(inside))
        elif isinstance(inside, list) and inside:
            at = random.randrange(len(inside))
        else:
            return None
        deeper = inside[at]
        if not isinstance(deeper, dict | list) or not deeper or random.random() < 0.4:
            return inside, at
        inside = deeper


class Mutated:
    """A client whose answers are pages with something wrong in them, then pages without."""

    def __init__(self, pages: list[str], random: Random, at_most: int) -> None:
        self.pages, self.random, self.at_most = pages, random, at_most
        self.requests_sent = 0
        self.bodies: list[str] = []

    def get(self, path: str, params: Any) -> Body:
        self.requests_sent += 1
        assert self.requests_sent <= self.at_most, "the walk does not end"
        text = self.random.choice(self.pages)
        if self.random.random() < 0.8:
            text = mutated(text, self.random)
        if self.random.random() < 0.05:
            text = text[: self.random.randrange(len(text))]
        try:
            body = Body.read(text)
        except NotJson as error:  # the client tries again, then gives up
            raise SourceError(f"zendesk: GET {path}: {error}") from None
        self.bodies.append(text)
        return body


__all__ = ["STREAMS", "Mutated", "Page", "mutated", "pages_of", "samples"]
