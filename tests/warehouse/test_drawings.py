"""The pictures for people who read no SQL show what the marts say, and nothing else."""

import re

import psycopg
import pytest
from marts_by_hand import add, fill, make_build, models, small_night, start_run

from answerable.reports import drawings
from answerable.settings import ROOT, Settings
from answerable.warehouse.publish import publish


def published(conn: psycopg.Connection, rows: dict[str, list[dict]]) -> None:
    make_build(conn)
    fill(conn, small_night())
    for table, given in rows.items():
        add(conn, f"build.{table}", given)
    start_run(conn, "run-1")
    conn.commit()
    publish("run-1", models=models())


ALL = {"channel": "x", "brand": "(all)", "topic": "(all)", "visibility": "(all)"}


def test_each_picture_shows_what_the_marts_say_and_loads_nothing(warehouse, settings, tmp_path):
    published(
        warehouse,
        {
            "rpt_ownership_daily": [
                {
                    **{"day": "2026-02-25", "department": "pr", "channel": "x"},
                    **{"as_policy_count": 3, "misrouted_count": 1, "contested_count": 0},
                    **{"orphaned_count": 2, "no_policy_count": 0, "span_count": 6},
                }
            ],
            "rpt_ownership_scorecard": [
                ALL
                | {"department": name, "first_reply_count": count, "promise_count": count}
                | {"typical_first_reply_seconds": 3600, "typical_first_reply_low": 1800}
                | {"typical_first_reply_high": 7200, "kept_share": 0.5, "kept_low": 0.4}
                | {"kept_high": 0.6}
                for name, count in (("hub", 30), ("too_few", 29))
            ],
            "rpt_policy_periods": [
                {"kind": "ownership", "metric": "(none)", "revised_on": "2026-02-01"}
                | {"policy": "p", "before_policy": "o", "after_policy": "p"}
                | {"before_says": "care", "after_says": "hub / Hub"}
                | {
                    f"{side}_typical_first_reply_{what}": 3600 * hours
                    for side in ("before", "after")
                    for hours, what in ((2, "seconds"), (1, "low"), (3, "high"))
                }
            ],
        },
    )
    files = drawings.draw(settings, tmp_path / "pictures")
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    assert texts.keys() == drawings.PICTURES.keys()
    assert ">customer_service<" in texts["whose-time"]
    assert ">orphaned<" in texts["verdicts"]
    assert ">hub<" in texts["promises-on-x"] and "too_few" not in texts["promises-on-x"]
    assert ">before 2026-02-01: care<" in texts["before-and-after"]
    assert not any(re.search(r"<script|<image|url\(http", text) for text in texts.values())


def test_marts_with_nothing_to_draw_are_refused_by_name(warehouse, settings: Settings, tmp_path):
    published(warehouse, {})
    with pytest.raises(LookupError, match="verdicts: the marts have nothing to draw"):
        drawings.draw(settings, tmp_path)


def test_the_page_shows_each_picture_that_can_be_drawn():
    page = (ROOT / "docs" / "ownership.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(ownership/([\w-]+)\.svg\)", page))
    assert shown == set(drawings.PICTURES)
    assert {file.stem for file in (ROOT / "docs" / "ownership").glob("*.svg")} == shown
