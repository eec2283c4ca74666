"""The slow implementation's opening hours, against a wall clock that somebody looks at."""

import itertools
import random
from datetime import UTC, datetime, timedelta

from random_cases import FIRST, random_company
from slow_clock import DAY, SECOND, Schedule, zone_of


def is_open(schedule: Schedule, at: datetime) -> bool | None:
    """What the sign on the door says for the time on the wall; None on days that clocks change."""
    for zone in {row.zone for row in schedule.openings}:
        wall = at.replace(tzinfo=UTC).astimezone(zone_of(zone))
        day, clock = wall.date(), wall.strftime("%H:%M")
        if any(
            (at + step).replace(tzinfo=UTC).astimezone(zone_of(zone)).utcoffset()
            != wall.utcoffset()
            for step in (-DAY, DAY)
        ):
            return None
        in_force = [
            row
            for row in schedule.openings
            if row.zone == zone and row.valid_from <= day < row.valid_until
        ]
        special = [row for row in schedule.holidays if row.first <= day < row.until]
        hours = [(row.opens, row.closes) for row in special if row.opens]
        if not special:
            hours = [(r.opens, r.closes) for r in in_force if r.weekday == day.weekday()]
        if in_force and any(opens <= clock < closes for opens, closes in hours):
            return True
    return False


def test_windows_are_when_the_wall_clock_says_that_it_is_open() -> None:
    draw = random.Random(1)
    answers = []
    for schedule in random_company(1, 1).schedules.values():
        for _ in range(400):
            at = datetime(FIRST.year, 1, 1) + draw.randrange(790 * 86_400) * SECOND
            if draw.random() < 0.5:  # to the minute, where doors open and close
                at = at.replace(second=0, minute=draw.choice((0, 15, 30, 45)))
            said = is_open(schedule, at)
            if said is not None:
                answers.append(said)
                assert bool(schedule.windows(at, at + SECOND)) == said, (schedule, at)
    assert len(answers) > 4_000 and 0.1 < sum(answers) / len(answers) < 0.9


def test_what_is_counted_in_parts_is_what_is_counted_at_once() -> None:
    draw = random.Random(2)
    for schedule in random_company(2, 1).schedules.values():
        start = datetime(FIRST.year, 1, 1) + draw.randrange(700 * 86_400) * SECOND
        cuts = sorted(start + draw.randrange(80 * 86_400) * SECOND for _ in range(20))
        parts = [w for a, b in itertools.pairwise(cuts) for w in schedule.windows(a, b)]
        whole = schedule.windows(cuts[0], cuts[-1])
        assert sum((c - b for b, c in parts), timedelta()) == sum(
            (c - b for b, c in whole), timedelta()
        )
