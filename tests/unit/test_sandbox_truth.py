"""The truth of some cases, worked out by hand from what happened in them.

Hours: support Mon-Fri 09:00-17:30 London (30,600 s a day); social daily 08:00-20:00, from
2026-01-12 to 22:00; voice Mon-Fri 09:00-13:00 and 14:00-18:00, Sat 10:00-13:00 Berlin. The
arithmetic of each line stands beside it; no code of ours has done it.
"""

from datetime import datetime
from itertools import pairwise

import pytest

from answerable.sandbox.company import SMALL
from answerable.sandbox.history import world
from answerable.sandbox.truth import Truth, judge, seconds_within, truth


def minutes(count: int) -> int:
    return count * 60


def hms(hours: int, minutes_: int, seconds: int) -> int:
    return hours * 3_600 + minutes_ * 60 + seconds


@pytest.fixture(scope="module")
def early() -> Truth:
    return truth(world(7, SMALL), datetime(2025, 12, 11))


@pytest.fixture(scope="module")
def late() -> Truth:
    return truth(world(7, SMALL), datetime(2026, 4, 5))


FIRST, RESOLUTION = "first_reply_time", "resolution_time"
DAY = 30_600  # a support day of 8.5 hours

EARLY = [
    # found by us, never addressed to us: from the customer's own post on. 07:40:27 is before 08:00,
    # so 08:00:00-08:40:13
    (
        "x:1995397569475273217:1510000000000910685",
        FIRST,
        "met",
        "12-01 07:40:27",
        "12-01 08:40:13",
        minutes(120),
        hms(0, 40, 13),
    ),
    # the customer edited the first post: the first version's instant counts
    (
        "x:1995462853796065281:1510000000004996889",
        FIRST,
        "met",
        "12-01 11:59:52",
        "12-01 12:11:31",
        minutes(120),
        hms(0, 11, 39),
    ),
    # nobody answered. Mon 13:34:40-20:00 is 6:25:20, then nine days of 12 h
    (
        "x:1995486710934298625:1510000000000007919",
        FIRST,
        "breached",
        "12-01 13:34:40",
        None,
        minutes(120),
        hms(6 + 9 * 12, 25, 20),
    ),
    # in the evening after closing; Tue 08:00-09:03:51
    (
        "x:1995615066359098881:1510000000003555631",
        FIRST,
        "met",
        "12-01 22:04:43",
        "12-02 09:03:51",
        minutes(120),
        hms(1, 3, 51),
    ),
    # since 12-06 an hour is promised: 10:42:09-11:48:13
    (
        "x:1997980010085897729:1510000000000293003",
        FIRST,
        "breached",
        "12-08 10:42:09",
        "12-08 11:48:13",
        minutes(60),
        hms(1, 6, 4),
    ),
    # in a stranger's thread, at night: 08:00-09:19:41
    (
        "x:1998389965083410433:1510000000001583800",
        FIRST,
        "breached",
        "12-10 03:08:41",
        "12-10 09:19:41",
        minutes(60),
        hms(1, 19, 41),
    ),
    # asked after closing of the last day: not a second has run
    (
        "x:1998874938420775937:1510000000003880310",
        FIRST,
        "running",
        "12-10 21:58:17",
        None,
        minutes(60),
        0,
    ),
    # chat counts by the calendar: 4:12:19 to midnight and 8:49:45
    (
        "zendesk:100001",
        FIRST,
        "breached",
        "12-01 19:47:41",
        "12-02 08:49:45",
        minutes(5),
        hms(13, 2, 4),
    ),
    (
        "zendesk:100001",
        RESOLUTION,
        "met",
        "12-01 19:47:41",
        "12-02 08:49:45",
        minutes(1440),
        hms(13, 2, 4),
    ),
    # came by the API, where nothing is promised; resolved when it was solved again after a reopen
    ("zendesk:100002", FIRST, "no_policy", "12-01 16:51:34", "12-02 12:14:25", None, None),
    ("zendesk:100002", RESOLUTION, "no_policy", "12-01 16:51:34", "12-03 13:49:50", None, None),
    # but a complaint is promised a resolution on any channel: Tue 15:44:35-17:30
    ("zendesk:110006", FIRST, "no_policy", "12-02 15:44:35", "12-03 08:29:21", None, None),
    (
        "zendesk:110006",
        RESOLUTION,
        "met",
        "12-02 15:44:35",
        "12-03 08:29:21",
        minutes(1020),
        hms(1, 45, 25),
    ),
    # a mention made a ticket: from the mention, not the ticket; Tue 08:00-10:24:00, when the
    # answer stood on X, but for the three seconds for which the ticket was solved by then
    (
        "zendesk:100004",
        FIRST,
        "breached",
        "12-01 20:51:38",
        "12-02 10:24:00",
        minutes(120),
        hms(2, 23, 57),
    ),
    (
        "zendesk:100004",
        RESOLUTION,
        "met",
        "12-01 20:53:17",
        "12-02 10:23:57",
        minutes(2880),
        hms(13, 30, 40),
    ),
    # both after closing
    ("zendesk:100005", FIRST, "met", "12-01 20:49:36", "12-01 21:21:21", minutes(120), 0),
    # marked as spam
    ("zendesk:100006", FIRST, "void", "12-01 11:57:08", None, None, None),
    ("zendesk:100006", RESOLUTION, "void", "12-01 11:57:08", None, None, None),
    # the second of two mentions became the ticket; a colleague of sales was first to answer
    (
        "zendesk:100018",
        FIRST,
        "met",
        "12-01 08:04:17",
        "12-01 10:02:00",
        minutes(120),
        hms(1, 57, 43),
    ),
    # marketing answered a web form's case; solved on Wednesday before opening, reopened on Friday
    # 09:58:37, solved on Monday before opening: Tue, and Fri 09:58:37-17:30
    (
        "zendesk:100025",
        FIRST,
        "met",
        "12-01 19:09:41",
        "12-02 09:30:47",
        minutes(510),
        hms(0, 30, 47),
    ),
    (
        "zendesk:100025",
        RESOLUTION,
        "met",
        "12-01 19:09:41",
        "12-08 08:50:02",
        minutes(2550),
        hms(8, 30, 0) + hms(7, 31, 23),
    ),
    # urgent mail: calendar. 1:02:58 to midnight and 10:42:32
    (
        "zendesk:110010",
        FIRST,
        "breached",
        "12-02 22:57:02",
        "12-03 10:42:32",
        minutes(60),
        hms(11, 45, 30),
    ),
    # 28 seconds after closing; Wed 09:00-11:23:17. Nookly's own promise for forms
    (
        "zendesk:110021",
        FIRST,
        "met",
        "12-02 17:30:28",
        "12-03 11:23:17",
        minutes(720),
        hms(2, 23, 17),
    ),
    # lunch between: Berlin 12:39:32-13:00 and 14:00-14:59:44
    (
        "zendesk:110030",
        FIRST,
        "met",
        "12-02 11:39:32",
        "12-02 13:59:44",
        minutes(120),
        hms(0, 20, 28) + hms(0, 59, 44),
    ),
    # ... 0:20:28 and the afternoon of 4 h, Wed 09:00-09:42:08 in Berlin until it was solved;
    # reopened after closing, Thu 09:00-10:20:29
    (
        "zendesk:110030",
        RESOLUTION,
        "met",
        "12-02 11:39:32",
        "12-04 09:20:29",
        minutes(960),
        hms(0, 20, 28) + hms(4, 0, 0) + hms(0, 42, 8) + hms(1, 20, 29),
    ),
    # we wrote first and nobody answered: no first reply is due. Thu 1:25:45, Fri, Mon, Tue, Wed
    (
        "zendesk:130011",
        RESOLUTION,
        "breached",
        "12-04 16:04:15",
        None,
        minutes(2040),
        hms(1, 25, 45) + 4 * DAY,
    ),
    # we wrote first; the clock starts when the customer wrote. Second line: Thu 12:43:02-17:30
    ("zendesk:130042", FIRST, "met", "12-04 18:44:37", "12-04 18:44:38", minutes(480), 0),
    (
        "zendesk:130042",
        RESOLUTION,
        "met",
        "12-04 12:43:02",
        "12-05 08:54:04",
        minutes(1020),
        hms(4, 46, 58),
    ),
    # over a weekend: Mon 09:00-15:12:09; then all of Monday
    (
        "zendesk:140001",
        FIRST,
        "met",
        "12-05 17:37:53",
        "12-08 15:12:09",
        minutes(510),
        hms(6, 12, 9),
    ),
    ("zendesk:140001", RESOLUTION, "met", "12-05 17:37:53", "12-09 08:41:11", minutes(2550), DAY),
    # the press: calendar, also on Saturday. 15:40:21 to midnight, 24 h, 10:06:02
    (
        "zendesk:150011",
        FIRST,
        "breached",
        "12-06 08:19:39",
        "12-08 10:06:02",
        minutes(120),
        hms(49, 46, 23),
    ),
    (
        "zendesk:150011",
        RESOLUTION,
        "met",
        "12-06 08:19:39",
        "12-09 09:33:47",
        minutes(2040),
        DAY + hms(0, 33, 47),
    ),
    # urgent and from the press: the press rule stands first
    (
        "zendesk:190021",
        FIRST,
        "met",
        "12-10 14:53:27",
        "12-10 16:22:42",
        minutes(120),
        hms(1, 29, 15),
    ),
    # of an important customer: Tue 18:09:08-20:00 and Wed 08:00-09:52:16
    (
        "zendesk:180020",
        FIRST,
        "breached",
        "12-09 18:09:08",
        "12-10 09:52:16",
        minutes(60),
        hms(1, 50, 52) + hms(1, 52, 16),
    ),
    # still open: Wed 12:23:41-17:30
    ("zendesk:190001", FIRST, "running", "12-10 12:23:41", None, minutes(480), hms(5, 6, 19)),
    # the first of two mails was merged into the second, and the clock starts with it: Mon 09:00 on
    ("zendesk:100020", FIRST, "void", "12-01 06:04:22", None, None, None),
    ("zendesk:100020", RESOLUTION, "void", "12-01 06:04:22", "12-01 07:03:39", None, None),
    (
        "zendesk:105020",
        FIRST,
        "met",
        "12-01 06:04:22",
        "12-01 13:53:11",
        minutes(480),
        hms(4, 53, 11),
    ),
    (
        "zendesk:105020",
        RESOLUTION,
        "met",
        "12-01 06:04:22",
        "12-03 15:08:57",
        minutes(2040),
        2 * DAY + hms(6, 8, 57),
    ),
    # the second of two forms was merged into the first, after it had been answered: Mon 17:12:45 on
    ("zendesk:105031", FIRST, "void", "12-02 03:58:24", "12-02 08:37:40", None, None),
    (
        "zendesk:100031",
        FIRST,
        "met",
        "12-01 17:12:45",
        "12-02 08:37:40",
        minutes(510),
        hms(0, 17, 15),
    ),
    # a mention, merged into a chat, merged into another: promised as on X, from the mention on;
    # Thu 08:00-08:36:36, and by the calendar since the ticket of the mention
    (
        "zendesk:126521",
        FIRST,
        "met",
        "12-03 20:35:35",
        "12-04 08:36:36",
        minutes(120),
        hms(0, 36, 36),
    ),
    (
        "zendesk:126521",
        RESOLUTION,
        "met",
        "12-03 20:36:58",
        "12-04 09:06:41",
        minutes(2880),
        hms(12, 29, 43),
    ),
]
LATE = [
    # over Christmas: Mon 29 Dec 09:00-11:12:18, and all of that day with 9:55 of the next
    ("zendesk:330024", FIRST, "met",
     "2025-12-24 22:13:06", "2025-12-29 11:12:18", minutes(480), hms(2, 12, 18)),
    ("zendesk:330024", RESOLUTION, "met",
     "2025-12-24 22:13:06", "2025-12-30 09:09:55", minutes(2040), DAY + hms(0, 9, 55)),
    # answered on Christmas Day, which does not count
    ("x:2003936071494159361:1510000000003009220", FIRST, "met",
     "2025-12-24 21:09:25", "2025-12-25 09:24:55", minutes(60), 0),
    # since February half an hour, and open to 22:00: Sunday's 14 h and Mon 08:00-09:32:04
    ("x:2017870438687846914:1510000000006279767", FIRST, "breached",
     "2026-02-01 07:59:37", "2026-02-02 09:32:04", minutes(30), hms(15, 32, 4)),
    # the day before still an hour
    ("x:2017677178371586049:1510000000003516036", FIRST, "met",
     "2026-01-31 19:11:40", "2026-01-31 19:50:57", minutes(60), hms(0, 39, 17)),
    # the clocks go forward this night: 08:00 in London is 07:00 UTC
    ("x:2037976057159630337:1510000000001647152", FIRST, "breached",
     "2026-03-29 00:44:02", "2026-03-29 07:55:30", minutes(30), hms(0, 55, 30)),
    # and for support on Monday 09:00 is 08:00 UTC
    ("zendesk:1260018", FIRST, "met",
     "2026-03-27 18:30:34", "2026-03-30 08:32:49", minutes(480), hms(0, 32, 49)),
    # a voice mail after Saturday's three hours; Mon 09:00-10:28:53 in Berlin
    ("zendesk:1060002", FIRST, "met",
     "2026-03-07 18:24:00", "2026-03-09 09:28:53", minutes(120), hms(1, 28, 53)),
    # complaints have been given three days since February
    ("zendesk:1000024", RESOLUTION, "met",
     "2026-03-01 15:18:38", "2026-03-02 09:44:03", minutes(1530), hms(0, 44, 3)),
    # Nookly's own promise for forms ended with the year
    ("zendesk:1010020", FIRST, "met",
     "2026-03-02 07:08:17", "2026-03-02 09:55:47", minutes(510), hms(0, 55, 47)),
]  # fmt: skip


def instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(text if text.startswith("20") else f"2025-{text}")


def check(told: Truth, row: tuple) -> None:
    key, metric, outcome, started, fulfilled, target, elapsed = row
    found = told.verdicts[key, metric]
    assert (
        found.outcome, found.started_at, found.fulfilled_at,
        found.target_seconds, found.elapsed_seconds,
    ) == (outcome, instant(started), instant(fulfilled), target, elapsed)  # fmt: skip


@pytest.mark.parametrize("row", EARLY, ids=lambda row: f"{row[0]}-{row[1]}")
def test_verdict_worked_out_by_hand(early: Truth, row: tuple) -> None:
    check(early, row)


@pytest.mark.parametrize("row", LATE, ids=lambda row: f"{row[0]}-{row[1]}")
def test_verdict_after_revisions_holidays_and_summer_time(late: Truth, row: tuple) -> None:
    check(late, row)


SERVICE, HUB = "customer_service", "social_hub"
SPANS = {
    # two accounts of ours answer one after the other
    "x:1995615066359098881:1510000000003555631": [
        ("12-01 22:04:43", "12-02 09:03:51", None, None, None),
        ("12-02 09:03:51", "12-02 10:43:50", SERVICE, "Care London", "x:1402000000000000101"),
        ("12-02 10:43:50", None, "marketing", "Brand Studio", "x:1402000000000000102"),
    ],
    # the care account has moved to the hub; the CEO is in no team yet
    "x:1997980010085897729:1510000000000293003": [
        ("12-08 10:42:09", "12-08 11:48:13", None, None, None),
        ("12-08 11:48:13", "12-08 17:20:04", HUB, "Social Hub", "x:1402000000000000101"),
        ("12-08 17:20:04", None, None, None, "x:1402000000000000103"),
    ],
    # to campaigns by mistake and back to the hub; closed
    "zendesk:100004": [
        ("12-01 20:53:17", "12-01 20:59:59", HUB, "Social Hub", None),
        ("12-01 20:59:59", "12-02 09:41:32", "marketing", "Campaigns", None),
        ("12-02 09:41:32", "12-02 10:06:16", "marketing", "Campaigns", "zendesk:371000000115"),
        ("12-02 10:06:16", "12-02 10:08:43", HUB, "Social Hub", None),
        ("12-02 10:08:43", "12-06 10:54:15", HUB, "Social Hub", "zendesk:371000000123"),
    ],
    # deleted: its time ends there
    "zendesk:100006": [
        ("12-01 11:57:08", "12-01 13:07:10", "sales", "Sales Desk", None),
        ("12-01 13:07:10", "12-01 13:42:11", "sales", "Sales Desk", "zendesk:371000000118"),
    ],
    # taken and handed over within one second
    "zendesk:140001": [
        ("12-05 17:37:53", "12-08 09:42:30", None, None, None),
        ("12-08 09:42:30", "12-08 09:42:31", SERVICE, "Technical Care", None),
        ("12-08 09:42:31", "12-08 09:42:31", SERVICE, "Technical Care", "zendesk:371000000108"),
        ("12-08 09:42:31", "12-08 12:27:20", SERVICE, "Technical Care", "zendesk:371000000109"),
        ("12-08 12:27:20", None, SERVICE, "Technical Care", "zendesk:371000000108"),
    ],
    # a mention's ticket tells of the chat that it was merged into, until that was opened
    "zendesk:126521": [
        ("12-03 20:36:58", "12-03 20:52:24", None, None, None),
        ("12-03 20:52:24", "12-03 21:04:43", HUB, "Social Hub", None),
        ("12-03 21:04:43", "12-04 05:03:36", "product", "Product Feedback", None),
        ("12-04 05:03:36", "12-04 08:34:28", None, None, None),
        ("12-04 08:34:28", "12-04 08:35:32", SERVICE, "Care London", None),
        ("12-04 08:35:32", "12-08 09:32:56", SERVICE, "Care London", "zendesk:371000000103"),
    ],
    # the merge closed it
    "zendesk:100020": [
        ("12-01 06:04:22", "12-01 07:03:39", SERVICE, "Care Berlin", None),
    ],
}


