"""The page that people read: exact figures, from what is published, with nothing that acts."""

import html as html_entities
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import hostile
import psycopg
import pytest
from browser import Browser, Parsed
from jinja2.sandbox import SandboxedEnvironment
from marts_by_hand import (
    AS_OF,
    add,
    case,
    fill,
    make_build,
    models,
    small_night,
    start_run,
    sum_up_calls,
)

from answerable import reports, runs
from answerable.reports import ReportError, headline
from answerable.reports import page as report_page
from answerable.settings import Settings
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import publish, rollback

DAY = timedelta(days=1)
HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</td></table><iframe src=javascript:document.title='owned'></iframe>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "<svg/onload=fetch('{server}/beacon')>",
    "<style>@import '{server}/style.css';</style><link rel=stylesheet href={server}/a.css>",
    "<meta http-equiv=refresh content='0;url={server}/away'>",
    "<!-- --><base href='{server}/'>",
    "\u202eexe.cod\u0007",
]


@pytest.fixture
def night(warehouse: psycopg.Connection, settings: Settings) -> Callable[..., str]:
    """Publishes the cases and writes the report; gives the page."""
    make_build(warehouse)
    numbers = iter(range(99))

    def run(cases: list, *, days: int = 0, **options: object) -> str:
        number = next(numbers)
        fill(warehouse, cases)
        start_run(warehouse, f"run-{number}", AS_OF + days * DAY, **options)
        publish(f"run-{number}", models=models())
        return Path(reports.write(f"run-{number}")["path"]).read_text(encoding="utf-8")

    return run


