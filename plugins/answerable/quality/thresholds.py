"""What is plausible, learnt from history and kept as rows of ops.thresholds.

Each row says what was found, between which bounds it may lie, from how many days they were learnt
and how. What decides is handed a history and touches nothing: the same history gives the same
bounds on any day that it is asked. No bound comes without enough history; then the row says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from math import ceil, exp, log, sqrt
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import class_row

from answerable import runs
from answerable.settings import Settings

Stage = Literal["raw", "build"]

HISTORY_DAYS = 84  # twelve of each weekday
ENOUGH_DAYS = 28  # four of each weekday
DEVIATIONS = 5
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
LEAST_SPREAD = 0.1  # on the log scale: a tenth up or down is nothing, however even history was
SMALL_QUANTITY = 40  # a day's; below, an empty day may be chance
HALF_AN_HOUR, SIX_HOURS = 1_800, 21_600
STEP = 1.05  # a bound goes no further in a night than by this factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A row of ops.thresholds but for its run. A bound that is None is none."""

    table_name: str
    rule: str
    subject: str
    day: date  # the day that is judged
    found: float
    lower: float | None = None
    upper: float | None = None
    learnt_count: int = 0
    learnt_from: date | None = None
    learnt_until: date | None = None  # the day after the last
    is_held: bool = False
    how: str

    @property
    def is_plausible(self) -> bool:
        return not (
            (self.lower is not None and self.found < self.lower)
            or (self.upper is not None and self.found > self.upper)
        )


