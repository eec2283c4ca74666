"""A window pulled again beside a night, and over a hole: what is published is as without either."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from forks import Hook
from trials import FIRST, SECOND, Trials, accounts_at, unlike

from answerable import pipeline
from answerable.landing import Zone

pytestmark = pytest.mark.slow

LOADING = "answerable.warehouse.load.load"


@contextmanager
def held_before_loading(trials: Trials, day: str, handle, tmp_path) -> Iterator:
    """A night that has landed everything and waits; it goes on and ends after the block."""
    go_on = tmp_path / "go on"
    waiting = Hook(at=LOADING, do="wait", file=str(go_on))
    night = trials.begin(day, handle, hooks=[waiting], batch_records=12)
    wait_until(lambda: landed(trials, day), night)
    yield night
    go_on.write_text("")
    night.end()
    assert night.code == 0, night.said[-4000:]


def landed(trials: Trials, day: str) -> bool:
    """Whether the night's newest streams are all through."""
    rows = trials.ask(
        "select count(*) = jsonb_array_length(streams) from ops.runs left join ops.stream_runs"
        " using (run_id) where as_of::date = %s and kind = 'nightly' group by run_id, streams",
        day,
    )
    return rows == [(True,)]


def wait_until(is_true, night, seconds=120):
    until = time.monotonic() + seconds
    while not is_true():
        assert not night.ended.is_set() and time.monotonic() < until, night.said[-4000:]
        time.sleep(0.1)


def backfill(trials: Trials, using, monkeypatch, handle, since: str, until: str) -> None:
    """As `answerable backfill zendesk` does it, but in this process. (Of X a window brings today's
    numbers of its posts, which is news.)"""
    accounts = {each["name"]: each for each in accounts_at(handle)}
    monkeypatch.setenv("ANSWERABLE_SOURCES", "zendesk")
    monkeypatch.setenv("ANSWERABLE_INPUT", "sandbox")
    to = accounts.__getitem__
    with using(trials.settings):
        planned = pipeline.plan_backfill("zendesk", since, until, connect_to=to)
        receipt = pipeline.backfill(planned["run_id"], connect_to=to)
    assert {each["status"] for each in receipt["streams"]} == {"landed"}


def test_beside_a_night_it_changes_nothing_that_is_published(
    trials: Trials, using, monkeypatch, tmp_path
):
    wanted = trials.undisturbed(SECOND)
    trials.back_to(FIRST)
    with (
        trials.sources(SECOND) as handle,
        held_before_loading(trials, SECOND, handle, tmp_path),
    ):
        backfill(trials, using, monkeypatch, handle, "2025-12-01", SECOND)
    assert unlike(trials.published(), wanted) == {}
    ((count, superseded, loaded),) = trials.ask(
        "select count(*), sum(superseded_count), sum(loaded_count) from ops.batches"
        " where landed_by_run like 'backfill-%%'"
    )
    assert count > 4 and superseded > 100 and loaded == 0, "the night did not read the backfill"


def test_a_hole_in_what_was_landed_is_filled(trials: Trials, using, monkeypatch, tmp_path):
    """Objects are lost after the first night landed them; its watermarks have passed them."""
    first, wanted = trials.undisturbed(FIRST), trials.undisturbed(SECOND)
    trials.back_to("nothing")
    with (
        trials.sources(FIRST) as handle,
        held_before_loading(trials, FIRST, handle, tmp_path),
    ):
        zone = Zone.at(trials.settings.landing)
        streams = ("tickets", "ticket_events", "users", "ticket_metric_events")
        lost = [name for stream in streams for name in zone.names("zendesk", stream)[:-1]]
        assert len(lost) > 4
        for name in lost:
            zone.path(name).unlink()
            zone.path(f"{name}.manifest.json").unlink()
    assert unlike(trials.published(), first) != {}, "nothing was missing"
    with trials.sources(SECOND) as handle:
        backfill(trials, using, monkeypatch, handle, "2025-09-01", SECOND)
        trials.good_night(SECOND, handle)
    assert unlike(trials.published(), wanted) == {}
