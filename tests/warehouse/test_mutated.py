"""Mutated payloads of every stream: none crashes anything, and every one is accounted for."""

import os
import shutil
from collections import Counter
from itertools import count
from random import Random

import landed
import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from landed import rows
from mutations import STREAMS, mutated, samples

from answerable.landing.batch import Batch
from answerable.landing.zone import Zone
from answerable.sources import stream
from answerable.warehouse import load as loading
from answerable.warehouse.load import load

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
NUMBERS = count(1)
RECORDS = 50  # of an example; the million of `make fuzz` is in test_mutated_million.py
EXAMPLES = 100 if "fuzz" in PROFILE else 6


@pytest.fixture(scope="module")
def house(new_settings):
    settings = new_settings()
    with psycopg.connect(settings.warehouse_url) as conn:
        yield settings, conn, landed.nights(conn)()


@pytest.mark.fuzz
@pytest.mark.parametrize("kind, name", STREAMS, ids=lambda value: value)
@hypothesis_settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32 - 1))
def test_records_in_are_loaded_superseded_or_quarantined(house, kind, name, seed):
    settings, conn, run = house
    random = Random(seed)
    texts = [mutated(random.choice(samples()[kind, name]), random) for _ in range(RECORDS)]
    batch = Batch(
        zone=Zone.at(settings.landing),
        folder=f"{kind}/{name}/{seed}-{random.getrandbits(64):x}-{next(NUMBERS)}",
        source=kind,
        source_kind=kind,
        stream=name,
        run_id=run,
        walk=1,
        cursor=None,
        now=lambda: "",
    )
    batch.add(texts, None)
    batch.close(is_last=True)
    before = counts(conn, kind, name)
    receipt = load(run, settings=settings)
    shutil.rmtree(Zone.at(settings.landing).path(batch.folder))  # or each lists all before it
    assert receipt["records"] == RECORDS
    assert receipt["loaded"] + receipt["superseded"] + receipt["quarantined"] == RECORDS
    after = counts(conn, kind, name)
    assert after[0] - before[0] == receipt["loaded"]
    assert after[1] - before[1] == receipt["quarantined"]


def counts(conn, kind, name):
    return rows(
        conn, f"select (select count(*) from raw.{kind}_{name}), count(*) from raw.quarantine"
    )[0]


def test_the_mutations_are_many_and_not_all_fatal():
    """The property above says little where nothing, or all, is refused."""
    random = Random(1)
    for kind, name in STREAMS:
        seen: Counter[str] = Counter()
        for _ in range(300):
            text = mutated(random.choice(samples()[kind, name]), random)
            line = text.encode("utf-8", "surrogateescape")
            judged = loading.judge(stream(kind, name), 1, line, Counter())
            seen[judged.reason or "fits"] += 1
        assert 60 < seen["fits"] < 290 and len(seen) > 6, (name, seen)
