"""Whatever raw holds, dbt builds on it: mutated records of every stream crash no model."""

from random import Random

import landed
import psycopg
import pytest
from mutations import STREAMS, mutated, samples

from answerable import identity
from answerable.landing.batch import Batch
from answerable.landing.zone import Zone
from answerable.warehouse import dbt
from answerable.warehouse.load import load

RECORDS = 1500  # of each stream

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_models_build_on_mutated_records(settings, warehouse, seed):
    random = Random(seed)
    run = landed.nights(warehouse)()
    for kind, name in STREAMS:
        batch = Batch(
            zone=Zone.at(settings.landing),
            folder=f"{kind}/{name}/1",
            source=kind,
            source_kind=kind,
            stream=name,
            run_id=run,
            walk=1,
            cursor=None,
            now=lambda: "",
        )
        of = samples()[kind, name]
        batch.add([mutated(random.choice(of), random) for _ in range(RECORDS)], None)
        batch.close(is_last=True)
    receipt = load(run, settings=settings)
    assert receipt["loaded"] > 2000 and receipt["quarantined"] > 2000
    with psycopg.connect(settings.warehouse_url) as conn:
        conn.execute("update ops.runs set reads_up_to = run_no")
    dbt.build(run, part="first")
    identity.resolve(run)
    dbt.build(run, part="rest")