@pytest.mark.parametrize("key", SPANS)
def test_spans_as_read_from_the_story(early: Truth, key: str) -> None:
    found = [
        (one.from_at, one.to_at, one.department, one.team, one.agent_key)
        for one in early.spans[key]
    ]
    assert found == [(instant(a), instant(b), *rest) for a, b, *rest in SPANS[key]]


# as read from the story: how it came to them, business seconds, replies, whose it was, the verdict
HOLDINGS = {
    # a mention on X is the care department's by agreement of these days; social hours end at 20:00
    "zendesk:100004": [
        ("rule", 0, 0, "misrouted"),
        ("assigned", hms(1, 41, 32), 0, "misrouted"),  # from 08:00
        ("taken_over", hms(0, 24, 44), 0, "misrouted"),
        ("assigned", hms(0, 2, 27), 0, "misrouted"),
        # 12-02 to 20:00, three days of twelve hours, 12-06 to 10:54:15
        ("taken_over", hms(9, 51, 17) + 3 * hms(12, 0, 0) + hms(2, 54, 15), 1, "misrouted"),
    ],
    # Friday's evening and the weekend are closed; Monday 09:00 to 09:42:30 nobody had it
    "zendesk:140001": [
        (None, hms(0, 42, 30), 0, "orphaned"),
        ("assigned", 1, 0, "as_policy"),
        ("taken_over", 0, 0, "as_policy"),
        ("taken_over", hms(2, 44, 49), 0, "as_policy"),
        # Monday to 17:30, Tuesday, Wednesday: the present is Thursday 00:00
        ("taken_over", hms(5, 2, 40) + 2 * DAY, 2, "as_policy"),
    ],
}


