"""What the command line says about streams, what was refused, accepted, and is plausible."""

from collections.abc import Sequence
from datetime import date, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from answerable.quality.accepted import Accepted
from answerable.quality.thresholds import Threshold
from answerable.warehouse.quarantine import Refused
from answerable.warehouse.streams import StreamState

LONGEST = 70  # characters of a cursor


def show_streams(console: Console, states: Sequence[StreamState]) -> None:
    if not states:
        console.print("Nothing was pulled yet; `make nightly` does it.")
        return
    table = Table("stream", "last", "rows", "quarantine", "lag", "cost", "cursor")
    for each in states:
        cursor = each.cursor or ""
        table.add_row(
            f"{each.source}.{each.stream}",
            each.status,
            f"{each.rows:,}",
            f"{each.quarantined:,}" if each.quarantined else "",
            _duration(each.lag) if each.status != "brought along" else "",
            "" if each.cost is None else f"{each.cost.normalize():f}",
            escape(cursor if len(cursor) <= LONGEST else f"{cursor[: LONGEST - 3]}..."),
        )
    console.print(table)
    for each in states:
        if each.error:
            console.print(f"{each.source}.{each.stream}: {escape(each.error)}", highlight=False)
        for hole in each.holes:
            console.print(f"{each.source}.{each.stream}: {escape(hole)}", highlight=False)


def show_refused(console: Console, refused: Sequence[Refused]) -> None:
    if not refused:
        console.print("Nothing is in quarantine.")
        return
    table = Table("stream", "reason", "records", "since", "for example")
    for each in refused:
        table.add_row(
            f"{each.source}.{each.stream}",
            escape(each.reason),
            f"{each.count:,}",
            f"{each.since:%Y-%m-%d %H:%M}" if each.since else "",
            escape("; ".join(each.examples)),
        )
    console.print(table)
    console.print(
        "None of these is in any figure. Their untouched bytes are in raw.quarantine; after a fix, "
        "`answerable quarantine --retry` loads what fits.",
        highlight=False,
    )


def show_exceptions(console: Console, exceptions: Sequence[Accepted]) -> None:
    if not exceptions:
        console.print("Nothing was ever accepted: every critical rule stops the night.")
        return
    table = Table("no", "table", "rule", "rows", "nights", "reason", "owner")
    for each in exceptions:
        ended = f", ended {each.ended_at:%Y-%m-%d}" if each.ended_at else ""
        table.add_row(
            str(each.exception_no),
            each.table_name,
            each.rule,
            f"{each.most_rows:,}",
            f"{each.from_night} to before {each.until_night}{ended}",
            escape(each.reason),
            escape(each.owner),
        )
    console.print(table)


def show_thresholds(
    console: Console, night: date, found: Sequence[tuple[str, Threshold]], name: str | None
) -> None:
    shown = [
        (stage, one)
        for stage, one in found
        if (one.table_name == name if name else one.is_held or not one.is_plausible)
    ]
    odd = sum(not one.is_plausible for _, one in found)
    console.print(
        f"Night of {night}: {len(found)} figures, {odd} beyond their bounds, "
        f"{sum(one.is_held for _, one in found)} with bounds that are held."
    )
    for stage, one in shown:
        odd_or_not = "" if one.is_plausible else "[red]beyond[/] "
        learnt = (
            f"learnt from {one.learnt_count} days, {one.learnt_from} to before {one.learnt_until}: "
            if one.learnt_from
            else ""
        )
        console.print(
            f"{stage} {one.table_name} {one.rule}: {odd_or_not}{escape(one.subject)} "
            f"{_amount(one.found)}, from {_amount(one.lower)} to {_amount(one.upper)}\n"
            f"    {learnt}{escape(one.how)}",
            highlight=False,
        )


def _amount(value: float | None) -> str:
    """A figure as short as it can be told.

    >>> [_amount(value) for value in (None, 0.12345, 59.0, 12345.6)]
    ['any', '0.1235', '59', '12,346']
    """
    if value is None:
        return "any"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def _duration(lag: timedelta | None) -> str:
    """A duration in its largest unit.

    >>> [_duration(timedelta(minutes=m)) for m in (5, 90, 4000)]
    ['5 min', '1.5 h', '2.8 days']
    """
    if lag is None:
        return "never came"
    minutes = lag.total_seconds() / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2880 else f"{minutes / 1440:.1f} days"
