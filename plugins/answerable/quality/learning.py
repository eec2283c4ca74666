"""What a table is like day by day, and which bounds that and the nights before set to tonight.

`measure` is one query a table; all else is handed what it found.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from math import inf
from typing import Literal, NamedTuple

import psycopg

from answerable.quality import thresholds
from answerable.quality.night import Night
from answerable.quality.thresholds import Past, Threshold

SETTLED_AFTER_DAYS = 14  # by then most of what happens to a case has happened
FEW = 10  # rows of the past: so many may always come or go
ENOUGH = 200  # rows of the past: a share of fewer says little
ENOUGH_IN_A_SHARE = 20
KNOWN_NIGHTS = 7
LONGEST_LABEL = 80  # characters
MOST_LATE = 0.5  # of a table, of exports: the quietest day is a quarter of itself without them

LOST = "ExpectNewestDayNotToBeLost"
UNLIKE = "ExpectDayLikeThoseBefore"
SILENT = "ExpectNoLongSilence"
SILENT_FOR_A_WHILE = "ExpectNoUnusualSilence"
PAST_LOST = "ExpectPastToStay"
PAST_CHANGED = "ExpectPastToChangeLittle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Which figures of a table are looked at, by day. Columns and conditions are SQL."""

    table: str
    at: str  # an instant, or a day of the company
    is_day: bool = False
    schema: Literal["marts", "private"] = "marts"
    # rows are counted by each of them, too; no event of today changes what it says of the past
    labels: tuple[str, ...] = ()
    # the same where the past may change at once, as when somebody deletes last month's spam
    states: tuple[str, ...] = ()
    sums: Mapping[str, str] = field(default_factory=dict)  # name -> what is added up, as a state
    # name -> (rows, of which rows), by the first label where there is one
    shares: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    # the newest day is there in full: no row of it comes later but from a source that is late
    is_final: bool = True
    made_of: str = "fct_cases"  # whose sources its rows come from, where it names none itself
    is_live: bool = False  # rows come all day long: an evening without any is a silence


def rules_of(figure: Figure) -> tuple[str, ...]:
    """The rules that have a row for a figure, once there is a history."""
    return (
        *((LOST,) if figure.is_final else ()),
        *((UNLIKE,) if figure.is_final or figure.shares else ()),
        *((SILENT, SILENT_FOR_A_WHILE) if figure.is_live else ()),
        PAST_LOST,
        PAST_CHANGED,
    )


class Subject(NamedTuple):
    """What is counted: all rows, rows of a label's value, a sum, a part or the whole of a share."""

    family: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.family} {self.value}".rstrip()


ROWS = Subject("rows")
NO_DAY = -(10**6)  # rows without one


@dataclass(frozen=True, slots=True)
class Measured:
    """By subject and by how many whole days before as_of: 0 is the newest day."""

    values: Mapping[Subject, Mapping[int, float]]
    newest: Mapping[Subject, Mapping[int, float]]  # seconds from the day's last row to its end


def measure(
    conn: psycopg.Connection, figure: Figure, night: Night, schema: str, *, is_whole: bool = True
) -> Measured:
    """A table of `schema`; but for `is_whole` its rows alone, whatever columns it lacks."""
    labels = (*figure.labels, *figure.states) if is_whole else ()
    sums = list(figure.sums.items()) if is_whole else []
    shares = list(figure.shares.items()) if is_whole else []
    midnight = f"timestamp '{night.as_of}'"
    if figure.is_day:
        index, rest = f"date '{night.newest_day}' - {figure.at}", "null::double precision"
    else:
        since = f"extract(epoch from ({midnight} - {figure.at}))"
        index = f"cast(ceil({since} / 86400) as integer) - 1"
        rest = f"cast({since} - 86400 * (ceil({since} / 86400) - 1) as double precision)"
    names = [f"label_{number}" for number in range(len(labels))]
    columns = [
        *(
            f"coalesce(cast({label} as text), '(none)') as {name}"
            for label, name in zip(labels, names, strict=True)
        ),
        *(f"cast({what} as double precision) as sum_{no}" for no, (_, what) in enumerate(sums)),
        *(
            f"({condition}) as {kind}_{no}"
            for no, (_, both) in enumerate(shares)
            for kind, condition in zip(("part", "whole"), both, strict=True)
        ),
    ]
    found = [
        *(f"coalesce(sum(sum_{no}), 0)" for no in range(len(sums))),
        *(
            f"count(*) filter (where {kind}_{no})"
            for no in range(len(shares))
            for kind in ("part", "whole")
        ),
    ]
    sets = ["(days_before)", *(f"(days_before, {name})" for name in names)]
    rows = conn.execute(
        f"select {', '.join(['days_before', 'count(*)', 'min(rest)', *found, *names])}"
        f" from (select {', '.join([f'{index} as days_before', f'{rest} as rest', *columns])}"
        f" from {schema}.{figure.table}) as each_row"
        f" group by grouping sets ({', '.join(sets)})"
    )
    values: dict[Subject, dict[int, float]] = defaultdict(dict)
    newest: dict[Subject, dict[int, float]] = defaultdict(dict)
    for days_before, count, seconds, *rest_of_row in rows:
        day = NO_DAY if days_before is None else days_before
        summed = rest_of_row[: len(sums)]
        shared = rest_of_row[len(sums) : len(sums) + 2 * len(shares)]
        labelled = rest_of_row[len(sums) + len(shared) :]
        which = next((no for no, value in enumerate(labelled) if value is not None), None)
        label = None if which is None else _printable(labelled[which])
        subject = ROWS if which is None else Subject(labels[which], label)
        values[subject][day] = values[subject].get(day, 0) + count
        if seconds is not None:
            newest[subject][day] = min(seconds, newest[subject].get(day, seconds))
        if which is None:
            for (name, _), value in zip(sums, summed, strict=True):
                values[Subject("sum of", name)][day] = value
        if which == (0 if figure.labels else None):
            of = "" if which is None else f" of {label}"
            for no, (name, _) in enumerate(shares):
                for kind, value in zip(("part", "whole"), shared[2 * no : 2 * no + 2], strict=True):
                    by_day = values[Subject(kind, name + of)]
                    by_day[day] = by_day.get(day, 0) + value
    return Measured(values, newest)


