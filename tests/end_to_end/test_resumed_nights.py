"""A night that ends anywhere is gone on with by the next call, as the same run, and ends the same.

| what happens                                            | points                                |
| ------------------------------------------------------- | ------------------------------------- |
| SIGKILL between two steps                               | before each of the nine               |
| SIGKILL within a step                                   | object, manifest, ledger, COPY,       |
|                                                         | commit, model, resolution, table,     |
|                                                         | page of the report                    |
| SIGKILL after each object that is loaded                | each in turn                          |
| SIGKILL at random moments                               | sixteen at least                      |
| the server stops at once                                | COPY, commit, model, resolution,      |
|                                                         | publication, its commit               |
| a commit stands and its answer is lost                  | loading, publication                  |
| a step fails in words                                   | each gate                             |
| two processes at the same night, no lock between them   |                                       |
"""

import random
import re
import time

import pytest
from forks import Hook
from trials import FIRST, SECOND, Trials, unlike

pytestmark = pytest.mark.slow

PUBLISHED = [("nightly", "published")] * 2
# what a step does, whatever its functions are called
COMMIT, TRANSACTION = "psycopg.Connection.commit", "psycopg.Transaction.__exit__"
COPY, EXECUTE, RENAME = "psycopg.Cursor.copy", "psycopg.Connection.execute", "pathlib.Path.replace"
STATEMENT_OF_DBT = "dbt.adapters.sql.connections.SQLConnectionManager.add_query"


def before(at: str, nth: int = 1, within: str = "", do: str = "kill") -> Hook:
    return Hook(at=at, do=do, when="before", nth=nth, within=within)  # type: ignore[arg-type]


def after(at: str, nth: int = 1, within: str = "", do: str = "kill") -> Hook:
    return Hook(at=at, do=do, when="after", nth=nth, within=within)  # type: ignore[arg-type]


def id_of(hook: Hook) -> str:
    what = hook.at.rpartition(".")[2].strip("_")
    return f"{hook.do} {hook.when} {what} {hook.nth} {hook.within}".strip()


STEPS = [
    after("answerable.pipeline.plan"),
    before("answerable.pipeline.load"),
    before("answerable.pipeline.check_raw"),
    before("answerable.pipeline.build"),
    before("answerable.pipeline.identity"),
    before("answerable.pipeline.build", 2),
    before("answerable.pipeline.check"),
    before("answerable.pipeline.publish"),
    before("answerable.pipeline.report"),
]
WITHIN = [
    before(RENAME, 9, "land"),  # the object is whole and has no name yet
    after(RENAME, 9, "land"),  # it has no manifest yet
    after(RENAME, 10, "land"),
    before(COMMIT, 40, "land"),
    after(COMMIT, 41, "land"),
    before(COPY, 6, "load"),
    before(COMMIT, 9, "load"),
    after(COMMIT, 17, "load"),
    after(STATEMENT_OF_DBT, 120),
    after(STATEMENT_OF_DBT, 260),
    before(COMMIT, 1, "build"),
    before(COPY, 2, "identity"),
    after(COMMIT, 2, "identity"),
    after(EXECUTE, 90, "publish"),
    before(TRANSACTION, 1, "publish"),
    after(TRANSACTION, 1, "publish"),
    before(RENAME, 1, "report"),
    before(RENAME, 2, "report"),
    before(COMMIT, 2, "report"),  # the page is there, and nobody noted it yet
]


@pytest.fixture
def from_the_first(trials: Trials) -> Trials:
    """One night is published, and how the second ends when nothing disturbs it is known."""
    trials.undisturbed(SECOND)
    trials.back_to(FIRST)
    return trials


def gone_on_with(trials: Trials) -> None:
    """The next call ends the night, as the run that it was, like a night never disturbed."""
    (begun,) = trials.ask("select run_id from ops.runs order by run_no desc limit 1")
    with trials.sources(SECOND) as handle:
        night = trials.good_night(SECOND, handle)
    assert (night.told["run_id"],) == begun
    assert "begun and not finished" in night.told["reason"]
    assert trials.runs() == PUBLISHED
    assert trials.ask("select count(*) from ops.publications") == [(2,)]
    assert trials.ask("select count(*) from ops.runs where report_path is null") == [(0,)]
    assert trials.stale() == {}
    assert unlike(trials.published(), trials.undisturbed(SECOND)) == {}


@pytest.mark.parametrize("hook", STEPS + WITHIN, ids=id_of)
def test_killed_at_a_point_the_night_is_gone_on_with(from_the_first, hook):
    with from_the_first.sources(SECOND) as handle:
        night = from_the_first.night(SECOND, handle, hooks=[hook])
    assert night.was_killed, f"the point was never reached:\n{night.said[-3000:]}"
    gone_on_with(from_the_first)


