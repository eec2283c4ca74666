"""Hashes of what readers see: they tell one changed cell, and nothing that is no content."""

import psycopg
import pytest
from marts_by_hand import AS_OF, fill, make_build, models, small_night, start_run

from answerable.warehouse import hashes
from answerable.warehouse.publish import publish


@pytest.fixture
def night(warehouse: psycopg.Connection) -> psycopg.Connection:
    make_build(warehouse)
    fill(warehouse, small_night())
    start_run(warehouse, "run-1", AS_OF)
    publish("run-1", models=models())
    return warehouse


def of(conn: psycopg.Connection) -> dict[str, str]:
    return {each.table: each.hash for each in hashes.published(conn)}


def test_every_published_table_is_there_with_its_rows(night):
    found = {each.table: each.rows for each in hashes.published(night)}
    assert found["marts.fct_cases"] == len(small_night()) and found["marts.publication"] == 1
    assert any(table.startswith("private.") for table in found)
    assert found["all of them"] == sum(found.values()) / 2


def test_one_changed_cell_is_told_and_so_is_a_row_that_is_gone(night):
    before = of(night)
    night.execute("update marts.fct_cases set subject_masked = 'another' where case_id = '1'")
    changed = of(night)
    assert {t for t in before if before[t] != changed[t]} == {"marts.fct_cases", "all of them"}
    night.rollback()
    assert of(night) == before
    night.execute("delete from marts.dim_departments where department = 'marketing'")
    less = of(night)
    assert {t for t in before if before[t] != less[t]} == {"marts.dim_departments", "all of them"}


def test_the_order_of_rows_and_columns_the_zone_and_who_published_are_not_told(night):
    before = of(night)
    night.execute("create table moved as select * from marts.fct_cases order by case_key desc")
    night.execute("truncate marts.fct_cases")
    night.execute("insert into marts.fct_cases select * from moved")
    night.execute("alter table marts.dim_departments rename to old")
    columns = [
        name
        for (name,) in night.execute(
            "select attname from pg_attribute where attrelid = 'marts.old'::regclass"
            " and attnum > 0 order by attnum desc"
        )
    ]
    night.execute(
        f"create table marts.dim_departments as select {', '.join(columns)} from marts.old"
    )
    night.execute("drop table marts.old, moved")
    night.execute("update marts.publication set run_id = 'another', published_at = now()")
    night.execute("set timezone = 'Asia/Tokyo'; set datestyle = 'German'")
    assert of(night) == before