History = Mapping[date, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a history makes plausible, and the formula in words."""

    lower: float | None = None
    upper: float | None = None
    how: str


# --- learning ----------------------------------------------------------------------------------


def before(values: History, day: date, without: Iterable[date] = ()) -> dict[date, float]:
    """The days of history that are learnt from: of the last twelve weeks before `day`, since the
    first that has a value. A day without rows counts as none, and `without` are left out."""
    known = [each for each in values if each < day]
    if not known:
        return {}
    first = max(min(known), day - timedelta(days=HISTORY_DAYS))
    left_out = set(without)
    days = (first + timedelta(days=number) for number in range((day - first).days))
    return {each: values.get(each, 0.0) for each in days if each not in left_out}


def like_its_weekday(history: History, day: date) -> Bounds:
    """Around the median of the same weekday, as far as days of this history are from the median of
    theirs. Public holidays and tenfold days are outside of it: a warning's bounds."""
    same = [value for each, value in history.items() if each.weekday() == day.weekday()]
    if len(same) < ENOUGH_DAYS // 7:
        return _too_little(history)
    usual = {
        weekday: median(value for each, value in history.items() if each.weekday() == weekday)
        for weekday in {each.weekday() for each in history}
    }
    off = median(
        abs(log((value + 1) / (usual[each.weekday()] + 1))) for each, value in history.items()
    )
    middle = usual[day.weekday()]
    spread = max(MAD_TO_DEVIATION * off, 1 / sqrt(middle + 1), LEAST_SPREAD)
    return Bounds(
        lower=max(0.0, (middle + 1) * exp(-DEVIATIONS * spread) - 1),
        upper=max((middle + 1) * exp(DEVIATIONS * spread) - 1, middle + 10),
        how=f"median {middle:,.0f} of {len(same)} days of its weekday, {DEVIATIONS} deviations of "
        f"{spread:.2f} on the log scale down and up",
    )


def not_lost(history: History) -> Bounds:
    """A quarter of the quietest day of the newest four weeks, of any weekday, less what chance may
    take of that: a public holiday is above it."""
    if len(history) < ENOUGH_DAYS:
        return _too_little(history)
    newest = sorted(history)[-ENOUGH_DAYS:]
    least = min(history[each] for each in newest)
    if least < SMALL_QUANTITY:
        return Bounds(how=f"no bound: the quietest day had {least:,.0f}, so few that none may come")
    quarter = least / 4
    return Bounds(
        lower=max(1.0, float(ceil(quarter - 4 * sqrt(quarter)))),
        how=f"a quarter of the {least:,.0f} of the quietest of the newest {ENOUGH_DAYS} days, less "
        "four deviations of chance",
    )


def silence(history: History, *, is_sure: bool) -> Bounds:
    """A multiple of the longest silence before a midnight that there was: four times that and six
    hours more where it is to be sure, else twice and half an hour."""
    if len(history) < ENOUGH_DAYS:
        return _too_little(history)
    longest = max(history.values())
    if is_sure:
        return Bounds(
            upper=max(4 * longest, longest + SIX_HOURS),
            how=f"four times the longest silence before a midnight, {longest:,.0f} s, "
            "and at least six hours more",
        )
    return Bounds(
        upper=max(2 * longest, longest + HALF_AN_HOUR),
        how=f"twice the longest silence before a midnight, {longest:,.0f} s, "
        "and at least half an hour more",
    )


def like_other_shares(parts: History, wholes: History, day: date, count: float) -> Bounds:
    """Around the median of the same weekday's shares, as far as days were from the median of theirs
    and chance may be with as few as the day has."""
    shares = {each: parts[each] / whole for each, whole in wholes.items() if whole >= 5}
    same = [share for each, share in shares.items() if each.weekday() == day.weekday()]
    if len(same) < ENOUGH_DAYS // 7:
        return Bounds(
            how=f"no bound: only {len(same)} days of its weekday with enough to take a share of"
        )
    middle = median(same)
    usual = {
        weekday: median(share for each, share in shares.items() if each.weekday() == weekday)
        for weekday in {each.weekday() for each in shares}
    }
    off = MAD_TO_DEVIATION * max(
        median(abs(share - usual[each.weekday()]) for each, share in shares.items()),
        median(abs(share - middle) for share in same),
    )
    chance = sqrt(max(middle * (1 - middle), 1 / max(count, 1)) / max(count, 1))
    far = DEVIATIONS * max(off, chance, 0.01)
    return Bounds(
        lower=max(0.0, middle - far),
        upper=min(1.0, middle + far),
        how=f"median {middle:.3f} of {len(same)} days of its weekday, {DEVIATIONS} deviations of "
        f"{far / DEVIATIONS:.3f} down and up",
    )


def drift(known: Sequence[float], *, least: float, most: float) -> Bounds:
    """Three times what the past changed by in any of the nights before, but `least` and `most`."""
    upper = min(max([3 * each for each in known] + [least]), most)
    return Bounds(
        upper=upper,
        how=f"three times the most of {len(known)} nights before, at least {least:.2%} and at most "
        f"{most:.2%}"
        if known
        else f"{least:.2%}, as long as no night before has said more",
    )


def last_like(now: Threshold, past: "Past", *, is_of_weekday: bool) -> Threshold | None:
    """What was kept last of the same, of the same weekday where that matters."""
    known = past.last.get((now.table_name, now.rule, now.subject), {})
    if is_of_weekday:
        return known.get(now.day.weekday())
    return max(known.values(), key=lambda one: one.day, default=None)


def held(now: Threshold, last: Threshold | None) -> Threshold:
    """Bounds that go no further from the last published night's than STEP for each night between:
    a history that changes at once is no reason to look away at once."""
    if last is None or last.day >= now.day:
        return now
    factor = STEP ** (now.day - last.day).days
    lower = _within(now.lower, last.lower, factor)
    upper = _within(now.upper, last.upper, factor)
    if (lower, upper) == (now.lower, now.upper):
        return now
    alone = " to ".join("-" if each is None else f"{each:,.4g}" for each in (now.lower, now.upper))
    return replace(
        now,
        lower=lower,
        upper=upper,
        is_held=True,
        how=f"{now.how}; held near those of {last.day}: history alone says {alone}",
    )


def _within(bound: float | None, last: float | None, factor: float) -> float | None:
    if bound is None or not last:
        return bound
    return min(max(bound, last / factor), last * factor)


def _too_little(history: History) -> Bounds:
    return Bounds(how=f"no bound: {len(history)} days are too little to learn from")


def threshold(
    bounds: Bounds,
    history: Iterable[date],
    *,
    table: str,
    rule: str,
    subject: str,
    day: date,
    found: float,
) -> Threshold:
    days = sorted(history)
    return Threshold(
        table_name=table,
        rule=rule,
        subject=subject,
        day=day,
        found=found,
        lower=bounds.lower,
        upper=bounds.upper,
        learnt_count=len(days),
        learnt_from=days[0] if days else None,
        learnt_until=days[-1] + timedelta(days=1) if days else None,
        how=bounds.how,
    )


def not_judged(one: Threshold, why: str) -> Threshold:
    """The same without bounds; `how` says why."""
    if one.lower is None and one.upper is None:
        return one
    return replace(one, lower=None, upper=None, how=f"no bound: {why}")


# --- rows --------------------------------------------------------------------------------------

COLUMNS = ", ".join(field.name for field in fields(Threshold))
Key = tuple[str, str, str]  # table, rule, subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What earlier nights kept, by key: of the published ones the last that judged each weekday,
    what the published ones found, and days of which something was found and never published."""

    last: Mapping[Key, Mapping[int, Threshold]]
    found: Mapping[Key, Sequence[float]]
    red_days: Mapping[Key, frozenset[date]]


def read(conn: psycopg.Connection, stage: Stage, run_no: int, day: date) -> Past:
    """Nights before `run_no` that judged days up to `day` of the last twelve weeks."""
    with conn.cursor(row_factory=class_row(Threshold)) as cursor:
        last = cursor.execute(
            "select distinct on (table_name, rule, subject, extract(isodow from day))"
            f" {COLUMNS} from ops.thresholds"
            " join ops.runs using (run_no)"
            " where stage = %s and run_no < %s and day < %s and day >= %s and kind = 'nightly'"
            " and status = 'published'"
            " order by table_name, rule, subject, extract(isodow from day), day desc, run_no desc",
            [stage, run_no, day, day - timedelta(days=HISTORY_DAYS)],
        ).fetchall()
    found: dict[Key, list[float]] = {}
    red_days: dict[Key, set[date]] = {}
    for table, rule, subject, judged, value, is_published in conn.execute(
        "select table_name, rule, subject, day, found, status = 'published' from ops.thresholds"
        " join ops.runs using (run_no)"
        " where stage = %s and run_no < %s and day < %s and day >= %s and kind = 'nightly'"
        " and (status = 'published' or found < lower or found > upper)"
        " order by table_name, rule, subject, day, run_no",
        [stage, run_no, day, day - timedelta(days=HISTORY_DAYS)],
    ):
        if is_published:
            found.setdefault((table, rule, subject), []).append(value)
        else:
            red_days.setdefault((table, rule, subject), set()).add(judged)
    by_weekday: dict[Key, dict[int, Threshold]] = {}
    for one in last:
        key = one.table_name, one.rule, one.subject
        by_weekday.setdefault(key, {})[one.day.weekday()] = one
    return Past(
        last=by_weekday,
        found=found,
        red_days={key: frozenset(days) for key, days in red_days.items()},
    )


def keep(
    conn: psycopg.Connection, stage: Stage, run_no: int, thresholds: Sequence[Threshold]
) -> None:
    """In place of what this night kept of the stage before. Commits."""
    with conn.transaction():
        conn.execute("delete from ops.thresholds where run_no = %s and stage = %s", [run_no, stage])
        with conn.cursor().copy(
            f"copy ops.thresholds (run_no, stage, {COLUMNS}) from stdin"
        ) as copy:
            for one in thresholds:
                copy.write_row(
                    [run_no, stage, *(getattr(one, field.name) for field in fields(Threshold))]
                )


def newest(
    conn: psycopg.Connection, settings: Settings, night: date | None = None
) -> tuple[date, list[tuple[Stage, Threshold]]] | None:
    """The newest night that was checked, or that of a day: its day, and its rows by stage."""
    zone = ZoneInfo(settings.company_timezone)
    for run_no, as_of in conn.execute(
        "select run_no, as_of from ops.runs where kind = 'nightly'"
        " and run_no in (select run_no from ops.thresholds) order by run_no desc"
    ):
        day = runs.day_of(as_of, zone)
        if night in (None, day):
            names = [field.name for field in fields(Threshold)]
            rows = conn.execute(
                f"select stage, {COLUMNS} from ops.thresholds where run_no = %s"
                " order by stage desc, table_name, rule, subject",
                [run_no],
            ).fetchall()
            return day, [
                (stage, Threshold(**dict(zip(names, row, strict=True)))) for stage, *row in rows
            ]
    return None
