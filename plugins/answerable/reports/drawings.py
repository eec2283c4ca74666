"""The pictures of docs/ownership.md, drawn from the published marts.

Numbers, days and names of departments go in; nothing that a customer said.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from answerable.reports.charts import GRID, INK, MUTED
from answerable.settings import Settings
from answerable.warehouse import db

WIDTH = 620
COLOURS = ("#1b6ca8", "#c2410c", "#5b8c5a", "#8a5a9e", "#d6a419", "#4b5563", "#94a3b8", "#b91c1c")
VERDICTS = {
    "as policy": "#1b6ca8",
    "misrouted": "#d6a419",
    "contested": "#8a5a9e",
    "orphaned": "#c2410c",
    "no policy": "#94a3b8",
}
Rows = list[dict[str, Any]]


def draw(settings: Settings, folder: Path) -> list[Path]:
    """Write each picture into the folder; gives the files. Raises LookupError where the marts
    have nothing to draw."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with db.connect(settings) as conn:
        for name, (query, chart) in PICTURES.items():
            with conn.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(query).fetchall()
            if not rows:
                raise LookupError(f"{name}: the marts have nothing to draw; run a night first")
            file = folder / f"{name}.svg"
            file.write_text(f"{_svg(chart(rows))}\n", encoding="utf-8")
            files.append(file)
    return files


def _whose_time(rows: Rows) -> Any:
    import altair

    return (
        altair.Chart(altair.Data(values=rows))
        .mark_bar()
        .encode(
            x=altair.X("share:Q", axis=altair.Axis(format=".0%", title=None)),
            y=altair.Y("department:N", sort="-x", title=None),
            color=altair.Color("what:N", scale=altair.Scale(range=list(COLOURS)), title=None),
            yOffset="what:N",
        )
        .properties(width=WIDTH - 160, height=220)
    )


def _verdicts(rows: Rows) -> Any:
    import altair

    return (
        altair.Chart(altair.Data(values=rows))
        .mark_bar(size=24)
        .encode(
            x=altair.X(
                "week:T",
                timeUnit="utcyearmonthdate",
                axis=altair.Axis(format="%-d %b", title="week from"),
            ),
            y=altair.Y(
                "sum(spans):Q", stack="normalize", axis=altair.Axis(format=".0%", title=None)
            ),
            color=altair.Color(
                "verdict:N",
                scale=altair.Scale(domain=list(VERDICTS), range=list(VERDICTS.values())),
                title=None,
            ),
        )
        .properties(width=WIDTH - 160, height=220)
    )


def _intervals(title: str, shape: str) -> Callable[[Rows], Any]:
    def chart(rows: Rows) -> Any:
        import altair

        base = altair.Chart(altair.Data(values=rows)).encode(
            y=altair.Y("name:N", sort=None, title=None)
        )
        scale = (
            altair.Scale(type="log", nice=False, padding=12)
            if shape == "hours"
            else altair.Scale(domain=[0, 1])
        )
        axis = altair.Axis(format=".0%" if shape == "share" else "~g", title=title)
        line = base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(
            x=altair.X("low:Q", scale=scale, axis=axis), x2="high:Q"
        )
        dot = base.mark_point(filled=True, size=70, color=COLOURS[0]).encode(
            x=altair.X("middle:Q", scale=scale)
        )
        return (line + dot).properties(width=WIDTH - 160, height=34 * len(rows))

    return chart


PICTURES: dict[str, tuple[str, Callable[[Rows], Any]]] = {
    "whose-time": (
        """
        select department, what, (seconds / sum(seconds) over (partition by what))::float as share
        from (
            select department, 'time of the clocks that broke' as what, sum(seconds) as seconds
            from marts.rpt_breach_attribution
            where metric = 'first_reply_time' and outcome = 'breached'
            group by department
            union all
            select department, 'had it when it broke', count(*)
            from marts.rpt_breach_attribution
            where metric = 'first_reply_time' and is_holder_at_breach
            group by department
        ) as parts
        order by department, what
        """,
        _whose_time,
    ),
    "verdicts": (
        """
        select
            date_trunc('week', day)::date::text as week, verdict, sum(spans)::integer as spans
        from marts.rpt_ownership_daily
        cross join lateral (values
            ('as policy', as_policy_count), ('misrouted', misrouted_count),
            ('contested', contested_count), ('orphaned', orphaned_count),
            ('no policy', no_policy_count)
        ) as counts (verdict, spans)
        group by 1, 2
        order by 1, 2
        """,
        _verdicts,
    ),
    "first-replies-on-x": (
        """
        select
            department as name, typical_first_reply_seconds / 3600 as middle,
            typical_first_reply_low / 3600 as low, typical_first_reply_high / 3600 as high
        from marts.rpt_ownership_scorecard
        where channel = 'x' and brand = '(all)' and topic = '(all)' and visibility = '(all)'
            and first_reply_count >= 30
        order by middle
        """,
        _intervals("hours to the first answer", "hours"),
    ),
    "promises-on-x": (
        """
        select department as name, kept_share as middle, kept_low as low, kept_high as high
        from marts.rpt_ownership_scorecard
        where channel = 'x' and brand = '(all)' and topic = '(all)' and visibility = '(all)'
            and promise_count >= 30
        order by middle desc
        """,
        _intervals("promises kept", "share"),
    ),
    "before-and-after": (
        """
        select side || ' ' || revised_on || ': ' || says as name, middle, low, high
        from marts.rpt_policy_periods
        cross join lateral (values
            (1, 'before', before_says, before_typical_first_reply_seconds / 3600,
                before_typical_first_reply_low / 3600, before_typical_first_reply_high / 3600),
            (2, 'after', after_says, after_typical_first_reply_seconds / 3600,
                after_typical_first_reply_low / 3600, after_typical_first_reply_high / 3600)
        ) as sides (place, side, says, middle, low, high)
        where kind = 'ownership' and middle is not null
        order by revised_on, policy, place
        """,
        _intervals("hours to the first answer", "hours"),
    ),
}


def _svg(chart: Any) -> str:
    import vl_convert

    styled = (
        chart.configure(font="Arial, Helvetica, sans-serif", background="white", padding=8)
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
            labelLimit=260,
        )
        .configure_legend(labelColor=INK, labelFontSize=12)
    )
    return vl_convert.vegalite_to_svg(json.loads(styled.to_json()))
