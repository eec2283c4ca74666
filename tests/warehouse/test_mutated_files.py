"""Mutated files of every kind that the sandbox's tools deliver: none crashes anything, a file that
cannot be read is refused in words, and of the others every record is accounted for.
"""

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
from mutated_files import KINDS, description, mutated

from answerable import files, identity, landing
from answerable.landing.zone import Zone
from answerable.sources.errors import SpecError
from answerable.warehouse import dbt
from answerable.warehouse.load import load

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
EXAMPLES = hypothesis_settings().max_examples if "fuzz" in PROFILE else 8
NUMBERS = count(1)
LOADED: set[tuple[str, bytes]] = set()


@pytest.fixture(scope="module")
def house(new_settings, tmp_path_factory):
    settings = new_settings()
    with psycopg.connect(settings.warehouse_url) as conn:
        yield settings, conn, landed.nights(conn)(), tmp_path_factory.mktemp("deliveries")


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
@hypothesis_settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32 - 1))
def test_rows_in_are_loaded_superseded_or_quarantined(house, kind, seed):
    settings, conn, run, folder = house
    name, data = mutated(kind, Random(seed))
    export = folder / f"{next(NUMBERS)}_{name}"
    export.write_bytes(data)
    described = description(kind)
    before = counts(conn, described.kind)
    try:
        receipt = landing.land_file(run, described, export, settings=settings)
    except SpecError as refused:
        assert export.name in str(refused)
        assert "Traceback" not in str(refused)
        assert load(run, settings=settings)["records"] == 0, "nothing of it was landed"
        return
    told = load(run, settings=settings)
    # the landing zone is emptied below, the ledger is not: the same bytes are loaded once
    is_known = (kind, data) in LOADED
    LOADED.add((kind, data))
    if receipt["is_new"]:
        assert told["records"] == (0 if is_known else receipt["records"])
    assert told["loaded"] + told["superseded"] + told["quarantined"] == told["records"]
    after = counts(conn, described.kind)
    assert after[0] - before[0] == told["loaded"]
    assert after[1] - before[1] == told["quarantined"]
    shutil.rmtree(Zone.at(settings.landing).path(described.source))  # or each lists all before it


def counts(conn, kind):
    return rows(
        conn, f"select (select count(*) from raw.file_{kind}), count(*) from raw.quarantine"
    )[0]


def test_the_mutations_are_many_and_not_all_fatal(tmp_path):
    """The property above says little where nothing, or all, is refused."""
    random = Random(1)
    for kind in KINDS:
        seen: Counter[str] = Counter()
        for number in range(60):
            name, data = mutated(kind, random)
            export = tmp_path / f"{number}_{name}"
            export.write_bytes(data)
            try:
                told = files.count(description(kind), export)
            except SpecError:
                seen["file refused"] += 1
                continue
            with export.open("rb") as handle:
                found = list(files.rows(description(kind), handle, export.name, files.Notes()))
            assert len(found) == told
            seen.update("fits" if row.problem is None else "row refused" for row in found)
        assert 3 < seen["file refused"] < 40, (kind, seen)
        assert seen["fits"] > seen["row refused"] > 20, (kind, seen)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_models_build_on_mutated_files(settings, warehouse, tmp_path, seed):
    random = Random(seed)
    run = landed.nights(warehouse)()
    landed_files = 0
    for kind in KINDS * 70:
        name, data = mutated(kind, random)
        export = tmp_path / f"{next(NUMBERS)}_{name}"
        export.write_bytes(data)
        try:
            landing.land_file(run, description(kind), export, settings=settings)
            landed_files += 1
        except SpecError:
            continue
    receipt = load(run, settings=settings)
    assert landed_files > 200 and receipt["loaded"] > 1000 and receipt["quarantined"] > 100
    with psycopg.connect(settings.warehouse_url) as conn:
        conn.execute("update ops.runs set reads_up_to = run_no")
    dbt.build(run, part="first")
    identity.resolve(run)
    dbt.build(run, part="rest")
