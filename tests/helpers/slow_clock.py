"""Business time, slow and obviously right: day after day in local time, window after window.

Shares nothing with the models: no slices, no sums kept, no SQL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Opening hours by weekday (0 is Monday), as pairs of "HH:MM"; "24:00" is midnight after."""

    zone: str
    hours: dict[int, tuple[tuple[str, str], ...]]
    holidays: frozenset[date] = frozenset()


@cache
def instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """The instant (UTC without zone) of a local time.

    One that a change of clocks skips is taken with the offset before the change; one that comes
    twice is the second.
    """
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    local = datetime.combine(day, time.fromisoformat(clock))
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    comes_twice = second.utcoffset() < first.utcoffset()
    return (second if comes_twice else first).astimezone(UTC).replace(tzinfo=None)


def windows(schedule: Schedule, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it is open, from shortly before `after` on, for ever, in order."""
    zone = ZoneInfo(schedule.zone)
    day = (after - timedelta(days=3)).date()
    while True:
        if day not in schedule.holidays:
            for opens, closes in schedule.hours.get(day.weekday(), ()):
                begin, end = instant(day, opens, zone), instant(day, closes, zone)
                if begin < end:
                    yield begin, end
        day += timedelta(days=1)


def open_seconds(schedule: Schedule, start: datetime, end: datetime) -> int:
    """Seconds of [start, end) in which it is open."""
    total = timedelta()
    for begin, close in windows(schedule, start):
        if begin >= end:
            return int(total.total_seconds())
        total += max(min(close, end) - max(begin, start), timedelta())


def due(schedule: Schedule, start: datetime, target: int) -> tuple[datetime, datetime]:
    """The first instant at which `target` open seconds are used up since `start`, and the last at
    which no more than that are: the next opening, where it is used up as doors close."""
    left = target
    first = None
    for begin, close in windows(schedule, start):
        begin = max(begin, start)
        seconds = int((close - begin).total_seconds())
        if seconds <= 0:
            continue
        if first is not None:
            return first, begin
        if left < seconds:
            at = begin + timedelta(seconds=left)
            return at, at
        left -= seconds
        if left == 0:
            first = close
