"""A purge between nights: what was said is gone, and no count and no clock of the past moved."""

import gzip
from pathlib import Path

import psycopg
import pytest
from oracle import unlike_rows
from psycopg import sql

from answerable import pipeline
from answerable.runtime import sandbox
from answerable.sandbox import server
from answerable.warehouse.purge import purge

SIZE = 0.05
NIGHTS = ("2025-12-11", "2025-12-12")
# who a customer is may be known by a handle that only the purged posts showed
BY_HANDLE = {
    "fct_interactions": {"customer_key", "text_masked", "is_deleted"},
    "fct_cases": {"customer_key", "has_repeat_contact"},
    "rpt_unprompted_mentions": {"customer_key", "text_masked", "has_later_contact"}
    | {"impression_count", "author_follower_count"},
    "rpt_mentions_daily": {"observed_count", "impression_count", "author_follower_count"},
}
OF_CONTENTS = {"fct_interaction_metrics", "dim_customers"}


@pytest.fixture(scope="module")
def nights(new_settings, using):
    settings = new_settings()
    with (
        server.serve(size=SIZE, present=NIGHTS[0]) as handle,
        psycopg.connect(settings.warehouse_url, autocommit=True) as conn,
    ):
        accounts = sandbox.connections(handle.airflow_connections())

        def run(day: str) -> dict:
            handle.move_to(day)
            with pytest.MonkeyPatch.context() as patch, using(settings):
                patch.setenv("ANSWERABLE_IDENTITY_SECRET", "the same in each of these nights")
                return pipeline.run_night(day, connections=accounts, is_sandbox=True)

        run(NIGHTS[0])
        yield settings, conn, run


def rows(conn, schema: str, table: str, without: set[str]) -> list[str]:
    names = [
        name
        for (name,) in conn.execute(
            "select column_name from information_schema.columns where table_schema = %s"
            " and table_name = %s order by ordinal_position",
            [schema, table],
        )
        if name not in without
    ]
    query = sql.SQL("select cast(row({}) as text) from {} order by 1").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(schema, table)
    )
    return [row for (row,) in conn.execute(query)]


@pytest.mark.slow
def test_after_a_purge_only_what_was_said_is_gone(nights):
    settings, conn, run = nights
    chosen = [
        row
        for query in (
            # a question that was answered, an answer of ours, one who wrote to nobody of ours
            "direction = 'inbound' and not is_unprompted and case_key in"
            " (select case_key from marts.fct_cases where reply_count > 0 and inbound_count > 1)",
            "direction = 'outbound' and is_reply",
            "is_unprompted",
        )
        for row in conn.execute(
            "select interaction_key, text from marts.fct_interactions"
            f" join private.interaction_texts using (interaction_key) where channel = 'x' and"
            f" source = 'x' and source_record_count = 1 and {query}"
            " and (select count(*) from private.interaction_texts as t"
            "  where t.text = interaction_texts.text) = 1"
            " and text ~ '\\d{6}' order by 1 limit 2"
        ).fetchall()
    ]
    assert len(chosen) >= 4
    keys = [key for key, _ in chosen]
    tables = [
        table
        for (table,) in conn.execute(
            "select tablename from pg_tables where schemaname = 'marts'"
            " and tablename <> 'publication' order by 1"
        )
    ]
    before = {table: rows(conn, "marts", table, BY_HANDLE.get(table, set())) for table in tables}
    conn.execute("create schema kept")
    for table in ("fct_cases", "fct_sla_clocks", "fct_ownership_spans"):
        conn.execute(f"create table kept.{table} as table marts.{table}")

    told = purge("x", [key.removeprefix("x:") for key in keys], settings)
    assert told["found"] == len(keys)
    said = conn.execute(
        "select count(*) from marts.fct_interactions where interaction_key = any(%s)"
        " and text_masked is not null",
        [keys],
    ).fetchone()
    assert said == (0,)

    # the same night again, from what it had read
    run(NIGHTS[0])
    replay = f"replay_{NIGHTS[0].replace('-', '')}"
    for table in set(tables) - OF_CONTENTS:
        assert rows(conn, replay, table, BY_HANDLE.get(table, set())) == before[table], table
    gone = conn.execute(
        f"select interaction_key from {replay}.fct_interactions where is_deleted order by 1"
    ).fetchall()
    assert [key for (key,) in gone] == sorted(keys)
    replies = conn.execute(
        f"select bool_or(is_reply) from {replay}.fct_interactions where is_deleted"
    ).fetchone()
    assert replies == (True,)  # an answer of ours that was purged was given all the same

    # the next night in increments is what a full build makes of the same
    told = run(NIGHTS[1])
    assert told["receipts"]["build_rest"]["is_full"] is False
    run(NIGHTS[1])
    replay = f"replay_{NIGHTS[1].replace('-', '')}"
    assert unlike_rows(conn, "marts", replay) == {}
    assert unlike_rows(conn, "private", f"{replay}_private") == {}
    gone = conn.execute(
        "select interaction_key from marts.fct_interactions where is_deleted order by 1"
    ).fetchall()
    assert [key for (key,) in gone] == sorted(keys)

    # and of the words nothing is left, but in what the help desk has of its own
    for _, text in chosen:
        for schema, table in conn.execute(
            "select schemaname, tablename from pg_tables where schemaname !~ '^pg_'"
            " and schemaname <> 'information_schema' and tablename !~ 'zendesk'"
        ).fetchall():
            found = conn.execute(
                sql.SQL(
                    "select count(*) from {} as t where position(%s in cast(t as text)) > 0"
                ).format(sql.Identifier(schema, table)),
                [text],
            ).fetchone()
            assert found == (0,), (schema, table)
        for path in Path(settings.landing, "x").rglob("*.gz"):
            assert text not in gzip.decompress(path.read_bytes()).decode(), path
