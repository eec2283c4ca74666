"""Nights are corrupted as the seed says, and what moves a published figure is stopped."""

import os

import pytest

from answerable.quality import mutate
from answerable.quality.mutate import Corruption, Model

SEEDS = range(1, 301)  # looked at by nobody who wrote a rule
ROWS = 500

MODEL = Model(
    name="fct_things",
    query="",
    columns={
        "thing_key": "text",
        "status": "text",
        "seconds": "bigint",
        "happened_at": "timestamp without time zone",
    },
    labels=("status",),
    parents=(),
)
CHANGED = {
    "drop": ("select (select count(*) from things) - (select count(*) from build.fct_things)"),
    "duplicate": "select (select count(*) from build.fct_things) - (select count(*) from things)",
    "truncate": (
        "select count(*) from things"
        " where thing_key > (select max(thing_key) from build.fct_things)"
    ),
    "null": "select count(*) from build.fct_things where status is null",
    "shift_time": (
        "select count(*) from build.fct_things join things using (thing_key)"
        " where fct_things.happened_at = things.happened_at + interval '1 hour'"
    ),
    "swap_labels": (
        "select count(*) from build.fct_things join things using (thing_key)"
        " where (things.status, fct_things.status) in (('closed', 'open'), ('open', 'closed'))"
    ),
    "scale": (
        "select count(*) from build.fct_things join things using (thing_key)"
        " where fct_things.seconds = 60 * things.seconds"
    ),
    "stale_copy": "select count(*) from build.fct_things where status = 'new'",
}
HOW = {
    "null": ("status", ""),
    "shift_time": ("happened_at", "1 hour"),
    "swap_labels": ("status", ""),
    "scale": ("seconds", "60"),
}


@pytest.fixture
def things(warehouse):
    """A table of things, what it was, and what it was the night before."""
    warehouse.execute(
        f"""
        create temporary table things as
        select lpad(n::text, 6, '0') as thing_key, (array['open', 'closed'])[1 + n % 2] as status,
            n::bigint as seconds, timestamp '2026-02-01' + n * interval '1 minute' as happened_at
        from generate_series(1, {ROWS}) as n;
        create table build.fct_things as table things;
        create schema {mutate.STALE};
        create table {mutate.STALE}.fct_things as table things;
        update {mutate.STALE}.fct_things set status = 'new';
        """
    )
    return warehouse


@pytest.mark.parametrize("operation", mutate.OPERATIONS)
@pytest.mark.parametrize("share", mutate.SHARES)
def test_a_corruption_does_what_it_says_to_its_share_of_the_rows(things, operation, share):
    column, detail = HOW.get(operation, (None, ""))
    corruption = Corruption(
        seed=4,
        operation=operation,
        layer="build",
        table="fct_things",
        share=share,
        column=column,
        detail=detail,
    )
    touched = mutate.corrupt(things, corruption, MODEL)
    (changed,) = things.execute(CHANGED[operation]).fetchone()
    if operation == "stale_copy":  # of what the first column names, about the share
        assert touched == 2 * changed
        assert 0.3 * share * ROWS <= changed <= 2 * share * ROWS
    else:
        assert touched == changed == max(1, round(share * ROWS))


def test_a_figure_moves_by_what_each_of_its_parts_gained_or_lost():
    before = {"a.rows": {"": 1000.0}, "a.status": {"open": 600.0, "closed": 400.0}}
    assert mutate.moved(before, before) == {}
    after = {"a.rows": {"": 1001.0}, "a.status": {"open": 599.0, "closed": 400.0, "new": 1.0}}
    # one row more of a thousand is 0.1 %, no more than that; one that is called otherwise is two
    assert mutate.moved(before, after) == {"a.status": pytest.approx(0.002)}
    assert mutate.moved({"a.x": {"": 0.0}}, {"a.x": {"": 1.0}}) == {"a.x": 1.0}


@pytest.mark.slow
def test_whatever_moves_a_published_figure_is_stopped(tmp_path, capsys, environ_restored):
    home = tmp_path / "mutate"
    try:
        base = mutate.prepare(home, print)
        outcomes = list(mutate.attempts(base, SEEDS, os.cpu_count() or 1))
    finally:
        mutate.close(home)
    harmful = [each for each in outcomes if each.is_harmful]
    missed = [each for each in harmful if each.is_missed]
    with capsys.disabled():
        print(f"\n{len(outcomes)} corruptions, {len(harmful)} harmful, {len(missed)} missed")
        print(*map(str, missed), sep="\n")
    assert len(harmful) > len(outcomes) / 2
    assert not missed
