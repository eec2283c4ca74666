"""One transaction brings readers from one night to the next, and back."""

import itertools
import json
import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from marts_by_hand import (
    AS_OF,
    DIRTY,
    add,
    case,
    contents,
    fill,
    make_build,
    models,
    small_night,
    start_run,
    sum_up,
)
from psycopg.types.json import Jsonb

from answerable import runs
from answerable.settings import Settings
from answerable.warehouse import db, roles
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import (
    PUBLICATIONS_KEPT,
    Published,
    PublishError,
    needs_full,
    publish,
    published_models,
    rollback,
)

MARTS = Schemas.of("")
DAY = timedelta(days=1)


@pytest.fixture
def night(warehouse: psycopg.Connection, settings: Settings) -> Callable[..., dict]:
    """`night(n)` publishes run `n` as of n days after AS_OF from what `build` holds."""
    make_build(warehouse)
    fill(warehouse, small_night())

    def run(number: int, **options: object) -> dict:
        start_run(warehouse, f"run-{number}", AS_OF + number * DAY, **options)
        return publish(f"run-{number}", models=models())

    return run


def in_build(conn: psycopg.Connection) -> dict[str, list[str]]:
    """What `build` holds, under the names that it has once published."""
    names = {model.table: model.schema for model in models()}
    return {
        f"{schema}.{table}": sorted(
            row for (row,) in conn.execute(f"select cast(t as text) from build.{table} as t")
        )
        for table, schema in names.items()
    }


def test_the_first_publication_shows_what_build_holds(night, warehouse):
    receipt = night(0)
    shown = contents(warehouse, MARTS)
    publication = shown.pop("marts.publication")
    assert shown == in_build(warehouse)
    assert sum(map(len, shown.values())) == receipt["rows_in"] - 1 > 50
    assert len(publication) == 1
    row = warehouse.execute("select as_of, run_id, sources from marts.publication").fetchone()
    assert row[:2] == (AS_OF, "run-0")
    assert row[2]["zendesk"]["is_stale"] is False
    assert row[2]["zendesk"]["last_good_at"].endswith("Z")
    status = warehouse.execute("select status, finished_at from ops.runs").fetchone()
    assert status[0] == "published" and status[1] is not None


def test_publishing_a_run_twice_is_publishing_it_once(night, warehouse):
    first = night(0)
    before = contents(warehouse, MARTS)
    warehouse.execute("delete from build.fct_cases")
    warehouse.commit()
    again = publish("run-0", models=models())
    assert again == first | {"already_published": True}
    assert contents(warehouse, MARTS) == before
    assert warehouse.execute("select count(*) from ops.publications").fetchone() == (1,)