@pytest.mark.parametrize("key", HOLDINGS)
def test_holdings_as_read_from_the_story(early: Truth, key: str) -> None:
    found = [
        (one.came_by, one.business_seconds, one.replies, one.verdict)
        for (case_key, _), one in early.holdings.items()
        if case_key == key
    ]
    assert found == HOLDINGS[key]


def test_handoffs_as_read_from_the_story(early: Truth) -> None:
    there, back = early.handoffs["zendesk:100004"]
    assert (there.level, there.is_bounce, there.acted_at) == (
        "department", False, instant("12-02 09:41:32"),
    )  # fmt: skip
    assert (back.after[:2], back.is_bounce, back.acted_at) == (
        (HUB, "Social Hub"), True, instant("12-02 10:08:43"),
    )  # fmt: skip
    # who took it within the second handed it on, and got it back: people of one team
    assert [(one.level, one.is_bounce) for one in early.handoffs["zendesk:140001"]] == [
        ("agent", False), ("agent", True),
    ]  # fmt: skip
    # a person without a team takes over from the hub
    (to_ceo,) = early.handoffs["x:1997980010085897729:1510000000000293003"]
    assert (to_ceo.level, to_ceo.after) == ("agent", (None, None, "x:1402000000000000103"))


def test_a_promise_s_time_belongs_to_who_had_the_case_meanwhile(early: Truth) -> None:
    """Two hours from 08:00 on; campaigns had it until 10:06:16, the hub replied at 10:23:57."""
    found = early.attributions["zendesk:100004", FIRST]
    assert dict(found.seconds) == {"marketing": hms(2, 6, 16), HUB: hms(0, 17, 41)}
    assert found.broken_with == ("marketing",)


