"""Clocks of random cases under random policies, against a second implementation that is slow and
obviously right: equal in every row and every second."""

import os
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from multiprocessing import get_context

import pytest
from random_cases import (
    AS_OF,
    TODAY,
    Arrival,
    all_sources,
    arrival,
    family,
    help_desks,
    random_case,
    random_company,
)
from sla_warehouse import (
    build_rest,
    differences,
    fill,
    first_night,
    next_night,
    random_chunk,
    read,
    staged,
    users,
    write_policy,
)
from slow_clock import RUNS_WHILE, verdicts

from answerable.warehouse import db

SECOND = timedelta(seconds=1)
CHUNK = 500


def settings_of(new_settings, folder, company, count: int):
    policy = write_policy(folder / "policy", company, all_sources(count))
    return replace(new_settings(), policy=policy)


def chunks(seed: int, count: int, companies: int) -> Iterator[bytes]:
    firsts = range(0, count, CHUNK)
    if count <= CHUNK * 4:
        yield from (random_chunk(seed, first, CHUNK, companies) for first in firsts)
        return
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("forkserver")) as pool:
        each = len(firsts)
        yield from pool.map(random_chunk, [seed] * each, firsts, [CHUNK] * each, [companies] * each)


def build_at_random(new_settings, using, folder, seed: int, count: int, companies: int):
    """A warehouse of random cases; gives its settings, its company, its families and the files in
    which the slow implementation's answers are."""
    company = random_company(seed, companies)
    settings = settings_of(new_settings, folder, company, companies)
    families = [family(company, seed, number, companies) for number in range(60)]
    spool = []
    with using(settings):
        run = first_night(settings, TODAY)
        assert run.as_of == AS_OF
        with db.connect(settings) as conn:
            fill(conn, users(help_desks(companies)))
            fill(conn, (row for one in families for case in one for row in staged(case)))
            for number, chunk in enumerate(chunks(seed, count, companies)):
                spool.append(folder / str(number))
                spool[-1].write_bytes(chunk)
                fill(conn, pickle.loads(chunk)[1])
        build_rest(settings, run)
    return settings, company, families, spool


@pytest.fixture(scope="module")
def at_random(new_settings, using, tmp_path_factory):
    return build_at_random(new_settings, using, tmp_path_factory.mktemp("random"), 1, 1_000, 30)


def test_every_clock_and_segment_is_equal_to_the_second(at_random):
    settings, _, _, spool = at_random
    assert_equal(settings, spool, 1_000)


@pytest.mark.slow
def test_every_clock_and_segment_of_many_cases_is_equal_to_the_second(
    new_settings, using, tmp_path
):
    settings, _, _, spool = build_at_random(new_settings, using, tmp_path, 2, 100_000, 99)
    assert_equal(settings, spool, 100_000)