def _printable(label: str) -> str:
    """What a source calls something, as it may stand in a terminal and a mail."""
    return "".join(each if each.isprintable() else "?" for each in label)[:LONGEST_LABEL]


def learn(
    figure: Figure,
    built: Measured,
    published: Measured | None,
    night: Night,
    past: Past,
    late_share: float = 0.0,
) -> list[Threshold]:
    """The bounds of one table, of which `late_share` comes of exports."""
    found = [*_days(figure, built, night, past, late_share), *_shares(figure, built, night)]
    if figure.is_live:
        found += _silences(figure, built, night, past, late_share)
    if published is not None and night.published_as_of is not None:
        found += _pasts(figure, built, published, night, past)
    return held(found, past)


def held(found: Sequence[Threshold], past: Past) -> list[Threshold]:
    """Each of them near what was kept last of the same, of its weekday where days are compared."""
    return [
        thresholds.held(one, thresholds.last_like(one, past, is_of_weekday=one.rule == UNLIKE))
        for one in found
    ]


def amounts(
    history: thresholds.History, *, table: str, subject: str, day: date, found: float
) -> tuple[Threshold, Threshold]:
    """Bounds of how much there is of a day: so little that it is lost, and unlike its weekday."""
    about = {"table": table, "subject": subject, "day": day, "found": found}
    return (
        thresholds.threshold(thresholds.not_lost(history), history, rule=LOST, **about),
        thresholds.threshold(
            thresholds.like_its_weekday(history, day), history, rule=UNLIKE, **about
        ),
    )


def silences_of(
    history: thresholds.History, *, table: str, subject: str, day: date, found: float
) -> tuple[Threshold, Threshold]:
    """Bounds of how long nothing came before as_of: surely too long, and unusually long."""
    about = {"table": table, "subject": subject, "day": day, "found": found}
    long, unusual = (
        thresholds.threshold(
            thresholds.silence(history, is_sure=rule == SILENT), history, rule=rule, **about
        )
        for rule in (SILENT, SILENT_FOR_A_WHILE)
    )
    return long, unusual


def _days(
    figure: Figure, built: Measured, night: Night, past: Past, late_share: float
) -> list[Threshold]:
    """The newest day's rows, of all and of each value of the first label."""
    if not figure.is_final:
        return []
    found = []
    for subject in _by_first_label(figure, built):
        all_days = _dated(built.values[subject], night)
        value = all_days.get(night.newest_day, 0.0)
        names = {"table": figure.table, "subject": str(subject)}
        red = past.red_days.get((figure.table, LOST, str(subject)), ())
        history = thresholds.before(all_days, night.newest_day, red)
        if not history:
            continue
        lost, unlike = amounts(history, day=night.newest_day, found=value, **names)
        if night.is_holiday:
            unlike = replace(unlike, lower=None, how=f"{unlike.how}; not down: a public holiday")
        found += [if_sure(lost, subject, night, past, late_share), unlike]
    return found


def _silences(
    figure: Figure, built: Measured, night: Night, past: Past, late_share: float
) -> list[Threshold]:
    """How long before as_of the last row is, of all and of each value of the first label."""
    found = []
    for subject in _by_first_label(figure, built):
        last = built.newest[subject]
        oldest = max(last, default=-1)
        silences: dict[date, float] = {}
        since = 0.0
        for days_before in range(oldest, -1, -1):
            since = last.get(days_before, since + 86_400)
            silences[night.newest_day - timedelta(days=days_before)] = since
        value = silences.get(night.newest_day)
        history = thresholds.before(silences, night.newest_day)
        if value is None or not history:
            continue
        long, unusual = silences_of(
            history,
            table=figure.table,
            subject=f"seconds without {subject}",
            day=night.newest_day,
            found=value,
        )
        found += [if_sure(long, subject, night, past, late_share), unusual]
    return found


