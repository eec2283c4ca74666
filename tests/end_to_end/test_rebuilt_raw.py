"""`make nightly REBUILD=raw`: the same rows in raw, the same published, older nights as before."""

import psycopg
import pytest
from houses import FIRST_DAY, House
from psycopg import sql

from answerable.runtime import postgres
from answerable.warehouse.setup import RAW_STREAMS, raw_table

pytestmark = pytest.mark.slow

SMALL = {"ANSWERABLE_SANDBOX_SIZE": "0.05"}


def raw(house: House) -> dict[str, list[tuple]]:
    """Every row of raw and where it came from, without numbers that the database gave."""
    found = {}
    with psycopg.connect(postgres.cluster_of(house.home).url()) as conn:
        for table in (raw_table(kind, name) for kind, its in RAW_STREAMS.items() for name in its):
            found[table] = conn.execute(
                sql.SQL(
                    "select object, position, raw.source, record_key, version, record_hash,"
                    " payload::text, first_read_run_no from {} as raw"
                    " join ops.batches using (batch_id) order by object, position"
                ).format(sql.Identifier("raw", table))
            ).fetchall()
        found["watermarks"] = conn.execute(
            "select source, stream, cursor from ops.watermarks order by 1, 2"
        ).fetchall()
    return found


def test_a_night_that_makes_raw_again_first_is_as_one_that_does_not(new_house):
    plain, rebuilt = new_house(more=SMALL), new_house(more=SMALL)
    for house in (plain, rebuilt):
        house.night(f"DATE={FIRST_DAY}")
    first = plain.published()
    assert rebuilt.published() == first
    plain.night()
    said = rebuilt.night("REBUILD=raw")
    assert "rebuild zendesk.tickets" in said and "rebuild x.mentions" in said
    assert sum(map(len, raw(plain).values())) > 1000
    assert raw(rebuilt) == raw(plain)
    assert plain.published() != first
    assert rebuilt.published() == plain.published()
    asked = "select count(*) as n, sum(object_count) as objects from ops.raw_rebuilds"
    counts = rebuilt.query(asked, "ROLE=owner")
    assert counts[0]["n"] == "1" and int(counts[0]["objects"]) > 10

    # which night read what first is kept, so the night before can be looked at again
    rebuilt.night(f"DATE={FIRST_DAY}")
    name = f"replay_{FIRST_DAY.replace('-', '')}"
    replayed = rebuilt.published(name, f"{name}_private")
    assert {table: rows for table, rows in replayed.items() if table != "publication"} == {
        table: rows for table, rows in first.items() if table != "publication"
    }


def test_raw_is_left_alone_where_an_object_is_not_in_landing_any_more(new_house):
    house = new_house(more=SMALL)
    house.night(f"DATE={FIRST_DAY}")
    before, published = raw(house), house.published()
    landed = sorted((house.home / "landing").rglob("*.manifest.json"))
    landed[0].unlink()
    done = house.make("nightly", "REBUILD=raw")
    assert done.returncode != 0
    assert "1 of the" in done.stdout + done.stderr and "are not there any more" in (
        done.stdout + done.stderr
    )
    assert raw(house) == before and house.published() == published
