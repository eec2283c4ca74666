"""Nights on machines with something wrong about them: clock, zone, names, certificates, database.

| what is wrong                                 | what comes of it                                 |
| --------------------------------------------- | ------------------------------------------------ |
| machine and database in another zone          | equal                                            |
| clock off by two hours, or jumping            | equal, the watermarks as well                    |
| the source's clock off by a year              | equal; waits are told by the source's own clock  |
| a name that is not found for a while          | equal                                            |
| a name that is not found all night            | its source is stale; equal after the next night  |
| a certificate that does not hold              | its source is stale; equal after the next night  |
| a statement that takes too long               | the night fails in words, is gone on with, equal |
| no connection left                            | the night fails in words, is gone on with, equal |
"""

import time
from email.utils import formatdate

import psycopg
import pytest
from certificates import Authority, over_tls
from forks import Hook
from trials import FIRST, SECOND, THIRD, Trials, accounts_at, but_for_numbers, unlike

from answerable.runtime import postgres
from answerable.sandbox.server import Fault

pytestmark = pytest.mark.slow

ALL_NIGHT = 10**6


@pytest.fixture
def from_the_first(trials: Trials) -> Trials:
    """One night is published, and how the second ends when nothing disturbs it is known."""
    trials.undisturbed(THIRD)
    trials.back_to(FIRST)
    return trials


def watermarks(trials: Trials) -> list[tuple]:
    return trials.ask("select source, stream, cursor from ops.watermarks order by 1, 2")


def ends_well(trials: Trials, **more) -> None:
    """The second night, with what is wrong, leaves what it leaves without."""
    with trials.sources(SECOND) as handle:
        trials.good_night(SECOND, handle, **more)
    as_it_should_be(trials)


def as_it_should_be(trials: Trials) -> None:
    assert trials.runs() == [("nightly", "published")] * 2
    assert trials.stale() == {} and trials.quarantined() == []
    found, marks = trials.published(), watermarks(trials)
    assert unlike(found, trials.undisturbed(SECOND)) == {}
    trials.back_to(SECOND)
    assert marks == watermarks(trials)


# --- zones and clocks --------------------------------------------------------------------------


def test_zone_and_habits_of_the_machine_and_of_the_database_change_nothing(from_the_first):
    trials = from_the_first
    for setting in (
        "timezone = 'Pacific/Auckland'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = 0",
    ):
        trials.execute(f"alter database answerable set {setting}")
    ends_well(trials, environ={"TZ": "Pacific/Auckland", "PGTZ": "Asia/Kolkata", "LC_ALL": "C"})


@pytest.mark.parametrize(
    "patch, patch_with",
    [
        ("clock_off_by", {"seconds": 7200}),
        ("clock_off_by", {"seconds": -7200}),
        ("clock_jumping", {"seed": 1}),
    ],
)
def test_a_clock_that_is_wrong_moves_no_watermark(from_the_first, patch, patch_with):
    ends_well(from_the_first, patch=f"odd_machines:{patch}", patch_with=patch_with)


def test_how_long_to_wait_is_told_by_the_clock_of_who_says_so(from_the_first):
    """The source's clock stands at the sandbox's present: by ours the instant is long over."""
    asked: list[float] = []

    def refused_once(target: str, _: int) -> Fault | None:
        if "users/cursor" not in target:
            return None
        asked.append(time.monotonic())
        soon = formatdate(handle.server.present + 10, usegmt=True)
        return Fault("", status=429, headers={"Retry-After": soon}) if len(asked) == 1 else None

    with from_the_first.sources(SECOND, refused_once) as handle:
        assert handle.server.present < time.time() - 86_400
        from_the_first.good_night(SECOND, handle)
    assert asked[1] - asked[0] > 9
    as_it_should_be(from_the_first)


# --- names and certificates --------------------------------------------------------------------


def test_a_name_that_is_not_found_for_a_while_is_asked_for_again(from_the_first):
    trials = from_the_first
    with trials.sources(SECOND) as handle:
        accounts = accounts_at(handle)
        accounts[0]["host"] = "desk.example"
        trials.good_night(
            SECOND,
            handle,
            accounts=accounts,
            patch="odd_machines:names_unknown",
            patch_with={"host": "desk.example", "times": 6},
        )
    as_it_should_be(trials)