def assert_equal(settings, spool, count: int) -> None:
    wrong, seen, rows = [], Counter(), 0
    with db.connect(settings) as conn:
        for file in spool:
            keys, _, clocks, pieces = pickle.loads(file.read_bytes())
            wrong += differences(conn, keys, clocks, pieces)
            rows += len(clocks)
            seen.update(kind for clock in clocks for kind in kinds(clock))
            for clock in clocks:  # the two ways to say it are one
                if clock["fulfilled_at"] and clock["due_at"]:
                    is_kept = clock["elapsed_seconds"] <= clock["target_seconds"]
                    assert is_kept == (clock["fulfilled_at"] <= clock["due_at"]), clock
        (built,) = conn.execute(
            "select count(*) from build.fct_sla_clocks where case_key not like '%family%'"
        ).fetchone()
    assert not wrong, f"{len(wrong)} differences, such as\n" + "\n".join(wrong[:20])
    assert built == rows
    # and it was all there to go wrong
    rare = {kind: seen[kind] for kind in KINDS if seen[kind] < count // 200}
    assert not rare, f"too rare to tell: {rare} of {dict(seen)}"


KINDS = (
    *RUNS_WHILE,
    *("met", "breached", "running", "void", "no_policy"),
    *("retargeted", "paused", "of no length", "exactly on the target", "a second late"),
    *(
        "used up at closing time",
        "breached as the target was set",
        "restarted",
        "by their due time",
    ),
    *("resolved without an answer", "seen before it was opened", "in opening hours"),
)


def kinds(clock: dict) -> Iterator[str]:
    """What there is to see in a clock."""
    yield clock["metric"]
    yield clock["outcome"]
    target = clock["target_seconds"]
    past = None if target is None else clock["elapsed_seconds"] - target
    is_breached = clock["outcome"] == "breached"
    holds = {
        "retargeted": clock["retargeted_at"],
        "paused": clock["is_paused"],
        "of no length": clock["started_at"] == clock["fulfilled_at"],
        "exactly on the target": past == 0,
        "a second late": past == 1,
        "used up at closing time": clock["due_at"] != clock["due_by_at"],
        "breached as the target was set": is_breached and clock["breached_at"] > clock["due_at"],
        "restarted": clock["metric"] == "resolution_time" and clock["clock_no"] > 1,
        "by their due time": clock["policy"] and "theirs" in clock["policy"],
        "resolved without an answer": clock["void_reason"] == "resolved",
        "seen before it was opened": clock["seen_after_seconds"],
        "in opening hours": clock["hours"] not in (None, "calendar"),
    }
    yield from (kind for kind, is_so in holds.items() if is_so)


@pytest.mark.parametrize(
    ("seed", "count", "days"),
    [(3, 200, (40, 4, 0)), pytest.param(4, 3_000, (300, 90, 20, 3, 1, 0), marks=pytest.mark.slow)],
)
def test_nights_in_increments_leave_what_one_full_build_leaves(
    new_settings, using, tmp_path, seed, count, days
):
    """The slow implementation knows no nights: it is asked anew for each. Some cases come late as
    a whole, of others what was written."""
    company = random_company(seed, 12)
    cases = [random_case(company, seed, number, 12) for number in range(count)]
    arrivals = [arrival(case, seed, len(days)) for case in cases]
    settings = settings_of(new_settings, tmp_path, company, 12)
    run = None
    with using(settings):
        for night, ago in enumerate(days):
            day = TODAY - timedelta(days=ago)
            run = next_night(settings, run, day) if run else first_night(settings, day)
            with db.connect(settings) as conn:
                fill(conn, users(help_desks(12)) if night == 0 else [])
                fill(conn, (row for one in arrivals for row in rows_of(one, night, run.run_no)))
            build_rest(settings, run)
            assert_is_right(settings, [one.known(night) for one in arrivals], company, run.as_of)
        if count > 1_000:
            run = next_night(settings, run, TODAY + timedelta(days=1))
            with db.connect(settings) as conn:
                conn.execute("update ops.runs set is_full = true where run_id = %s", [run.run_id])
                conn.commit()
            build_rest(settings, run)
            assert_is_right(settings, cases, company, run.as_of)


def rows_of(one: Arrival, night: int, run_no: int) -> list[tuple[str, tuple]]:
    """What of a case comes in that night."""
    now, before = (one.known(n) for n in (night, night - 1))
    rows = [] if now is None else [*staged(now, run_no)]
    return rows[0 if before is None else len([*staged(before)]) :]


def assert_is_right(settings, cases, company, as_of) -> None:
    known = [case for case in cases if case is not None]
    judged = [verdicts(case, company, as_of) for case in known]
    assert any(clocks for clocks, _ in judged)
    with db.connect(settings) as conn:
        wrong = differences(
            conn,
            [case.key for case in known],
            [row for clocks, _ in judged for row in clocks],
            [row for _, pieces in judged for row in pieces],
        )
        (built,) = conn.execute("select count(*) from build.fct_sla_clocks").fetchone()
    assert not wrong, f"as of {as_of}: {len(wrong)} differences, such as\n" + "\n".join(wrong[:20])
    assert built == sum(len(clocks) for clocks, _ in judged)


def test_a_later_reply_never_gives_a_smaller_first_reply_time(at_random):
    """Nor does the split of a clock's time by who had the case lose a second, or open and closed
    hours more or less than the calendar has."""
    settings, company, families, _ = at_random
    cases = [case for one in families for case in one]
    judged = [verdicts(case, company, AS_OF) for case in cases]
    with db.connect(settings) as conn:
        clocks = read(conn, "fct_sla_clocks", [case.key for case in cases])
        pieces = read(conn, "fct_sla_segments", [case.key for case in cases])
        slowly = ([row for both in judged for row in both[which]] for which in (0, 1))
        assert differences(conn, [case.key for case in cases], *slowly) == []
    grew = 0
    for one in families:
        replies = [clocks[case.key, "first_reply_time", 1] for case in one]
        # a promise that begins later counts the time before it, too, in its own hours
        promised = [row for row in replies if row["outcome"] != "no_policy"]
        for sooner, later in pairwise(promised):
            assert sooner["fulfilled_at"] <= later["fulfilled_at"]
            assert sooner["elapsed_seconds"] <= later["elapsed_seconds"], (sooner, later)
            grew += sooner["elapsed_seconds"] < later["elapsed_seconds"]
    assert grew > 100
    pieces_of = defaultdict(list)
    for piece in pieces.values():
        pieces_of[piece["case_key"], piece["metric"], piece["clock_no"]].append(piece)
    for key, clock in clocks.items():
        mine = pieces_of[key]
        by_holder = Counter()
        for piece in mine:
            by_holder[piece["department"]] += piece["seconds"]
        assert by_holder.total() == clock["elapsed_seconds"]
        for piece in mine:
            if piece["is_paused"] or piece["hours"] == "calendar":
                continue
            span = (piece["from_at"], piece["to_at"])
            windows = company.schedules[piece["hours"]].windows(*span)
            edges = [span[0], *(edge for window in windows for edge in window), span[1]]
            closed = sum((b - a for a, b in zip(edges[::2], edges[1::2], strict=True)), 0 * SECOND)
            assert piece["seconds"] + closed / SECOND == piece["calendar_seconds"]
