"""Which night is next: every rule, without a clock and without a database."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from answerable.runs import (
    Decision,
    PlanError,
    PlanRequest,
    Publication,
    Run,
    State,
    day_of,
    decide,
    decide_input,
    start_of_day,
)

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)


def asked(day: str | None = None, **more) -> PlanRequest:
    return PlanRequest(now=NOW, date=day, **more)


def published(*days: str, zone: ZoneInfo = LONDON) -> tuple[Publication, ...]:
    return tuple(
        Publication(run_no=n, as_of=start_of_day(date.fromisoformat(day), zone), reads_up_to=n)
        for n, day in enumerate(days, start=1)
    )


def run(**changes) -> Run:
    values = {
        "run_id": "begun",
        "run_no": 4,
        "kind": "nightly",
        "as_of": datetime(2026, 3, 3),
        "schema_prefix": "",
        "input": "sandbox",
        "streams": [],
        "reads_up_to": 4,
        "replays_run_no": None,
        "is_full": None,
        "fingerprint": None,
        "status": "running",
        "started_at": NOW,
        "finished_at": None,
        "report_path": None,
    }
    return Run(**(values | changes))


def gist(decision: Decision) -> tuple:
    return decision.kind, decision.as_of, decision.input


def test_first_night_of_the_sandbox_is_its_ninetieth_day():
    assert gist(decide(asked(), State(), LONDON)) == ("nightly", datetime(2026, 3, 1), "sandbox")


def test_next_night_of_the_sandbox_is_the_day_after_the_last_published_one():
    state = State(publications=published("2026-03-01", "2026-03-02"))
    assert decide(asked(), state, LONDON).as_of == datetime(2026, 3, 3)


def test_the_day_after_is_a_day_of_the_company_across_a_change_of_the_clock():
    state = State(publications=published("2026-03-29"))
    assert decide(asked(), state, LONDON).as_of == datetime(2026, 3, 29, 23)
    assert decide(asked(), State(publications=published("2026-10-25")), LONDON).as_of == datetime(
        2026, 10, 26
    )


def test_a_day_asked_for_begins_at_midnight_of_the_company():
    assert decide(asked("2026-05-01"), State(), NEW_YORK).as_of == datetime(2026, 5, 1, 4)


def test_a_day_after_the_last_published_one_may_be_asked_for_with_days_left_out():
    state = State(publications=published("2026-03-01"))
    assert gist(decide(asked("2026-03-09"), state, LONDON)) == (
        "nightly",
        datetime(2026, 3, 9),
        "sandbox",
    )


def test_an_unfinished_night_is_gone_on_with_as_the_same_run_whatever_was_asked_for():
    state = State(unfinished=run(), publications=published("2026-03-01", "2026-03-02"))
    for day in (None, "2026-03-03", "2026-03-01", "2026-09-01"):
        decision = decide(asked(day), state, LONDON)
        assert (decision.resume, decision.as_of, decision.kind) == (
            run(),
            datetime(2026, 3, 3),
            None,
        )
    assert "call again for 2026-09-01" in decide(asked("2026-09-01"), state, LONDON).reason
    assert "call again" not in decide(asked("2026-03-03"), state, LONDON).reason


def test_with_accounts_the_night_is_today_in_the_companys_zone():
    request = asked(has_accounts=True)
    assert decide(request, State(), LONDON).as_of == datetime(2026, 6, 9, 23)
    # at 02:00 UTC it is still yesterday in New York
    assert decide(request, State(), NEW_YORK).as_of == datetime(2026, 6, 9, 4)


def test_with_accounts_days_missed_are_not_made_up_for():
    state = State(publications=published("2026-06-01"), past_inputs=frozenset({"accounts"}))
    assert decide(asked(has_accounts=True), state, LONDON).as_of == datetime(2026, 6, 9, 23)


def test_with_accounts_a_second_night_of_a_day_is_not_due():
    state = State(publications=published("2026-06-10"), past_inputs=frozenset({"accounts"}))
    decision = decide(asked(has_accounts=True), state, LONDON)
    assert not decision.is_due and "2026-06-10 is published already" in decision.reason


def test_with_files_the_first_night_is_today_and_none_is_due_until_tomorrow():
    request = asked(has_files=True)
    assert gist(decide(request, State(), LONDON)) == (
        "nightly",
        datetime(2026, 6, 9, 23),
        "files",
    )
    state = State(publications=published("2026-06-09"), past_inputs=frozenset({"files"}))
    assert decide(request, state, LONDON).as_of == datetime(2026, 6, 9, 23)
    state = State(publications=published("2026-06-10"), past_inputs=frozenset({"files"}))
    assert not decide(request, state, LONDON).is_due


def test_files_of_long_ago_may_be_judged_as_of_then():
    decision = decide(asked("2019-11-02", has_files=True), State(), NEW_YORK)
    assert gist(decision) == ("nightly", datetime(2019, 11, 2, 4), "files")


@pytest.mark.parametrize("more", [{"has_files": True}, {"has_accounts": True}])
def test_a_day_that_has_not_begun_is_refused_where_the_data_is_real(more):
    assert decide(asked("2026-06-10", **more), State(), LONDON).is_due
    with pytest.raises(PlanError, match="2026-06-11 has not begun yet: today is 2026-06-10"):
        decide(asked("2026-06-11", **more), State(), LONDON)


def test_a_published_day_is_replayed_from_what_its_night_had_read():
    publications = (
        *published("2026-03-01", "2026-03-02"),
        Publication(run_no=9, as_of=datetime(2026, 3, 3), reads_up_to=7),
        Publication(run_no=11, as_of=datetime(2026, 3, 4), reads_up_to=11),
    )
    decision = decide(asked("2026-03-03"), State(publications=publications), LONDON)
    assert decision == Decision(
        reason=decision.reason,
        kind="replay",
        as_of=datetime(2026, 3, 3),
        input="sandbox",
        schema_prefix="replay_20260303",
        reads_up_to=7,
        replays_run_no=9,
    )


def test_the_last_published_day_itself_is_a_replay():
    state = State(publications=published("2026-03-01", "2026-03-02"))
    assert decide(asked("2026-03-02"), state, LONDON).kind == "replay"


def test_a_replay_is_named_by_the_companys_day_where_utc_still_has_the_day_before():
    state = State(publications=published("2026-07-01"))
    decision = decide(asked("2026-07-01"), state, LONDON)
    assert (decision.schema_prefix, decision.as_of) == (
        "replay_20260701",
        datetime(2026, 6, 30, 23),
    )


def test_a_replay_of_a_day_without_a_night_names_the_nearest_nights():
    state = State(publications=published("2026-01-01", "2026-03-01", "2026-03-02", "2026-03-09"))
    with pytest.raises(PlanError, match="nearest are 2026-03-01, 2026-03-02, 2026-03-09"):
        decide(asked("2026-03-05"), state, LONDON)


def test_a_replay_that_was_begun_is_gone_on_with_and_another_one_is_not():
    begun = run(run_id="r", kind="replay", schema_prefix="replay_20260301")
    other = run(run_id="o", kind="replay", schema_prefix="replay_20260302")
    state = State(
        publications=published("2026-03-01", "2026-03-02"), unfinished_replays=(begun, other)
    )
    assert decide(asked("2026-03-01"), state, LONDON).resume == begun
    # and the next night does not wait for either
    assert decide(asked(), state, LONDON).as_of == datetime(2026, 3, 3)


@pytest.mark.parametrize("text", ["2026-3-1", "yesterday", "20260301", "2026-02-30", "2026-W09-1"])
def test_a_date_that_is_none_is_refused_by_name(text):
    with pytest.raises(PlanError, match=f"DATE={text}: expected a day as YYYY-MM-DD"):
        decide(asked(text), State(), LONDON)


@pytest.mark.parametrize(
    ("has_accounts", "has_files", "past", "expected"),
    [
        (False, False, set(), "sandbox"),
        (False, True, set(), "files"),
        (True, False, set(), "accounts"),
        (True, True, {"files"}, "accounts"),
        (False, True, {"sandbox"}, "sandbox"),  # files beside the sandbox that fed it before
        (False, False, {"files"}, "files"),  # the same files judged a day later
        (True, False, {"sandbox"}, "invented company"),
        (False, False, {"accounts"}, "no account is configured"),
        (False, True, {"accounts", "files"}, "no account is configured"),
    ],
)
def test_an_invented_company_and_a_real_one_never_share_a_warehouse(
    has_accounts, has_files, past, expected
):
    request = asked(has_accounts=has_accounts, has_files=has_files)
    if " " in expected:
        with pytest.raises(PlanError, match=expected):
            decide_input(request, frozenset(past))
    else:
        assert decide_input(request, frozenset(past)) == expected


def test_an_unfinished_night_of_the_sandbox_is_not_finished_with_real_accounts():
    state = State(unfinished=run(), past_inputs=frozenset({"sandbox"}))
    with pytest.raises(PlanError, match="invented company"):
        decide(asked(has_accounts=True), state, LONDON)


@pytest.mark.parametrize("day", ["2026-01-15", "2026-03-29", "2026-07-01", "2026-10-25"])
@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, ZoneInfo("Pacific/Kiritimati")])
def test_the_day_of_its_own_start_is_itself(day, zone):
    assert day_of(start_of_day(date.fromisoformat(day), zone), zone) == date.fromisoformat(day)
