"""What posts say goes when somebody asks for it, and stays gone; that they were there stays."""

import gzip
import json
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from landed import Killed, Pages, nights, rows
from marts_by_hand import AS_OF, add, case, fill, make_build, models, small_night, start_run
from psycopg import sql

from answerable.landing import land
from answerable.landing.zone import Zone
from answerable.sources import Connection
from answerable.warehouse.load import load
from answerable.warehouse.publish import publish, rollback
from answerable.warehouse.purge import PurgeError, purge
from answerable.warehouse.rebuild import rebuild_raw

X = Connection(name="x", kind="x", host="h", password="p", extra={"own_user_ids": ["11"]})
SECRET = "the lid cut my thumb in the night of the fair"
HANDLE = "Cora_Imagina"


@pytest.fixture
def night(warehouse):
    return nights(warehouse)


def post(*ids, text=SECRET, **more):
    """A post by somebody; one of other words by somebody else."""
    return {
        "id": ids[-1],
        "edit_history_tweet_ids": list(ids),
        "author_id": "7" if text == SECRET else "8",
        "conversation_id": "5",
        "created_at": "2026-02-28T10:00:00.000Z",
        "in_reply_to_user_id": "11",  # what it answers comes with another walk
        "text": text,
        "public_metrics": {"like_count": 77},
        "referenced_tweets": [{"type": "replied_to", "id": "5", "text": text}],
        "entities": {"mentions": [{"id": "11", "username": "TidewellCare", "start": 0}]},
        **more,
    }


def page(*posts, **meta):
    users = [{"id": "7", "name": SECRET, "username": HANDLE}, {"id": "8", "username": "kept"}]
    newest = {"newest_id": posts[0]["id"]} if posts else {"result_count": 0}
    body = {"meta": newest | meta, "includes": {"users": users}}
    return body | ({"data": list(posts)} if posts else {})