def cells(page: str, caption: str) -> list[list[str]]:
    """The rows of the first table whose caption begins so, as text."""
    table = next(
        one for one in re.findall(r"<table>(.*?)</table>", page, re.S) if f"<span>{caption}" in one
    )
    rows = re.findall(r"<tr>(.*?)</tr>", table.split("<tbody>")[1], re.S)
    return [
        [
            " ".join(html_entities.unescape(re.sub(r"<[^>]+>", "", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        for row in rows
    ]


def test_the_figures_are_those_of_the_marts(night):
    page = night(small_night())
    # columns: name, share, (bar), met, breached, unanswered, running, no policy, void, clocks
    assert cells(page, "First reply by department") == [
        ["Customer service", "50.0 %", "", "2", "2", "1", "0", "1", "0", "5"],
        ["Marketing", "-", "", "0", "0", "0", "1", "0", "0", "1"],
    ]
    assert cells(page, "First reply by channel") == [
        ["e-mail", "33.3 %", "", "1", "2", "1", "0", "1", "0", "4"],
        ["X", "100 %", "", "1", "0", "0", "1", "0", "0", "2"],
    ]
    assert cells(page, "Resolution by priority") == [
        ["normal", "25.0 %", "", "1", "3", "3", "1", "1", "0", "6"],
    ]
    assert cells(page, "Resolution by team")[0][0] == "Frontline"
    assert cells(page, "First reply by day") == [
        ["2026-02-26", "50.0 %", "1", "1", "0", "0", "0", "0", "2"],
        ["2026-02-27", "50.0 %", "1", "1", "1", "0", "1", "0", "3"],
        ["2026-02-28", "-", "0", "0", "0", "1", "0", "0", "1"],
    ]
    first = cells(page, "The 2 breached clocks")
    assert [row[0] for row in first] == ["zendesk:3", "zendesk:2"]
    assert first[0][5:] == ["2026-02-27 07:00", "41 h", "still waiting"]
    assert first[1][5:] == ["2026-02-26 11:00", "2 h", "done late"]
    assert cells(page, "Counted cases by the department") == [
        ["Customer service", "5", "5", "0", "0 %"],
        ["Marketing", "1", "1", "0", "0 %"],
    ]
    verdicts = {row[0]: row[2:] for row in cells(page, "Stretches of time")}
    assert verdicts == {
        "held as agreed": ["5", "5"],
        "held by another than agreed": ["1", "1"],
        "held by nobody": ["1", "1"],
    }


def test_the_headline_is_exact(night, warehouse):
    night(small_night())
    found = headline(warehouse, Schemas.of(""))
    assert found["as_of"] == "2026-03-01 00:00:00"
    assert (found["cases"], found["open_cases"], found["interactions"]) == (6, 6, 10)
    first = found["metrics"]["first_reply_time"]
    assert {name: first[name] for name in ("clocks", "met", "breached", "unanswered")} == {
        "clocks": 6,
        "met": 2,
        "breached": 2,
        "unanswered": 1,
    }
    # of 10 min, 10 min (without policy), 60 min, 180 min the lower of the middle two
    assert (first["fulfilled"], first["median"], first["ninetieth"]) == (4, 600, 10800)
    assert first["share"] == 0.5


def test_the_page_says_what_it_is_as_of_and_where_from(night):
    page = night(small_night(), days=150)  # summer time
    assert "28 July 2026" in page
    assert "29 July 2026, 01:00 BST" in page
    assert "2026-07-29 00:00 UTC" in page
    assert "<code>run-0</code>" in page
    assert "Made-up figures." in page


def test_customers_are_shown_as_the_marts_mask_them_and_texts_not_at_all(night, warehouse):
    page = night([case(1, AS_OF - DAY, reply_after=None, subject="Order [order number] is late")])
    assert "Order [order number] is late" in page
    for secret in ("kim@example.com", "Good morning", "customer-1"):
        assert secret not in page


def hostile_night(server: str) -> list:
    return [
        case(
            number,
            AS_OF - number * DAY,
            reply_after=None,
            subject=text,
            department=text,
            team=f"team {text}",
            brand=text,
            priority=text,
            channel=text,
        )
        for number, text in enumerate((one.replace("{server}", server) for one in HOSTILE), 1)
    ]


def test_hostile_texts_are_text(night):
    page = night(hostile_night("http://evil.example"))
    tags = re.findall(r"<\s*(/?[a-z!][^\s>]*)", page, re.I)
    assert set(tags) & {"script", "iframe", "img", "link", "base", "object", "form"} == set()
    assert not re.search(r"<[^>]*\son\w+\s*=", page)
    assert not re.search(r"<[^>]*\s(src|srcset|action|xlink:href)\s*=", page)
    assert re.findall(r'href="([^#][^"]*)"', page) == []
    for text in re.findall(r"<style>(.*?)</style>", page, re.S):
        assert "url(" not in text and "@import" not in text
    assert page.count("<meta ") == 5
    assert "49" not in re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page, flags=re.S)
    assert "&lt;script&gt;document.title=" in page
    assert "\u202e" not in page and "\x07" not in page


def every_hostile_text(away: str) -> list:
    """A case for each: its subject, and as many names of departments, teams and so on."""
    texts = hostile.corpus(away)
    return [
        case(
            number,
            AS_OF - (number % 40 + 1) * DAY,
            reply_after=None,
            subject=text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:3000],
            **dict.fromkeys(("department", "team", "brand", "priority", "channel"), name),
        )
        for number, text in enumerate(texts, 1)
        for name in [
            f"{number % 19} {texts[number % 19 * 28 % len(texts)]}".replace("\x00", "\ufffd")
        ]
    ]


def test_a_browser_runs_nothing_loads_nothing_and_changes_nothing(
    night, settings, need_tool, tmp_path, monkeypatch
):
    away = "http://evil.invalid"
    with Browser(need_tool("chromium"), tmp_path) as browser:
        night(every_hostile_text(away))
        page = settings.reports / "latest.html"
        found = browser.dom(page)
        assert browser.asked == []
        written = page.read_text(encoding="utf-8")
        assert Parsed(found).parts == Parsed(written).parts
        assert "<title>Service levels to 28 February 2026" in found
        assert hostile.CANARY in written

        # without the escaping the page's own policy still holds ...
        monkeypatch.setattr(
            report_page, "SandboxedEnvironment", partial(unescaping, SandboxedEnvironment)
        )
        monkeypatch.setattr(report_page.words, "plain", plain)
        texts = [f"<img src={away}/img>", f"<script>fetch('{away}/js')</script>"]
        assert set(texts) <= set(hostile.corpus(away))
        monkeypatch.setattr(hostile, "corpus", lambda _: texts)
        night(every_hostile_text(away), days=1)
        loose = page.read_text(encoding="utf-8")
        assert "<script>fetch(" in loose
        found = browser.dom(page)
        assert browser.asked == []
        assert "<title>Service levels to" in found
        # ... and without either all this would have been seen
        open_ = tmp_path / "open.html"
        open_.write_text(loose.replace("http-equiv", "x"), encoding="utf-8")
        found = browser.dom(open_)
        assert any(f"{away}/img" in each for each in browser.asked)
        assert any(f"{away}/js" in each for each in browser.asked)  # that of a script
        assert Parsed(found).parts != Parsed(loose).parts


def plain(text: object, longest: int = 120) -> str:
    return str(text)


def unescaping(environment: type, **options: object) -> object:
    return environment(**options | {"autoescape": False})


def test_half_a_year_is_drawn_in_weeks_and_old_years_work_as_well(night):
    start = AS_OF - 5400 * DAY  # 2011
    as_of = start + 200 * DAY
    cases = [case(n, start + n * DAY, as_of=as_of) for n in range(1, 190, 9)]
    page = night(cases, days=-5200)
    rows = cells(page, "First reply by week")
    assert len(rows) == 21
    assert rows[0][0] == "2011-05-16"
    assert sum(int(row[2]) for row in rows) == 21
    assert "<strong>4 December 2011</strong>" in page


def test_warnings_and_stale_sources_are_on_the_page(night, warehouse):
    night(small_night())
    start_run(warehouse, "run-1", AS_OF + DAY)
    warehouse.execute("update ops.stream_runs set status = 'failed' where run_id = 'run-1'")
    for minute, is_success in ((1, False), (2, True)):  # the newer pass counts
        for rule in ("ExpectNoQuarantine", "ExpectMostClocksToHaveAPolicy"):
            add(
                warehouse,
                "ops.check_results",
                [
                    {
                        "run_id": "run-1",
                        "stage": "build",
                        "checked_at": f"2026-03-02 00:0{minute}:00+00",
                        "suite": "sla",
                        "table_name": "fct_sla_clocks",
                        "rule": rule,
                        "severity": "warning",
                        "is_success": is_success or rule == "ExpectNoQuarantine",
                        "unexpected_count": 3,
                        "advice": "What to do: look",
                    }
                ],
            )
    warehouse.execute(
        "update ops.check_results set is_success = false, example_keys = '[\"<b>1</b>\"]' "
        "where checked_at = '2026-03-02 00:02:00+00' and rule = 'ExpectNoQuarantine'"
    )
    warehouse.commit()
    publish("run-1", models=models())
    page = Path(reports.write("run-1")["path"]).read_text(encoding="utf-8")
    assert "zendesk</bdi> is stale." in page
    assert "2 rules were asked" in page and "1 hold, 1 does not" in page
    (warning,) = cells(page, "Warnings")
    assert warning[:3] == ["no quarantine", "fct_sla_clocks", "3"]
    assert "&lt;b&gt;1&lt;/b&gt;" in page
    assert ["fct_sla_clocks", "most clocks to have a policy", "warning", "holds"] in cells(
        page, "Rules by table"
    )


def test_what_a_night_could_not_pay_for_and_what_is_gone_for_good_are_on_the_page(night, warehouse):
    night(small_night())
    start_run(warehouse, "run-1", AS_OF + DAY)
    warehouse.execute(
        "insert into ops.stream_runs (run_id, source, source_kind, stream, status, error) values"
        " ('run-1', 'x', 'x', 'mentions', 'incomplete', 'spent: 9 of 9 reads. <b>Not read</b>')"
    )
    warehouse.execute(
        "insert into ops.batches overriding system value values"
        " (7, 'x', 'x', 'search', 'o', '', '', null, null, 0, 0, 0, 0, now(), 1)"
    )
    warehouse.execute(
        "insert into ops.holes values"
        " (7, 1, 'x', 'search', 'kettles', '2026-02-01', '2026-02-09', null, null, '7 days')"
    )
    warehouse.commit()
    publish("run-1", models=models())
    page = Path(reports.write("run-1")["path"]).read_text(encoding="utf-8")
    assert "x</bdi> is incomplete." in page and "9 of 9 reads. &lt;b&gt;Not read&lt;/b&gt;" in page
    assert "x</bdi> is stale." not in page
    assert "x</bdi> has 1 hole</strong>" in page
    assert "search (kettles) from 2026-02-01T00:00:00Z until 2026-02-09T00:00:00Z" in page


def test_an_empty_warehouse_gives_a_page_too(night):
    page = night([])
    assert "No clock has started yet" in page


def test_a_report_is_made_of_what_readers_see_only(night, warehouse, settings):
    night(small_night())
    first = (settings.reports / "sla_2026-03-01.html").read_text(encoding="utf-8")
    night(small_night()[:2], days=1)
    with pytest.raises(ReportError, match="run-0 is not what marts shows now"):
        reports.write("run-0")
    assert runs.get(warehouse, "run-1").report_path == str(settings.reports / "sla_2026-03-02.html")
    warehouse.commit()
    receipt = rollback()
    reports.write(receipt["run_id"])
    assert (settings.reports / "sla_2026-03-01.html").read_text(encoding="utf-8") == first
    assert (settings.reports / "latest.html").read_text(encoding="utf-8") == first


def test_a_replay_has_a_file_of_its_own_and_is_not_the_latest(night, warehouse, settings):
    night(small_night(), days=4)
    latest = (settings.reports / "latest.html").read_text(encoding="utf-8")
    own = make_build(warehouse, "replay_20260301")
    fill(warehouse, small_night()[:3], schema=own.build)
    start_run(warehouse, "again", AS_OF, kind="replay", prefix="replay_20260301", replays_run_no=1)
    publish("again", models=models())
    path = Path(reports.write("again")["path"])
    assert path.name == "replay_2026-03-01.html"
    assert "a replay, never published" in path.read_text(encoding="utf-8")
    assert (settings.reports / "latest.html").read_text(encoding="utf-8") == latest
    assert sorted(one.name for one in settings.reports.iterdir()) == [
        "latest.html",
        "replay_2026-03-01.html",
        "sla_2026-03-05.html",
    ]


def test_the_sources_own_verdicts_are_counted_by_the_cause_of_difference(night, warehouse):
    assert "rpt_sla_reconciliation" not in night([])  # no source has any
    verdicts = [
        ("events", None),
        ("word", None),
        ("events", "merged"),
        *[("events", "clock_rule")] * 3,
        ("word", "policy_differs"),
    ]
    add(
        warehouse,
        "build.rpt_sla_reconciliation",
        [
            {"case_key": "zendesk:1", "metric": "first_reply_time", "clock_no": number}
            | {"told_by": told_by, "is_same": cause is None, "cause": cause}
            for number, (told_by, cause) in enumerate([*verdicts, ("figure", "merged")], 1)
        ],
    )
    start_run(warehouse, "run-9", AS_OF + DAY)
    publish("run-9", models=models())
    page = Path(reports.write("run-9")["path"]).read_text(encoding="utf-8")
    assert (
        "2 of the 7 clocks of which a source has a verdict of its own are the same (28.6 %). "
        "The others differ by another rule of counting (3), merged (1), another promise (1)."
    ) in " ".join(page.split())


def test_calls_have_their_own_table(night, warehouse):
    night([])
    add(
        warehouse,
        "build.fct_calls",
        [
            {
                "call_key": f"bank:{number}",
                "source": "bank",
                "call_id": str(number),
                "queue": queue,
                "started_at": AS_OF,
                "outcome": outcome,
                "is_offered": outcome != "other",
                "wait_seconds": wait,
                "talk_seconds": 100 * number,
                "answer_outcome": judged,
                "answer_void_reason": "short_abandon" if judged == "void" else None,
                "service_level": "care" if queue else None,
                "answer_target_seconds": 20 if queue else None,
            }
            for number, (queue, outcome, wait, judged) in enumerate(
                [
                    ("care", "answered", 20, "met"),
                    ("care", "answered", 41, "breached"),
                    ("care", "abandoned", 70, "breached"),
                    ("care", "abandoned", 4, "void"),
                    (None, "abandoned", 5, "no_policy"),
                    (None, "other", 0, None),
                ],
                1,
            )
        ],
    )
    sum_up_calls(warehouse)
    warehouse.commit()
    start_run(warehouse, "run-9", AS_OF + DAY)
    publish("run-9", models=models())
    page = Path(reports.write("run-9")["path"]).read_text(encoding="utf-8")
    assert cells(page, "Telephone calls") == [
        ["bank, care", "4", "2", "2", "50.0 %", "30 s", "1 min 10 s", "2 min 30 s"],
        ["bank", "1", "0", "1", "100 %", "-", "5 s", "-"],
    ]
    promise = "80.0 % within 20 s, of offered"
    assert cells(page, "Service levels") == [
        ["bank, care", promise, "25.0 %", "50.0 %", "33.3 %", "1", "0 %"],
        ["bank", "nothing promised", "-", "-", "-", "-", "-"],
    ]
