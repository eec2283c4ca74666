"""Charts as SVG text, drawn without a browser and without anything from outside.

What goes into a chart are numbers, days and our own words; nothing that a source said.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

WIDTH = 760
INK = "#1f2933"
MUTED = "#52606d"
GRID = "#e4e7eb"
COLOURS = {
    "met": "#1b6ca8",
    "breached": "#c2410c",
    "running": "#94a3b8",
    "no policy": "#d6bc8a",
    "void": "#dde1e6",
}
AXIS_FORMAT = {"day": "%-d %b", "week": "%-d %b %Y", "month": "%b %Y"}


def over_time(points: Sequence[dict[str, Any]], unit: str) -> str:
    """Share met, and below it the number of clocks by outcome, per day, week or month."""
    import altair
    import vl_convert

    shares = [
        {"start": point["start"].isoformat(), "share": point["share"], "stretch": stretch}
        for stretch, point in _stretches(points, unit)
    ]
    bars = [
        {
            "start": point["start"].isoformat(),
            "outcome": outcome,
            "clocks": point[outcome.replace(" ", "_")],
            "order": order,
        }
        for point in points
        for order, outcome in enumerate(COLOURS)
        if point[outcome.replace(" ", "_")]
    ]
    starts = sorted({point["start"].isoformat() for point in points})
    time_unit = {"day": "utcyearmonthdate", "week": "utcyearmonthdate", "month": "utcyearmonth"}
    x = altair.X(
        "start:T",
        timeUnit=time_unit[unit],
        scale=altair.Scale(type="utc", domain=[starts[0], starts[-1]], padding=8),
        axis=altair.Axis(format=AXIS_FORMAT[unit], title=None, tickCount=8, labelOverlap=True),
    )
    line = (
        altair.Chart(altair.Data(values=shares))
        .mark_line(point={"size": 22, "filled": True}, color=COLOURS["met"], strokeWidth=2)
        .encode(
            x=x,
            detail="stretch:N",
            y=altair.Y(
                "share:Q",
                scale=altair.Scale(domain=[0, 1]),
                axis=altair.Axis(format=".0%", title="met share", tickCount=5),
            ),
        )
        .properties(width=WIDTH, height=130)
    )
    width = max(1.5, min(28, WIDTH / max(1, _slots(points, unit)) * 0.72))
    stacks = (
        altair.Chart(altair.Data(values=bars))
        .mark_bar(size=width)
        .encode(
            x=x,
            y=altair.Y("sum(clocks):Q", axis=altair.Axis(title="clocks", tickCount=4, format=",d")),
            color=altair.Color(
                "outcome:N",
                scale=altair.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
                legend=altair.Legend(
                    title=None, orient="bottom", direction="horizontal", symbolType="square"
                ),
            ),
            order="order:Q",
        )
        .properties(width=WIDTH, height=150)
    )
    chart = (
        altair.vconcat(line, stacks, spacing=14)
        .configure(font="Arial, Helvetica, sans-serif", background="transparent", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=MUTED,
            titleColor=MUTED,
            gridColor=GRID,
            domainColor=MUTED,
            tickColor=MUTED,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=INK, labelFontSize=12)
    )
    return self_contained(vl_convert.vegalite_to_svg(json.loads(chart.to_json())))


def _stretches(points: Sequence[dict[str, Any]], unit: str) -> list[tuple[int, dict[str, Any]]]:
    """Points with a share, numbered by stretches without a hole: no line is drawn over a time in
    which nothing was decided."""
    found: list[tuple[int, dict[str, Any]]] = []
    stretch, previous = 0, None
    for point in points:
        if point["share"] is None:
            continue
        start = point["start"]
        slot = {
            "day": start.toordinal(),
            "week": start.toordinal() // 7,
            "month": start.year * 12 + start.month,
        }[unit]
        stretch += previous is not None and slot != previous + 1
        previous = slot
        found.append((stretch, point))
    return found


def _slots(points: Sequence[dict[str, Any]], unit: str) -> float:
    """How many days, weeks or months the time axis is long, those without clocks included."""
    days = (points[-1]["start"] - points[0]["start"]).days + 1
    return days / {"day": 1, "week": 7, "month": 30.5}[unit]


def self_contained(svg: str) -> str:
    """An SVG to stand inside HTML: it fits its place, and names no address, not even a namespace.

    Raises ValueError when the drawing would load or run something.
    """
    svg = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", svg, count=3)
    found = re.search(r"<script|<foreignObject|<image|href|url\(|@import|://|\son\w+=", svg, re.I)
    if found:
        raise ValueError(f"the chart refers to something outside or runs it: {found.group()!r}")
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