def test_a_name_that_is_not_found_all_night_makes_its_source_stale(from_the_first):
    trials = from_the_first
    with trials.sources(SECOND) as handle:
        accounts = accounts_at(handle)
        accounts[1]["host"] = "x.example"
        trials.good_night(
            SECOND,
            handle,
            accounts=accounts,
            patch="odd_machines:names_unknown",
            patch_with={"host": "x.example", "times": ALL_NIGHT},
        )
    assert trials.stale() == {"x": ["mentions", "posts", "search"]}
    next_night_is_as_it_would_be(trials)


def test_a_certificate_that_does_not_hold_makes_its_source_stale(from_the_first, tmp_path):
    """The next night it holds, over TLS all the same."""
    trials, authority = from_the_first, Authority.new(tmp_path)
    trust = {"patch": "certificates:trusting", "patch_with": {"file": str(authority.trusted)}}
    with trials.sources(SECOND) as desk, trials.sources(SECOND) as x:
        over_tls(desk, authority.context("self-signed"))
        accounts = [accounts_at(desk)[0] | {"scheme": "https"}, accounts_at(x)[1]]
        trials.good_night(SECOND, x, accounts=accounts, **trust)
        assert desk.requests == [] and {path[:3] for path, _ in x.requests} == {"/2/"}
    streams = trials.ask("select distinct stream from ops.stream_runs where source = 'zendesk'")
    assert set(trials.stale()) == {"zendesk"}
    assert set(trials.stale()["zendesk"]) == {stream for (stream,) in streams}
    errors = trials.ask("select distinct error from ops.stream_runs where status = 'failed'")
    assert all("self-signed certificate" in error for (error,) in errors)
    with trials.sources(THIRD) as desk, trials.sources(THIRD) as x:
        over_tls(desk, authority.context("good"))
        accounts = [accounts_at(desk)[0] | {"scheme": "https"}, accounts_at(x)[1]]
        next_night_is_as_it_would_be(trials, handle=x, accounts=accounts, **trust)


def next_night_is_as_it_would_be(trials: Trials, handle=None, **more) -> None:
    if handle is None:
        with trials.sources(THIRD) as handle:
            trials.good_night(THIRD, handle, **more)
    else:
        trials.good_night(THIRD, handle, **more)
    assert trials.stale() == {}
    wanted = but_for_numbers(trials.undisturbed(THIRD))
    assert unlike(but_for_numbers(trials.published()), wanted) == {}


# --- the database ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step, table", [("load", "raw.zendesk_tickets"), ("publish", "marts.fct_cases")]
)
def test_a_statement_that_takes_too_long_ends_the_night_in_words(from_the_first, step, table):
    """Somebody holds a table; the database lets no statement wait for long."""
    trials = from_the_first
    before = trials.published()
    trials.execute("alter database answerable set statement_timeout = '20s'")
    with (
        psycopg.connect(trials.cluster.url()) as somebody,
        trials.sources(SECOND) as handle,
    ):
        somebody.execute(f"lock table {table} in share mode")
        night = trials.night(SECOND, handle)
    assert night.code == 1
    assert night.told["error"].startswith("QueryCanceled"), night.told["error"]
    assert f"answerable.pipeline:{step} failed" in night.said
    assert unlike(trials.published(), before) == {}
    trials.execute("alter database answerable reset statement_timeout")
    ends_well(trials)


@pytest.mark.parametrize("step", ["load", "build", "publish"])
def test_without_a_connection_left_the_night_ends_in_words(from_the_first, tmp_path, step):
    trials, taken, go_on = from_the_first, [], tmp_path / "taken"
    hook = Hook(at=f"answerable.pipeline.{step}", do="wait", file=str(go_on))
    before = trials.published()
    with trials.sources(SECOND) as handle:
        night = trials.begin(SECOND, handle, hooks=[hook])
        try:
            until = time.monotonic() + 120
            while not (tmp_path / "taken.waited_for").exists():
                assert time.monotonic() < until, night.said
                time.sleep(0.1)
            while True:
                admin = trials.cluster.url(postgres.ADMIN)  # to whom the last ones are kept
                taken.append(psycopg.connect(admin, dbname="postgres"))
        except psycopg.OperationalError as error:
            assert "too many clients" in str(error)
            go_on.touch()
            night.end()
        finally:
            for each in taken:
                each.close()
    assert night.code == 1 and "too many clients" in night.told["error"]
    assert unlike(trials.published(), before) == {}
    ends_well(trials)