def test_what_nobody_holds_and_nobody_solved_is_an_orphan(early: Truth) -> None:
    assert early.orphans
    for key in early.orphans:
        last = early.spans[key][-1]
        assert (last.department, last.team, last.agent_key, last.to_at) == (None,) * 4
        assert early.cases[key].is_counted


def test_a_case_that_we_opened_has_no_first_reply_clock(early: Truth) -> None:
    assert ("zendesk:130011", FIRST) not in early.verdicts


def test_a_deleted_case_is_not_counted(early: Truth) -> None:
    case = early.cases["zendesk:100006"]
    assert (case.is_counted, case.not_counted_reason) == (False, "spam")


def test_a_chain_of_merges_ends_at_the_last_ticket(early: Truth, late: Truth) -> None:
    for key in ("zendesk:120021", "zendesk:125021"):
        case = early.cases[key]
        assert (case.is_counted, case.not_counted_reason) == (False, "merged")
        assert case.merged_into == "zendesk:126521"
    assert early.cases["zendesk:126521"].merged_into is None
    survivors = {one.merged_into for one in late.cases.values()} - {None}
    assert not any(late.cases[key].merged_into for key in survivors)
    assert {late.cases[key].not_counted_reason for key in survivors} > {None}, "one was deleted"


def test_the_ceo_is_in_the_press_desk_from_its_day_on(late: Truth) -> None:
    spans = late.spans["x:2014057857342789121:1510000000004038690"]
    assert [(one.department, one.team) for one in spans] == [
        (None, None), ("pr", "Press Desk"), (HUB, "Social Hub"),
    ]  # fmt: skip