def test_a_retry_after_a_commit_of_unknown_outcome_finds_the_publication(
    night, warehouse, monkeypatch
):
    def lost(*_: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("answerable.warehouse.publish._tidy", lost)
    with pytest.raises(psycopg.OperationalError):
        night(0)
    monkeypatch.undo()
    with psycopg.connect(warehouse.info.dsn, password=warehouse.info.password) as other:
        before = contents(other, MARTS)
    # the settings of the environment went with `undo`: hand them over
    receipt = publish("run-0", models=models(), settings=_settings(warehouse))
    assert receipt["already_published"] is True
    assert contents(warehouse, MARTS) == before


def test_a_publication_that_fails_half_way_leaves_nothing(night, warehouse, monkeypatch):
    night(0)
    before = contents(warehouse, MARTS)
    fill(warehouse, small_night()[:2])
    monkeypatch.setattr(
        "answerable.warehouse.publish._forget_old", lambda conn: conn.execute("select 1/0")
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        night(1)
    assert contents(warehouse, MARTS) == before
    assert warehouse.execute("select status from ops.runs where run_id = 'run-1'").fetchone() == (
        "running",
    )


def test_dirty_keys_and_no_others_are_brought_up_to_date(night, warehouse):
    night(0)
    changed = [
        case(1, AS_OF - timedelta(days=2), subject="another subject"),  # dirty: changed
        case(2, AS_OF - timedelta(days=2), subject="changed, but nobody said so"),
        *small_night()[3:],  # case 3 is gone: dirty
        case(7, AS_OF - timedelta(days=1)),  # dirty: new
    ]
    fill(warehouse, changed)
    for number in (1, 3, 7):
        warehouse.execute("insert into build.int_dirty_cases values (%s)", [f"zendesk:{number}"])
        warehouse.execute(
            "insert into build.int_dirty_conversations values (%s)", [f"zendesk:{number}"]
        )
    warehouse.execute("insert into build.int_dirty_customers values ('customer-1')")
    add(warehouse, "build.dim_customers", [{"customer_key": "new, but nobody said so"}])
    warehouse.commit()
    side = {model.table: model.schema for model in models()}

    def rows(schema: str, table: str, where: str) -> list:
        return warehouse.execute(
            f"select cast(t as text) from {schema}.{table} as t where {where} order by 1"
        ).fetchall()

    by_case = {table: column for table, column in DIRTY.items() if column != "customer_key"}
    before = {
        table: rows(side[table], table, f"{column} = 'zendesk:2'")
        for table, column in by_case.items()
    }
    night(1, is_full=False)
    for table, column in by_case.items():
        others = f"{column} <> 'zendesk:2'"
        assert rows(side[table], table, others) == rows("build", table, others), table
        untouched = rows(side[table], table, f"{column} = 'zendesk:2'")
        assert untouched == before[table], table
    seen = {table for table, kept in before.items() if kept}
    assert seen >= {"fct_cases", "fct_case_timeline", "fct_ownership_spans", "fct_sla_clocks"}
    known = "customer_key = 'customer-1'"
    assert rows("marts", "dim_customers", "true") == rows("build", "dim_customers", known)
    # tables without `dirty` are compared whole
    assert (
        contents(warehouse, MARTS)["marts.rpt_sla_compliance_daily"]
        == (in_build(warehouse)["marts.rpt_sla_compliance_daily"])
    )
    for table in ("int_dirty_cases", "int_dirty_conversations", "int_dirty_customers"):
        assert warehouse.execute(f"select count(*) from build.{table}").fetchone() == (0,), table


@pytest.mark.parametrize("is_full", [False, True])
def test_what_is_a_view_in_build_is_published_like_a_table(night, warehouse, is_full):
    warehouse.execute("alter table build.fct_cases rename to int_cases")
    warehouse.execute("create view build.fct_cases as select * from build.int_cases")
    warehouse.commit()
    night(0)
    warehouse.execute("update build.int_cases set topic = 'x' where case_key <> 'zendesk:2'")
    warehouse.execute("delete from build.int_cases where case_key = 'zendesk:1'")
    warehouse.execute("update build.int_cases set case_key = 'zendesk:9' where case_id = '3'")
    warehouse.execute(
        "insert into build.int_dirty_cases select 'zendesk:' || n from generate_series(1, 9) as n"
    )
    warehouse.commit()
    receipt = night(1, is_full=is_full)
    assert contents(warehouse, MARTS)["marts.fct_cases"] == in_build(warehouse)["marts.fct_cases"]
    assert receipt["tables"]["marts.fct_cases"] == {"in": 4, "out": 5}
    rollback()
    assert len(contents(warehouse, MARTS)["marts.fct_cases"]) == 6


def test_a_row_that_moves_to_another_case_is_moved_whichever_of_the_two_is_dirty(night, warehouse):
    night(0)
    for number, (dirty, conversation) in enumerate(
        [("zendesk:1", "zendesk:2"), ("zendesk:1", "zendesk:3")], 1
    ):
        warehouse.execute(
            "update build.fct_interactions set conversation_key = %s "
            "where interaction_key = 'zendesk:11'",
            [conversation],
        )
        warehouse.execute("insert into build.int_dirty_conversations values (%s)", [dirty])
        warehouse.execute("insert into build.int_dirty_conversations values ('zendesk:2')")
        if number == 2:  # only the case that it leaves is listed
            warehouse.execute(
                "delete from build.int_dirty_conversations where conversation_key = 'zendesk:1'"
            )
        warehouse.commit()
        night(number, is_full=False)
        assert warehouse.execute(
            "select conversation_key from marts.fct_interactions "
            "where interaction_key = 'zendesk:11'"
        ).fetchall() == [(conversation,)]


def test_a_full_night_puts_right_what_no_key_told(night, warehouse):
    night(0)
    warehouse.execute("update build.fct_cases set subject_masked = 'x', brand = null")
    warehouse.execute("delete from build.fct_ownership_spans where case_key = 'zendesk:6'")
    warehouse.commit()
    receipt = night(1)
    shown = contents(warehouse, MARTS)
    del shown["marts.publication"]
    assert shown == in_build(warehouse)
    assert receipt["tables"]["marts.fct_cases"] == {"in": 6, "out": 6}
    assert receipt["tables"]["marts.fct_ownership_spans"] == {"in": 0, "out": 2}
    assert receipt["tables"]["marts.fct_sla_clocks"] == {"in": 0, "out": 0}


def test_rows_that_are_equal_stay_where_they_are(night, warehouse):
    night(0)
    where = "select case_key, ctid from marts.fct_cases order by 1"
    before = warehouse.execute(where).fetchall()
    warehouse.commit()
    night(1)
    assert warehouse.execute(where).fetchall() == before


def test_rollbacks_give_back_each_night_to_the_byte(night, warehouse):
    receipts, seen = [], []
    for number in range(4):
        if number:
            cases = small_night(AS_OF + number * DAY)
            fill(warehouse, [*cases[number:], case(10 + number, AS_OF + (number - 1) * DAY)])
            warehouse.execute(
                "update build.rpt_sla_compliance_daily set met_share = met_share / 3 + 1e-17"
            )
            warehouse.execute(
                "update build.fct_cases set opened_at = opened_at + interval '0.123456 second'"
            )
            warehouse.execute(
                "insert into build.int_dirty_cases select case_key from build.fct_cases "
                "union select case_key from marts.fct_cases"
            )
            warehouse.commit()
        receipts.append(night(number, is_full=number % 2 == 0))
        seen.append(contents(warehouse, MARTS))
    assert all(one != other for one, other in itertools.pairwise(seen))
    for number in (2, 1, 0):
        receipt = rollback()
        assert receipt["rolled_back_run_id"] == f"run-{number + 1}"
        assert receipt["run_id"] == f"run-{number}"
        assert contents(warehouse, MARTS) == seen[number]
        assert needs_full(warehouse) is True
        warehouse.rollback()
    assert rollback()["run_id"] is None
    assert not any(contents(warehouse, MARTS).values())
    with pytest.raises(PublishError, match="nothing to roll back"):
        rollback()
    statuses = warehouse.execute("select distinct status from ops.runs").fetchall()
    assert statuses == [("rolled_back",)]
    assert warehouse.execute("select count(*) from ops.undo_marts_fct_cases").fetchone() == (0,)


def test_after_a_rollback_the_next_night_compares_everything(night, warehouse):
    assert needs_full(warehouse) is True
    warehouse.rollback()
    night(0)
    assert needs_full(warehouse) is False
    fill(warehouse, small_night()[:5])
    warehouse.execute("insert into build.int_dirty_cases values ('zendesk:6')")
    warehouse.commit()
    night(1, is_full=False)
    rollback()
    night(2, is_full=False)  # the dirty keys went with the publication that was rolled back
    shown = contents(warehouse, MARTS)
    del shown["marts.publication"]
    assert shown == in_build(warehouse)
    assert needs_full(warehouse) is False


def test_a_run_that_was_rolled_back_is_not_published_again(night, warehouse):
    night(0)
    rollback()
    with pytest.raises(db.NotRunning, match="rolled_back"):
        publish("run-0", models=models())


def test_a_rollback_refuses_where_somebody_else_changed_a_mart(night, warehouse):
    night(0)
    fill(warehouse, small_night()[1:])
    night(1)
    warehouse.execute("delete from marts.fct_cases")
    night(2)
    warehouse.execute("delete from marts.fct_cases where case_key = 'zendesk:2'")
    warehouse.execute("delete from marts.publication")
    warehouse.commit()
    before = contents(warehouse, MARTS)
    with pytest.raises(PublishError, match="somebody else changed"):
        rollback()
    assert contents(warehouse, MARTS) == before


def test_the_last_publications_and_no_more_can_be_undone(night, warehouse):
    for number in range(PUBLICATIONS_KEPT + 2):
        warehouse.execute("update build.fct_cases set subject_masked = %s", [str(number)])
        warehouse.commit()
        night(number)
    for _ in range(PUBLICATIONS_KEPT):
        rollback()
    assert warehouse.execute("select distinct subject_masked from marts.fct_cases").fetchall() == [
        ("1",)
    ]
    warehouse.commit()
    with pytest.raises(PublishError, match="cannot be rolled back"):
        rollback()


def test_no_night_is_published_over_a_newer_one(night, warehouse):
    night(3)
    for run_id, number in (("older", 2), ("same-day", 3)):
        start_run(warehouse, run_id, AS_OF + number * DAY)
        with pytest.raises(PublishError, match="which is not older"):
            publish(run_id, models=models())
    assert warehouse.execute("select run_id from marts.publication").fetchone() == ("run-3",)


def test_a_replay_has_schemas_of_its_own_and_leaves_the_published_alone(night, warehouse):
    night(3)
    before = contents(warehouse, MARTS)
    own = make_build(warehouse, "replay_20260301")
    fill(warehouse, small_night()[:3], schema=own.build)
    for run_id in ("replay-1", "replay-2"):  # the same day may be replayed again
        start_run(
            warehouse, run_id, AS_OF, kind="replay", prefix="replay_20260301", replays_run_no=1
        )
        publish(run_id, models=models())
        cases = warehouse.execute("select case_key from replay_20260301.fct_cases").fetchall()
        assert len(cases) == 3
        assert warehouse.execute(
            "select as_of, run_id from replay_20260301.publication"
        ).fetchone() == (AS_OF, run_id)
        fill(warehouse, small_night()[2:5], schema=own.build)
    assert contents(warehouse, MARTS) == before
    assert rollback()["rolled_back_run_id"] == "run-3"  # of the nights, the last


def test_a_changed_contract_is_followed_before_the_rows(night, warehouse):
    night(0)
    before = contents(warehouse, MARTS)
    warehouse.execute("alter table build.fct_cases add column sentiment numeric(4, 2)")
    warehouse.execute("update build.fct_cases set sentiment = 0.50")
    warehouse.execute("alter table build.fct_cases drop column source_verdict")
    warehouse.execute("alter table build.fct_cases alter column reopen_count type bigint")
    warehouse.execute(
        "alter table build.fct_cases alter column subject_masked type integer using 1"
    )
    warehouse.commit()
    night(1, is_full=False)  # the table is compared whole all the same
    build, marts = (
        warehouse.execute(
            "select column_name, data_type, numeric_scale from information_schema.columns "
            "where table_schema = %s and table_name = 'fct_cases' order by 1",
            [schema],
        ).fetchall()
        for schema in ("build", "marts")
    )
    assert marts == build
    names = [name for name, _, _ in build]
    rows = {
        schema: warehouse.execute(
            f"select {', '.join(names)} from {schema}.fct_cases order by case_key"
        ).fetchall()
        for schema in ("build", "marts")
    }
    assert rows["marts"] == rows["build"] and len(rows["build"]) == 6
    warehouse.commit()
    rollback()  # what both contracts have is as it was
    assert contents(warehouse, MARTS)["marts.fct_sla_clocks"] == before["marts.fct_sla_clocks"]
    assert warehouse.execute(
        "select count(*), count(sentiment) from marts.fct_cases"
    ).fetchone() == (
        6,
        0,
    )


def test_a_contract_that_an_outside_view_holds_is_an_error_that_names_it(night, warehouse):
    night(0)
    warehouse.execute("create schema outside")
    warehouse.execute("create view outside.verdicts as select source_verdict from marts.fct_cases")
    warehouse.execute("alter table build.fct_cases drop column source_verdict")
    warehouse.commit()
    with pytest.raises(PublishError, match=r"marts\.fct_cases: .*outside\.verdicts"):
        night(1)


def test_a_mart_that_is_no_longer_made_does_not_show_an_old_night(night, warehouse):
    night(0)
    before = contents(warehouse, MARTS)
    start_run(warehouse, "run-1", AS_OF + DAY)
    publish("run-1", models=[model for model in models() if model.table != "fct_cases"])
    assert contents(warehouse, MARTS)["marts.fct_cases"] == []
    rollback()
    assert contents(warehouse, MARTS) == before


def test_a_missing_table_in_build_is_named(night, warehouse):
    warehouse.execute("drop table build.fct_calls")
    warehouse.commit()
    with pytest.raises(PublishError, match=r"build\.fct_calls is not there"):
        night(0)


def test_readers_may_read_marts_and_only_the_private_role_the_private_schema(night, warehouse, pg):
    night(0)
    database = warehouse.info.dbname
    with psycopg.connect(pg.url(roles.READER), dbname=database) as reader:
        assert reader.execute("select count(*) from marts.fct_cases").fetchone() == (6,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("select * from private.interaction_texts")
        reader.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("select * from ops.undo_private_interaction_texts")
    with psycopg.connect(pg.url(roles.PRIVATE), dbname=database) as reader:
        assert reader.execute("select count(*) from private.interaction_texts").fetchone()[0] > 0


def test_one_statement_never_mixes_two_nights_nor_meets_an_empty_mart(night, warehouse):
    night(0)
    stop, mixed, seen = threading.Event(), [], set()
    dsn = _settings(warehouse).warehouse_url

    def read() -> None:
        with psycopg.connect(dsn, autocommit=True) as reader:
            while not stop.is_set():
                row = reader.execute(
                    """
                    select
                        (select run_id from marts.publication),
                        (select string_agg(distinct subject_masked, ',') from marts.fct_cases),
                        (select string_agg(distinct text_masked, ',') from marts.fct_interactions),
                        (select string_agg(distinct text, ',') from private.interaction_texts)
                    """
                ).fetchone()
                seen.add(row[0])
                if row[0] != "run-0" and row != (row[0],) + (row[0],) * 3:
                    mixed.append(row)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 16):
            for table, column in (
                ("fct_cases", "subject_masked"),
                ("fct_interactions", "text_masked"),
                ("interaction_texts", "text"),
            ):
                warehouse.execute(f"update build.{table} set {column} = %s", [f"run-{number}"])
            warehouse.commit()
            night(number)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert mixed == []
    assert len(seen) > 5


def test_a_reader_in_a_long_transaction_delays_no_publication(night, warehouse):
    night(0)
    with psycopg.connect(_settings(warehouse).warehouse_url) as reader:
        reader.execute("set transaction isolation level repeatable read")
        before = reader.execute("select run_id from marts.publication").fetchone()
        fill(warehouse, small_night()[:1])
        receipt = night(1)
        assert receipt["rows_out"] > 0
        assert reader.execute("select count(*) from marts.fct_cases").fetchone() == (6,)
        assert reader.execute("select run_id from marts.publication").fetchone() == before


def test_a_source_that_did_not_answer_is_stale_since_its_last_good_time(night, warehouse):
    night(0)
    good_at = warehouse.execute("select sources from marts.publication").fetchone()[0]["zendesk"]
    start_run(warehouse, "run-1", AS_OF + DAY)
    warehouse.execute(
        "update ops.stream_runs set status = 'failed', finished_at = now() + interval '1 day' "
        "where run_id = 'run-1'"
    )
    add(
        warehouse,
        "ops.stream_runs",
        [
            {
                "run_id": "run-0",
                "source": "boston311",
                "source_kind": "file",
                "stream": "cases",
                "status": "landed",
                "finished_at": "2026-02-03 04:05:06",
            }
        ],
    )
    warehouse.commit()
    publish("run-1", models=models())
    sources = warehouse.execute("select sources from marts.publication").fetchone()[0]
    assert sources == {
        "boston311": {
            "last_good_at": "2026-02-03T04:05:06Z",
            "is_stale": False,  # an export handed in once is not expected each night
            "stale_streams": [],
            "incomplete_streams": {},
            "holes": [],
        },
        "zendesk": {
            "last_good_at": good_at["last_good_at"],
            "is_stale": True,
            "stale_streams": ["tickets"],
            "incomplete_streams": {},
            "holes": [],
        },
    }


def test_a_stream_that_stopped_on_its_way_is_incomplete_and_one_nobody_pays_for_is_stale(
    night, warehouse
):
    night(0)
    start_run(warehouse, "run-1", AS_OF + DAY)
    warehouse.execute("delete from ops.stream_runs where run_id = 'run-1'")
    common = {"run_id": "run-1", "source": "x", "source_kind": "x"}
    stopped = common | {"stream": "mentions", "status": "incomplete", "error": "read to the 5th"}
    unpaid = common | {"stream": "posts", "status": "out_of_credits", "error": "answered 402"}
    add(warehouse, "ops.stream_runs", [stopped, unpaid])
    # read in some night before, and not asked for any more
    given_up = common | {"run_id": "run-0", "stream": "refreshed_posts", "status": "failed"}
    add(warehouse, "ops.stream_runs", [given_up])
    streams = [{"source": "x", "kind": "x", "stream": name} for name in ("mentions", "posts")]
    warehouse.execute(
        "update ops.runs set streams = streams || %s where run_id = 'run-1'", [Jsonb(streams)]
    )
    hole = {"batch_id": 7, "hole_no": 1, "source": "x", "stream": "mentions", "part": "11"}
    hole |= {"from_at": "2026-02-01", "until_at": "2026-02-03 04:05:06", "reason": "gone"}
    add(warehouse, "ops.holes", [hole, hole | {"batch_id": 8}])
    for number, run_no in ((7, 2), (8, 3)):
        warehouse.execute(
            "insert into ops.batches overriding system value values (%s, 'x', 'x', 'mentions',"
            " %s, '', '', null, null, 0, 0, 0, 0, now(), %s)",
            [number, str(number), run_no],
        )
    warehouse.commit()
    publish("run-1", models=models())
    sources = warehouse.execute("select sources from marts.publication").fetchone()[0]
    assert sources["x"] == {
        "last_good_at": None,
        "is_stale": True,
        "stale_streams": ["posts"],
        "incomplete_streams": {"mentions": "read to the 5th"},
        "holes": [  # the other is of a night to come
            {
                "stream": "mentions",
                "part": "11",
                "from_at": "2026-02-01T00:00:00Z",
                "until_at": "2026-02-03T04:05:06Z",
            }
        ],
    }


def test_what_to_publish_is_read_from_the_manifest(tmp_path):
    def node(name: str, meta: dict, **more: object) -> dict:
        return {"resource_type": "model", "name": name, "config": {"meta": meta}} | more

    file = tmp_path / "manifest.json"
    nodes = [
        node("int_things", {}),
        node(
            "fct_cases",
            {"publish": "marts", "key": ["case_key"], "dirty": "case_key"},
            description="One row per case.",
            columns={"case_key": {"description": "Which."}, "brand": {}},
        ),
        node("customer_identities", {"publish": "private", "key": ["identifier_key"]}),
    ]
    file.write_text(json.dumps({"nodes": {str(i): one for i, one in enumerate(nodes)}}))
    assert published_models(file) == [
        Published(
            table="fct_cases",
            schema="marts",
            key=("case_key",),
            dirty="case_key",
            description="One row per case.",
            columns={"case_key": "Which.", "brand": ""},
        ),
        Published(table="customer_identities", schema="private", key=("identifier_key",)),
    ]
    for meta, said in (
        ({"publish": "public", "key": ["a"]}, "expected 'marts' or 'private'"),
        ({"publish": "marts"}, "no key"),
        ({"publish": "marts", "key": ["a"], "dirty": "brand"}, "expected one of"),
    ):
        file.write_text(json.dumps({"nodes": {"1": node("bad", meta)}}))
        with pytest.raises(PublishError, match=said):
            published_models(file)


def test_descriptions_become_comments(night, warehouse):
    described = [
        Published(
            table=model.table,
            schema=model.schema,
            key=model.key,
            dirty=model.dirty,
            description=f"What {model.table} means; it's 'quoted'.",
            columns={"case_key": "Which case."},
        )
        for model in models()
    ]
    start_run(warehouse, "run-0")
    publish("run-0", models=described)
    assert warehouse.execute(
        "select obj_description('marts.fct_cases'::regclass), "
        "col_description('marts.fct_cases'::regclass, 1)"
    ).fetchone() == ("What fct_cases means; it's 'quoted'.", "Which case.")


def test_the_daily_report_is_rolled_back_with_its_clocks(night, warehouse):
    night(0)
    before = contents(warehouse, MARTS)
    warehouse.execute("delete from build.fct_sla_clocks where metric = 'first_reply_time'")
    sum_up(warehouse)
    warehouse.commit()
    night(1)
    rollback()
    assert contents(warehouse, MARTS) == before
    assert runs.get(warehouse, "run-1").status == "rolled_back"


def _settings(conn: psycopg.Connection) -> Settings:
    info = conn.info
    return Settings.from_environment(
        {
            "ANSWERABLE_WAREHOUSE_URL": f"postgresql://{info.user}:{info.password}@{info.host}"
            f":{info.port}/{info.dbname}"
        }
    )