def _shares(figure: Figure, built: Measured, night: Night) -> list[Threshold]:
    found = []
    for subject, wholes in built.values.items():
        if subject.family != "whole":
            continue
        parts = built.values[Subject("part", subject.value)]
        whole = wholes.get(0, 0.0)
        if whole < ENOUGH_IN_A_SHARE:
            continue
        history = thresholds.before(_dated(wholes, night), night.newest_day)
        found.append(
            thresholds.threshold(
                thresholds.like_other_shares(
                    _dated(parts, night), history, night.newest_day, whole
                ),
                history,
                table=figure.table,
                rule=UNLIKE,
                subject=f"share of {subject.value}",
                day=night.newest_day,
                found=parts[0] / whole,
            )
        )
    return found


def _pasts(
    figure: Figure, built: Measured, published: Measured, night: Night, past: Past
) -> list[Threshold]:
    """What is published of days long over, and is otherwise in this night."""
    days = (night.as_of - night.published_as_of).days + SETTLED_AFTER_DAYS
    found = []
    for subject, before in published.values.items():
        if subject.family in ("part", "whole"):
            continue
        now = built.values.get(subject, {})
        settled = {day for day in (*before, *now) if day >= days or day == NO_DAY}
        total = sum(before.get(day, 0.0) for day in settled)
        more = [
            # rows without a day may be new ones
            min(now.get(day, 0.0) - before.get(day, 0.0), 0.0 if day == NO_DAY else inf)
            for day in settled
        ]
        lost, changed = -sum(each for each in more if each < 0), sum(map(abs, more))
        is_sum = subject.family == "sum of"
        if total <= 0 or (not is_sum and total < ENOUGH):
            continue
        is_state = is_sum or subject.family in figure.states
        rules = [(PAST_CHANGED, changed, 0.002, 0.01)]
        if not is_state:
            rules.append((PAST_LOST, lost, 0.005, 0.02))
        for rule, amount, least, most in rules:
            name = f"{subject} of the past"
            known = past.found.get((figure.table, rule, name), ())
            if len(known) >= KNOWN_NIGHTS:
                least /= 5  # seven nights have shown how little it changes here
            one = thresholds.threshold(
                thresholds.drift(known, least=least, most=most),
                (),
                table=figure.table,
                rule=rule,
                subject=name,
                day=night.newest_day,
                found=0.0 if not is_sum and amount < FEW else amount / total,
            )
            if rule == PAST_LOST and not night.has_same_models:
                one = thresholds.not_judged(one, "models or policies differ from the published")
            found.append(one)
    return found


def _by_first_label(figure: Figure, built: Measured) -> list[Subject]:
    return [subject for subject in built.values if subject.family in ("rows", *figure.labels[:1])]


def _dated(by_index: Mapping[int, float], night: Night) -> dict[date, float]:
    return {
        night.newest_day - timedelta(days=index): value
        for index, value in by_index.items()
        if 0 <= index <= thresholds.HISTORY_DAYS
    }


def if_sure(
    one: Threshold, subject: Subject, night: Night, past: Past, late_share: float
) -> Threshold:
    """A bound that stops a night is asked only where nothing that is known explains less."""
    if night.is_holiday:
        return thresholds.not_judged(one, "a public holiday of the policy")
    is_source = subject.family == "source"
    if night.unfinished_sources and not (
        is_source and subject.value not in night.unfinished_sources
    ):
        names = ", ".join(sorted(night.unfinished_sources))
        return thresholds.not_judged(one, f"a stream of {names} did not come to its end")
    may_be_late = subject.value in night.export_sources if is_source else late_share > MOST_LATE
    known = past.found.get((one.table_name, one.rule, one.subject), ())
    if may_be_late and not (
        len(known) >= KNOWN_NIGHTS and all(replace(one, found=each).is_plausible for each in known)
    ):
        return thresholds.not_judged(
            one, f"exports may come late; {len(known)} nights are known, or they did come late"
        )
    return one


def late_share(figure: Figure, built: Measured, night: Night) -> float:
    """How much of a table with sources comes of exports."""
    rows = sum(built.values[ROWS].values())
    late = sum(
        sum(by_day.values())
        for subject, by_day in built.values.items()
        if subject.family == "source" and subject.value in night.export_sources
    )
    return late / rows if rows else 0.0


def learn_all(
    conn: psycopg.Connection,
    figures: Sequence[Figure],
    night: Night,
    past: Past,
    there: Collection[tuple[str, str]],
) -> list[Threshold]:
    """The bounds of all tables that are among `there`, (schema, table)."""
    built = {
        figure.table: measure(conn, figure, night, night.schemas.build)
        for figure in figures
        if (night.schemas.build, figure.table) in there
    }
    shares = {
        figure.table: late_share(figure, built[figure.table], night)
        for figure in figures
        if figure.table in built and figure.labels[:1] == ("source",)
    }
    found = []
    for figure in figures:
        if figure.table not in built:
            continue
        shown = getattr(night.schemas, figure.schema)
        published = None
        if night.published_as_of is not None and (shown, figure.table) in there:
            published = measure(conn, figure, night, shown, is_whole=night.has_same_models)
        share = shares.get(figure.table, shares.get(figure.made_of, 0.0))
        found += learn(figure, built[figure.table], published, night, past, share)
    return found