def everything(conn: psycopg.Connection, landing: str) -> str:
    """All that is kept anywhere, as one text."""
    found = []
    tables = conn.execute(
        "select nspname, relname from pg_class join pg_namespace on relnamespace = pg_namespace.oid"
        " where relkind = 'r' and nspname !~ '^pg_' and nspname <> 'information_schema'"
    ).fetchall()
    for schema, table in tables:
        query = sql.SQL("select cast(one as text) from {} as one").format(
            sql.Identifier(schema, table)
        )
        found += [row for (row,) in conn.execute(query)]
    for (untouched,) in conn.execute("select untouched from raw.quarantine"):
        found.append(bytes(untouched).decode("utf-8", "replace"))
    conn.commit()
    for path in sorted(Path(landing).rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found.append((gzip.decompress(data) if path.suffix == ".gz" else data).decode())
    return "\n".join(found)


def raw(conn: psycopg.Connection, name="mentions"):
    return rows(
        conn,
        f"select record_key, version, payload ? 'text', record_hash from raw.x_{name}"
        " order by batch_id, position",
    )


@pytest.fixture
def pulled(settings, warehouse, night):
    """Two nights: a post, an edit of it, another post; all of it again with other numbers."""
    first = page(post("92", text="keep me"), post("90", "91"), post("90"))
    run = night()
    land(run, "x", "mentions", X, client=Pages(first))
    load(run)
    changed = post("90", "91", public_metrics={"like_count": 78})
    broken = {"id": "90", "edit_history_tweet_ids": ["90"], "text": SECRET}  # without an instant
    run = night()
    land(run, "x", "mentions", X, client=Pages(page(post("93", text="me too"), changed, broken)))
    load(run)
    assert SECRET in everything(warehouse, settings.landing)
    return settings


def test_a_purge_leaves_no_word_anywhere_and_every_record_accounted_for(pulled, warehouse):
    before = rows(warehouse, "select sum(record_count) from ops.batches")
    told = purge("x", ["90"], pulled)
    assert (told["found"], told["landed_objects"], told["raw_records"]) == (1, 2, 3)
    kept = everything(warehouse, pulled.landing)
    assert SECRET not in kept and '"77"' not in kept
    assert "keep me" in kept and "me too" in kept
    # of the two that differed by their numbers alone the second is superseded
    assert [row[:3] for row in raw(warehouse)] == [
        ("92", 1, True), ("90", 2, False), ("90", 1, False), ("93", 1, True),
    ]  # fmt: skip
    assert rows(warehouse, "select sum(record_count) from ops.batches") == before
    assert rows(
        warehouse,
        "select loaded_count = (select count(*) from raw.x_mentions as m"
        " where m.batch_id = batches.batch_id) from ops.batches where stream = 'mentions'",
    ) == [(True,), (True,)]
    (payload,) = rows(warehouse, "select payload from raw.x_mentions where version = 2")[0]
    assert payload == {
        "id": "91",
        "edit_history_tweet_ids": ["90", "91"],
        "author_id": "7",
        "conversation_id": "5",
        "created_at": "2026-02-28T10:00:00.000Z",
        "in_reply_to_user_id": "11",
        "referenced_tweets": [{"type": "replied_to", "id": "5"}],
        "entities": {"mentions": [{"id": "11"}]},
        "_purged": True,
    }
    fact = "select record_key, ids, purged_at is not null, finished_at is not null from ops.purges"
    assert rows(warehouse, fact) == [("90", ["90", "91"], True, True)]


def test_it_stays_gone_when_raw_is_made_again_and_when_it_comes_again(pulled, warehouse, night):
    purge("x", ["90"], pulled)
    run = night()
    assert load(run)["loaded"] == 1  # what tells the night which conversations to build anew
    stored = raw(warehouse)
    rebuild_raw(pulled)
    assert raw(warehouse) == stored
    assert SECRET not in everything(warehouse, pulled.landing)
    again = page(post("95", text="new"), post("90", "91"), post("90"))
    land(run, "x", "mentions", X, client=Pages(again))
    load(run)
    kept = everything(warehouse, pulled.landing)
    assert SECRET not in kept and "new" in kept
    assert raw(warehouse)[-1][:3] in {("95", 1, True), ("90", 1, False), ("90", 2, False)}
    purge("x", [], pulled)  # all of before again: nothing is left to do
    assert SECRET not in everything(warehouse, pulled.landing)


def test_an_edit_s_id_names_the_post_and_an_id_that_is_not_there_is_kept_out(
    pulled, warehouse, night
):
    assert purge("x", ["91", "99"], pulled)["found"] == 1
    assert SECRET not in everything(warehouse, pulled.landing)
    assert rows(warehouse, "select record_key from ops.purges order by 1") == [("90",), ("99",)]
    run = night()
    land(run, "x", "mentions", X, client=Pages(page(post("99"), post("98", text="fine"))))
    load(run)
    kept = everything(warehouse, pulled.landing)
    assert SECRET not in kept and "fine" in kept


@pytest.mark.parametrize("dies_at", range(1, 8))
def test_killed_anywhere_the_landing_zone_is_whole_and_the_next_call_finishes(
    pulled, warehouse, monkeypatch, dies_at
):
    writing, calls = Zone.writing, iter(range(1, 100))

    def dying(self, name):
        if next(calls) == dies_at:
            raise Killed
        return writing(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Zone, "writing", dying)
        with pytest.raises(Killed):
            purge("x", ["90"], pulled)
    warehouse.rollback()
    zone = Zone.at(pulled.landing)
    for name in zone.names():
        list(zone.lines(zone.manifest(name)))  # raises where object and manifest contradict
    assert rows(warehouse, "select finished_at from ops.purges") == [(None,)]
    purge("x", [], pulled)
    assert SECRET not in everything(warehouse, pulled.landing)
    assert rows(warehouse, "select finished_at is null from ops.purges") == [(False,)]
    assert not any(zone.manifest(name).was_sha256 for name in zone.names())
    rebuild_raw(pulled)
    assert SECRET not in everything(warehouse, pulled.landing)


def test_what_readers_see_and_what_undoing_would_bring_back_is_empty_at_once(
    pulled, warehouse, night
):
    make_build(warehouse)
    warehouse.execute("update ops.runs set status = 'published'")
    for number in (0, 1, 2):
        start_run(warehouse, f"run-{number}", AS_OF + timedelta(days=number))
        fill(warehouse, [*small_night(), case(50 + number, AS_OF - timedelta(days=2))])
        key = {"interaction_key": "x:90", "conversation_key": "x:5"}
        said = key | {"text_masked": f"{SECRET} {number}", "source": "x"}
        add(warehouse, "build.fct_interactions", [said])
        add(warehouse, "build.interaction_texts", [key | {"text": f"{SECRET} {number}"}])
        add(
            warehouse,
            "build.fct_interaction_metrics",
            [key | {"observed_on": "2026-03-01", "like_count": 76_543_210 + number}],
        )
        add(
            warehouse,
            "build.customer_identities",
            [
                {
                    "identifier_key": f"x_handle:{HANDLE.lower()}",
                    "customer_key": f"customer-{number}",
                    "identifier_kind": "x_handle",
                    "identifier": HANDLE.lower(),
                }
            ],
        )
        carried = {"identifier_key": f"x_handle:{HANDLE.lower()}", "source": "x"}
        add(
            warehouse,
            "build.customer_evidence",
            [
                carried
                | {"account_identifier_key": "x:user:7", "evidence": "account"}
                | {"customer_key": f"customer-{number}", "identifier": HANDLE.lower()},
                # a sale whose buyer is known by the handle alone
                {"account_identifier_key": f"x_handle:{HANDLE.lower()}", "evidence": "account"}
                | {"identifier_key": "identifier-1", "source": "sales", "customer_key": "c"},
            ],
        )
        change = {"changed_on": "2026-02-21", "customer_key": "a", "became_customer_key": "b"}
        add(warehouse, "build.customer_changes", [carried | change | {"cause": f"{number}"}])
        add(
            warehouse,
            "build.customer_history",
            [{"customer_key": "c", "interaction_no": 1, "interaction_key": "x:90"}
             | {"text": f"{SECRET} {number}"}],
        )  # fmt: skip
        warehouse.commit()
        publish(f"run-{number}", models=models())
    assert f"{SECRET} 0" in everything(warehouse, pulled.landing)  # in the undo tables
    purge("x", ["90"], pulled)
    kept = everything(warehouse, pulled.landing)
    assert SECRET not in kept and HANDLE.lower() not in kept.lower() and "7654321" not in kept
    seen = "select count(*) from marts.fct_interactions where interaction_key = 'x:90'"
    assert rows(warehouse, seen) == [(1,)]
    warehouse.commit()
    assert rollback(pulled)["run_id"] == "run-1"
    assert rollback(pulled)["run_id"] == "run-0"
    kept = everything(warehouse, pulled.landing)
    assert SECRET not in kept and HANDLE.lower() not in kept.lower()
    assert rows(warehouse, seen) == [(1,)]


@pytest.mark.parametrize(
    "source, ids, said",
    [
        ("x", ["90", "me"], "1 of the ids"),
        ("x", ["9" * 20], "no post ids"),
        ("y", ["90"], "was never pulled"),
    ],
)
def test_what_cannot_be_purged_is_said_and_nothing_is_done(pulled, warehouse, source, ids, said):
    with pytest.raises(PurgeError, match=said):
        purge(source, ids, pulled)
    assert rows(warehouse, "select * from ops.purges") == []
    assert SECRET in json.dumps(rows(warehouse, "select payload from raw.x_mentions"))