def test_spans_cover_a_case_without_gap_or_overlap(late: Truth) -> None:
    for key, spans in late.spans.items():
        assert spans[0].from_at == late.cases[key].opened_at
        assert all(one.to_at == two.from_at for one, two in pairwise(spans))


def test_every_message_is_told_once_and_every_case_has_its_messages(late: Truth) -> None:
    carried = {one.case_key for one in late.interactions.values()} - {None}
    assert carried <= set(late.cases)
    silent = {key for key in late.cases if key not in carried}
    assert silent == {key for key, one in late.cases.items() if one.merged_into}
    assert len(silent) > 100
    assert {metric for _, metric in late.verdicts} == {FIRST, RESOLUTION}


def test_what_is_tied_belongs_to_one_customer(late: Truth) -> None:
    several = 0
    for group in late.tied:
        assert len({late.customers[one] for one in group}) == 1
        several += sum(kind == "zendesk_user" for kind, _ in group) > 1
    assert several > 20


def test_business_time_over_a_holiday_and_a_lunch_break() -> None:
    def at(text: str) -> int:
        return int(datetime.fromisoformat(text + "+00:00").timestamp())

    christmas = at("2025-12-24T17:00:00"), at("2025-12-29T09:30:00")
    assert seconds_within("support", *christmas) == 3_600
    assert seconds_within("calendar", *christmas) == hms(4 * 24 + 16, 30, 0)
    lunch = at("2025-12-02T11:59:59"), at("2025-12-02T13:00:01")  # 12:59:59-14:00:01 in Berlin
    assert seconds_within("voice", *lunch) == 2
    assert seconds_within("support", *christmas[::-1]) == 0