def test_killed_after_each_object_that_is_loaded(from_the_first):
    trials, loaded, nth = from_the_first, [0], 1
    with trials.sources(SECOND) as handle:
        while True:
            night = trials.night(SECOND, handle, hooks=[after(COMMIT, nth, "load")])
            if not night.was_killed:
                break
            ((objects,),) = trials.ask(
                "select count(*) from ops.batches join ops.runs on landed_by_run = run_id"
                " where run_no = 2"
            )
            # the first commits of the step, and its last ones, load nothing
            nth += objects == loaded[-1]
            loaded += [objects] if objects > loaded[-1] else []
    assert night.code == 0, night.said[-3000:]
    assert loaded == list(range(len(loaded))) and len(loaded) > 14
    assert trials.runs() == PUBLISHED
    assert unlike(trials.published(), trials.undisturbed(SECOND)) == {}


@pytest.mark.parametrize("seed", range(4))
def test_killed_five_times_at_random_moments(from_the_first, seed):
    """Kills of nights that grow longer, so that all steps are struck."""
    trials, chance = from_the_first, random.Random(seed)
    with trials.sources(SECOND) as handle:
        started = time.monotonic()
        trials.good_night(SECOND, handle)
        whole = time.monotonic() - started
        trials.back_to(FIRST)
        part = 0
        while part < 5:
            night = trials.begin(SECOND, handle)
            night.ended.wait(whole * chance.uniform(part, part + 1) / 5)
            night.kill()
            if night.was_killed:
                part += 1
            else:  # the machine is faster than it was: all over again, in shorter nights
                trials.back_to(FIRST)
                part, whole = 0, whole * 0.8
    if trials.ask("select 1 from ops.runs where run_no = 2 and report_path is not null"):
        # the last one was struck when all was done
        assert unlike(trials.published(), trials.undisturbed(SECOND)) == {}
    else:
        gone_on_with(trials)


# --- the server --------------------------------------------------------------------------------

STOPS = [
    after(COPY, 6, "load", do="quit_server"),
    before(COMMIT, 9, "load", do="quit_server_now"),
    before(STATEMENT_OF_DBT, 90, do="quit_server"),
    before(COPY, 2, "identity", do="quit_server"),
    after(EXECUTE, 90, "publish", do="quit_server"),
    before(TRANSACTION, 1, "publish", do="quit_server_now"),
    after(TRANSACTION, 1, "publish", do="quit_server"),
]


@pytest.mark.parametrize("hook", STOPS, ids=id_of)
def test_the_server_stops_at_once_and_the_night_is_gone_on_with(from_the_first, hook):
    trials = from_the_first
    with trials.sources(SECOND) as handle:
        night = trials.night(SECOND, handle, hooks=[hook.on(trials.postmaster)])
        until = time.monotonic() + 20
        while trials.is_up() and time.monotonic() < until:
            time.sleep(0.1)
        assert not trials.is_up(), "the point was never reached"
        assert night.code == 1, night.said[-3000:]
        trials.start_server()
    gone_on_with(trials)


# --- answers that are lost, steps that fail ----------------------------------------------------


@pytest.mark.parametrize(
    "hook",
    [
        after(COMMIT, 9, "load", do="forget_answer"),
        after(TRANSACTION, 1, "publish", do="forget_answer"),
        before("answerable.pipeline.check_raw", do="fail"),
        before("answerable.pipeline.check", do="fail"),
    ],
    ids=id_of,
)
def test_a_step_that_failed_is_gone_on_with(from_the_first, hook):
    trials = from_the_first
    with trials.sources(SECOND) as handle:
        night = trials.night(SECOND, handle, hooks=[hook])
    assert night.code == 1 and not night.was_killed
    assert re.search("a step failed|answer was lost", night.told["error"])
    gone_on_with(trials)


def test_two_at_once_leave_what_one_leaves(from_the_first):
    """Nothing but the warehouse's own locks between them: on this machine nightly.lock is, too."""
    trials = from_the_first
    with trials.sources(SECOND) as handle:
        both = [trials.begin(SECOND, handle) for _ in range(2)]
        for night in both:
            night.end()
    assert 0 in {night.code for night in both}, both[0].said[-3000:] + both[1].said[-3000:]
    assert trials.runs() == PUBLISHED
    assert trials.ask("select count(*) from ops.publications") == [(2,)]
    assert unlike(trials.published(), trials.undisturbed(SECOND)) == {}
