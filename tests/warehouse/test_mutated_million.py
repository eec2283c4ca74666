"""A long run of mutated records of every stream: landed, loaded, staged, each one accounted for.

`make fuzz` throws 1,000,000 at it, `make test-all` fewer; which streams there are, the code says.
A failure names its seed; ANSWERABLE_FUZZ_SEED runs it again.
"""

import json
import os
import shutil
import time
from collections import Counter
from itertools import count
from pathlib import Path
from random import Random

import landed
import mutated_rows
import psycopg
import pytest
from mutations import STREAMS, mutated, samples
from psycopg import sql

from answerable import files
from answerable.landing import land_file
from answerable.landing.batch import Batch
from answerable.landing.zone import Zone
from answerable.settings import Settings
from answerable.sources import stream as stream_of
from answerable.warehouse import dbt
from answerable.warehouse.load import load
from answerable.warehouse.setup import RAW_STREAMS

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]

ALL = [*STREAMS, *(("file", kind) for kind in files.kinds.KINDS)]
IS_LONG = "fuzz" in os.environ.get("HYPOTHESIS_PROFILE", "")
RECORDS = 1_000_000 if IS_LONG else 20_000
OBJECT = 5_000 if IS_LONG else 500
SEED = int(os.environ.get("ANSWERABLE_FUZZ_SEED") or (time.time() if IS_LONG else 1))
# of what raw holds, models that take a part take this one: answers given before as_of
ONLY = {
    "stg_zendesk__satisfaction_ratings": "payload ->> 'score' in"
    " ('good', 'bad', 'good_with_comment', 'bad_with_comment')"
    " and (payload ->> 'updated_at')::timestamptz < '2026-03-01 00:00Z'"
}


def test_every_stream_takes_part():
    assert set(ALL) == {(kind, name) for kind, names in RAW_STREAMS.items() for name in names}


def test_records_in_are_loaded_superseded_or_quarantined_and_staged(settings: Settings, warehouse):
    run = landed.nights(warehouse)()
    numbers, random = count(10**9), Random(SEED)
    told: dict[str, dict[str, float]] = {}
    for kind, name in ALL:
        seconds = Counter()
        began = time.monotonic()
        target = -(-RECORDS // len(ALL))
        objects = -(-target // OBJECT)
        for _ in range(objects):
            if kind == "file":
                land_export(settings, run, name, random, numbers)
            else:
                land_records(settings, run, kind, name, random, numbers)
        seconds["land_seconds"] = time.monotonic() - began
        before = stored(warehouse, kind, name)
        began = time.monotonic()
        receipt = load(run, settings=settings)
        seconds["load_seconds"] = time.monotonic() - began
        after = stored(warehouse, kind, name)
        where = f"{kind}.{name}, seed {SEED}: {receipt}"
        assert (
            receipt["loaded"] + receipt["superseded"] + receipt["quarantined"]
            == (receipt["records"])
        ), where
        assert receipt["records"] >= target * (0.9 if kind == "file" else 1), where
        assert after[0] - before[0] == receipt["loaded"], where
        assert after[1] - before[1] == receipt["quarantined"], where
        assert receipt["loaded"] and receipt["quarantined"], where
        told[f"{kind}.{name}"] = {
            **{k: receipt[k] for k in ("records", "loaded", "superseded", "quarantined")},
            **{k: round(v, 1) for k, v in seconds.items()},
        }
        for each in Zone.at(settings.landing).path(".").iterdir():
            shutil.rmtree(Path(str(each)))
    with psycopg.connect(settings.warehouse_url) as conn:
        conn.execute("update ops.runs set reads_up_to = run_no")
    began = time.monotonic()
    dbt.build(run, part="first")
    assert unstaged(warehouse) == {}, f"seed {SEED}"
    total = {k: sum(each[k] for each in told.values()) for k in next(iter(told.values()))}
    print(json.dumps(told | {"all": total, "staged_seconds": round(time.monotonic() - began, 1)}))
    assert total["records"] == total["loaded"] + total["superseded"] + total["quarantined"]
    assert total["records"] >= RECORDS


def land_records(settings, run, kind, name, random, numbers) -> None:
    """An object of mutated records, most of them under a key of their own."""
    of, described = samples()[kind, name], stream_of(kind, name)
    batch = Batch(
        zone=Zone.at(settings.landing),
        folder=f"{kind}/{name}/{next(numbers)}",
        source=kind,
        source_kind=kind,
        stream=name,
        run_id=run,
        walk=1,
        cursor=None,
        now=lambda: "",
    )
    texts = []
    for _ in range(OBJECT):
        record = json.loads(random.choice(of))
        if random.random() < 0.7:
            id_ = next(numbers)
            if described.key == "id" and record["id"] != "all":
                record["id"] = id_
            elif described.key == "edit_history_tweet_ids[0]":
                record["id"] = str(id_)
                record["edit_history_tweet_ids"] = [str(id_)]
        texts.append(mutated(json.dumps(record), random))
    batch.add(texts, None)
    batch.close(is_last=True)


def land_export(settings, run, kind, random, numbers) -> None:
    file = settings.home / f"{kind}_{next(numbers)}.csv"
    first = next(numbers) * 10_000
    file.write_bytes(mutated_rows.export(kind, OBJECT, random, first))
    land_file(run, mutated_rows.description(kind), file, settings=settings)
    file.unlink()


def stored(conn, kind: str, name: str) -> tuple[int, int]:
    (found,) = landed.rows(
        conn, f"select (select count(*) from raw.{kind}_{name}), count(*) from raw.quarantine"
    )
    return found


def unstaged(conn) -> dict[str, tuple[int, int]]:
    """By staging model that has a row a record: how many records raw and the model have, where
    they are not as many."""
    models = {
        name
        for (name,) in landed.rows(
            conn,
            "select table_name from information_schema.columns where table_schema = 'build'"
            " and table_name like 'stg\\_%%' and column_name = 'record_key'",
        )
    }
    compared, found = 0, {}
    for kind, name in ALL:
        model = f"stg_{kind}__{name}"
        if model not in models:
            continue
        compared += 1
        (numbers,) = landed.rows(
            conn,
            sql.SQL(
                "select (select count(distinct (source, record_key)) from raw.{} where {}),"
                " (select count(distinct (source, record_key)) from build.{})"
            ).format(
                sql.Identifier(f"{kind}_{name}"),
                sql.SQL(ONLY.get(model, "true")),
                sql.Identifier(model),
            ),
        )
        if numbers[0] != numbers[1]:
            found[model] = numbers
    assert compared > 10, models
    return found