def test_a_promise_used_up_to_the_second_is_kept() -> None:
    def outcome(fulfilled: int | None, present: int) -> str:
        return judge("x:1", FIRST, (30, "calendar"), 0, fulfilled, present, False).outcome

    assert outcome(1_800, 9_000) == "met"
    assert outcome(1_801, 9_000) == "breached"
    assert outcome(None, 1_800) == "running"
    assert outcome(None, 1_801) == "breached"


# what the help desk's own clock of the metric says, and why it is another; None: it is the same
THEIRS = [
    # e-mail, asked 14:28:34, answered 16:58:43, 480 open minutes for both
    ("zendesk:100003", FIRST, None),
    # deleted on the next day, waiting there for ever
    ("zendesk:100006", FIRST, "deleted"),
    # the customer's other ticket, merged into this one, is of 06:04:22; this one of 06:47:01
    ("zendesk:105020", FIRST, "merged"),
    # a complaint, 1,020 minutes for us; there it is any e-mail, 2,040
    ("zendesk:100023", RESOLUTION, "policy_differs"),
    # 120 minutes until the 6th; answered on the 2nd, and touched once more on the 6th: 60
    ("zendesk:110008", FIRST, "policy_edited_later"),
    # the bot wrote at 18:04:12, a person at 09:15:28
    ("zendesk:100016", FIRST, "bot_reply_counted"),
    # posted at 08:04:17, a ticket since 08:25:47
    ("zendesk:100018", FIRST, "clock_rule"),
    # urgent when asked (60 calendar minutes), normal from 10:53:57 on (480 open ones there)
    ("zendesk:100012", FIRST, "clock_rule"),
    # asked in the night, answered at 09:20:51: 20 minutes after nine, there 80 after eight
    ("zendesk:100022", FIRST, "schedule_differs"),
]


@pytest.mark.parametrize(("key", "metric", "cause"), THEIRS)
def test_the_help_desk_s_own_verdict_differs_for_its_own_reason(
    early: Truth, key: str, metric: str, cause: str | None
) -> None:
    found = early.comparisons[key, metric, 1]
    assert (found.is_same, found.cause) == (cause is None, cause)


def test_each_difference_has_a_reason_and_each_reason_occurs(late: Truth) -> None:
    differing = [one.cause for one in late.comparisons.values() if one.is_same is False]
    assert set(differing) == {cause for _, _, cause in THEIRS if cause}
    judged = [key for key, one in late.comparisons.items() if one.is_same is not None]
    assert len(judged) > 1_000 and {metric for _, metric, _ in judged} == {
        *(FIRST, RESOLUTION, "ownership_time")
    }
