"""What the sandbox's tools deliver: the same for the same seed, only growing, readable to the last
row, and nothing of the future; and one customer who posts, mails, calls and buys, by hand.
"""

import csv
import doctest
import gzip
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from answerable import files
from answerable.sandbox import SMALL, exports, phone, repairs, sales
from answerable.sandbox import company as c
from answerable.sandbox.history import World, world
from answerable.sandbox.truth import Truth, truth
from answerable.settings import ROOT

TEN_DAYS = c.at("2025-12-11")
NEXT_DAY = TEN_DAYS + c.DAY
FORTY_DAYS = c.at("2026-01-10")


@pytest.fixture(scope="module")
def small() -> World:
    return world(c.DEFAULT_SEED, SMALL)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a delivery, each with what its source writes."""
    (file,) = [
        one
        for one in exports.FILES
        if one.source == path.parent.name and path.name.startswith(f"{one.name}_")
    ]
    data = path.read_bytes()
    text = (gzip.decompress(data) if file.is_packed else data).decode(file.encoding)
    return list(csv.DictReader(text.splitlines(keepends=True), delimiter=file.delimiter))


def delivered(folder: Path) -> dict[str, list[dict[str, str]]]:
    """All rows by source and kind of file, in the order in which they came."""
    found: dict[str, list[dict[str, str]]] = {}
    for path in sorted(folder.glob("*/*.csv*")):
        found.setdefault(f"{path.parent.name}/{path.name.partition('_')[0]}", []).extend(rows(path))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.glob("*/*")}


# deliveries


def test_the_same_seed_delivers_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    exports.deliver(one, World(3, 0.3), TEN_DAYS)
    exports.deliver(two, World(3, 0.3), TEN_DAYS)
    assert tree(one) == tree(two) != {}
    exports.deliver(tmp_path / "other", World(4, 0.3), TEN_DAYS)
    assert tree(one) != tree(tmp_path / "other")


def test_a_later_night_adds_a_file_of_each_kind_and_touches_none(
    tmp_path: Path, small: World
) -> None:
    first = exports.deliver(tmp_path, small, TEN_DAYS)
    before = tree(tmp_path)
    second = exports.deliver(tmp_path, small, NEXT_DAY)
    after = tree(tmp_path)
    assert len(first) == len(second) == len(exports.FILES) == 6
    assert before.items() < after.items()
    assert after.keys() - before.keys() == {str(one.relative_to(tmp_path)) for one in second}
    assert exports.deliver(tmp_path, small, NEXT_DAY) == []


def test_nights_deliver_together_what_one_night_of_all_delivers(
    tmp_path: Path, small: World
) -> None:
    for present in range(TEN_DAYS, TEN_DAYS + 8 * c.DAY, c.DAY):
        exports.deliver(tmp_path / "nights", small, present)
    exports.deliver(tmp_path / "once", small, TEN_DAYS + 7 * c.DAY)
    nights, once = delivered(tmp_path / "nights"), delivered(tmp_path / "once")
    assert nights.keys() == once.keys()
    for kind in nights.keys() - {"workshop/repairs", "workshop/people"}:
        assert as_set(nights[kind]) == as_set(once[kind]), kind
    # a repair that changed comes again, as it stands; the last of each is what it is
    for kind, key in (("workshop/repairs", "repair"), ("workshop/people", "person")):
        assert len(nights[kind]) >= len(once[kind])
        last = {row[key]: row for row in nights[kind]}
        assert last == {row[key]: row for row in once[kind]}
    assert len(nights["workshop/repairs"]) > len(once["workshop/repairs"])


def as_set(found: list[dict[str, str]]) -> Counter:
    return Counter(tuple(row.items()) for row in found)


def test_nothing_at_or_after_the_present_is_delivered(tmp_path: Path, small: World) -> None:
    present = TEN_DAYS - 12 * 3_600 - 17
    exports.deliver(tmp_path, small, present)
    found = delivered(tmp_path)
    told = {
        "switchboard/calls": [row["end"] for row in found["switchboard/calls"]],
        "workshop/history": [row["at"] for row in found["workshop/history"]],
        "workshop/people": [row["since"] for row in found["workshop/people"]],
    }
    for kind, instants in told.items():
        latest = max(datetime.fromisoformat(one) for one in instants)
        assert latest.timestamp() < present, kind
    assert max(int(row["at"]) for row in found["workshop/notes"]) < present
    taken = [
        datetime.strptime(row["at"], "%d.%m.%Y %H:%M").replace(tzinfo=ZoneInfo("Europe/Berlin"))
        for row in found["salesbook/log"]
    ]
    assert max(taken).timestamp() < present


def test_what_was_delivered_for_a_later_present_is_taken_back(tmp_path: Path, small: World) -> None:
    exports.deliver(tmp_path, small, TEN_DAYS)
    before = tree(tmp_path)
    exports.deliver(tmp_path, small, NEXT_DAY)
    exports.deliver(tmp_path, small, TEN_DAYS)
    assert tree(tmp_path) == before


def test_a_delivery_that_was_cut_off_looks_unfinished_and_is_made_again(
    tmp_path: Path, small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports.deliver(tmp_path / "whole", small, TEN_DAYS)

    def cut(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(OSError):
            exports.deliver(tmp_path / "cut", small, TEN_DAYS)
    (left,) = (tmp_path / "cut").glob("*/*")
    assert files.found(str(left.parent)) == []
    left.unlink()
    exports.deliver(tmp_path / "cut", small, TEN_DAYS)
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")


def test_the_descriptions_read_every_row(tmp_path: Path, small: World) -> None:
    exports.deliver(tmp_path, small, FORTY_DAYS)
    read = Counter()
    for source in exports.SOURCES:
        for part in files.parts(exports.DESCRIPTIONS / f"{source}.yml"):
            for path in files.found(str(tmp_path / source)):
                if source == "workshop" and not part.is_of(path.name):
                    continue
                with path.open("rb") as handle:
                    found = list(files.rows(part.description, handle, path.name, files.Notes()))
                assert [row.problem for row in found if row.problem] == []
                assert len(found) == len(rows(Path(path)))
                read[f"{source}.{part.description.kind}"] += len(found)
    assert read.keys() == {
        "switchboard.calls", "salesbook.sales", "workshop.cases", "workshop.interactions",
        "workshop.field_changes", "workshop.users",
    }  # fmt: skip
    assert min(read.values()) > 40


def test_the_docs_of_the_tools_hold() -> None:
    for module in (exports, phone, sales, repairs):
        assert doctest.testmod(module).failed == 0
    assert doctest.testmod(exports).attempted and doctest.testmod(phone).attempted


# stories


def test_the_small_world_holds_every_kind_of_call(small: World) -> None:
    told = phone.told_before(small, FORTY_DAYS)
    calls = {one.call.id: one.call for one in told}
    assert {one.result for one in calls.values()} == {
        "answered", "lost", "menu", "closed", "no answer"
    }  # fmt: skip
    assert any(one.phone is None for one in calls.values()), "withheld"
    assert any(one.result == "lost" and one.wait_seconds < 5 for one in calls.values())
    assert any(one.is_terse and one.result == "answered" for one in calls.values())
    backs = [one for one in calls.values() if one.callback_of]
    assert {one.result for one in backs} == {"answered", "no answer"}
    assert all(calls[one.callback_of].ended_at < one.started_at for one in backs)
    again = [one for one in told if one.call != calls[one.call.id]]
    kinds = {(one.call.result, calls[one.call.id].result) for one in again}
    assert kinds == {("answered", "answered"), ("lost", "answered")}, "corrected"
    assert any(
        (one.at, one.call) != (other.at, other.call) and one.call == other.call
        for one in told for other in told if one.call.id == other.call.id
    ), "sent twice"  # fmt: skip
    assert all(one.at >= one.call.started_at for one in told)


def test_the_small_world_holds_every_kind_of_deal(small: World) -> None:
    told = truth(small, c.at("2026-03-01"))
    assert {one.status for one in told.sales.values()} == {"found", "qualified", "won", "lost"}
    assert {one.channel for one in told.sales.values()} == {
        "voice", "x", "email", "web_form", "in_person"
    }  # fmt: skip
    both = [one for one in told.sales.values() if one.won_at and one.lost_at]
    assert {one.status for one in both} == {"won", "lost"}, "after all, and sent back"
    assert any(one.case_key for one in told.sales.values())
    assert any(one.customer is None for one in told.sales.values())
    entries = sales.told_before(small, c.at("2026-03-01"))
    last = {one.entry.id: one.entry for one in entries}
    assert any(one.entry.amount != last[one.entry.id].amount for one in entries), "put right"


def test_the_small_world_holds_every_kind_of_repair(small: World) -> None:
    found = repairs.repairs_before(small, c.at("2026-03-01"))
    states = {one.value for each in found for a in each.audits for one in a.changes}
    assert {"new", "open", "pending", "solved", "closed", "Brand Studio", None} <= states
    assert any(note.told_at > note.at for each in found for note in each.notes), "told late"
    reopened = {
        each.id for each in found for a in each.audits for one in a.changes
        if (one.name, one.was, one.value) == ("status", "solved", "open")
    }  # fmt: skip
    assert reopened


def test_the_people_of_the_tools_are_those_of_the_policy_seeds() -> None:
    folder = ROOT / "dbt_project" / "seeds" / "policy"
    with (folder / "agents_teams.csv").open(encoding="utf-8") as handle:
        seeds = {
            (row["source"], row["agent"], row["agent_name"], row["team"], row["valid_until"])
            for row in csv.DictReader(handle)
            if row["source"] in exports.SOURCES
        }
    lines = {"Voice Desk", "Care Berlin", "Sales Desk"}
    acted = set()
    for one in c.AGENTS:
        if not lines & {team for _, team in one.teams}:
            continue
        ends = [*(c.iso(since)[:10] for since, _ in one.teams[1:]), ""]
        for (_, team), until in zip(one.teams, ends, strict=True):
            acted.add(("switchboard", phone.login(one), one.name, team, until))
            if team == "Sales Desk":
                acted.add(("salesbook", phone.login(one), one.name, team, until))
    acted |= {("workshop", one, one.title(), "Repair Shop", "") for one in repairs.STAFF}
    assert seeds == acted


# by hand


@pytest.fixture(scope="module")
def late() -> Truth:
    return truth(world(c.DEFAULT_SEED, SMALL), datetime(2026, 4, 5))


CALLS = {
    # hung up two seconds after the menu
    70000018: ("abandoned", "12-01 14:20:35", None, "12-01 14:20:37", 2, None, "void"),
    # the fifth second is no short one any more
    70010000: ("abandoned", "12-02 08:09:31", None, "12-02 08:09:36", 5, None, "breached"),
    # 18:23:45-18:26:18
    70000054: ("abandoned", "12-01 18:23:45", None, "12-01 18:26:18", 153, None, "breached"),
    # 37 of 45 seconds, the promise to Bramblebox's customers; 157 s to 09:26:57
    70000052: ("answered", "12-01 09:23:43", "12-01 09:24:20", "12-01 09:26:57", 37, 157, "met"),
    # the thirtieth of 30
    70000014: ("answered", "12-01 15:35:24", "12-01 15:35:54", "12-01 15:37:52", 30, 118, "met"),
    # the twentieth of 20: orders were promised less from the beginning
    70150018: ("answered", "12-16 10:32:02", "12-16 10:32:22", "12-16 10:35:01", 20, 159, "met"),
    # 21 of 20
    70400016: ("answered", "01-10 12:44:29", "01-10 12:44:50", "01-10 12:47:51", 21, 181,
               "breached"),
    # 24 of 20, since 1 February
    70630038: ("answered", "02-02 15:50:48", "02-02 15:51:12", "02-02 15:55:53", 24, 281,
               "breached"),
    # lost, as it was told first; picked up after 82 seconds, as it was told a day later
    70010014: ("answered", "12-02 17:59:19", "12-02 18:00:41", "12-02 18:01:41", 82, 60,
               "breached"),
    # our own call is offered to nobody
    70020019: ("answered", None, "12-03 13:16:31", "12-03 13:17:43", None, 72, None),
}  # fmt: skip


@pytest.mark.parametrize("number", CALLS)
def test_a_call_worked_out_by_hand(late: Truth, number: int) -> None:
    one = late.calls[f"switchboard:{number}"]
    instants = (one.queue_entered_at, one.answered_at, one.ended_at)
    assert (
        one.outcome,
        *(at and f"{at:%m-%d %H:%M:%S}" for at in instants),
        one.wait_seconds,
        one.talk_seconds,
        one.answer_outcome,
    ) == CALLS[number]


def test_a_call_is_what_was_told_of_it_by_then(small: World) -> None:
    before, after = (
        truth(small, datetime.fromisoformat(f"2025-12-03T17:51:{second}")).calls
        for second in (35, 36)
    )
    key = "switchboard:70010014"
    assert (before[key].outcome, after[key].outcome) == ("abandoned", "answered")
    assert after["switchboard:70020019"].callback_of_call_key == "switchboard:70020018"


DEALS = {
    # sent back after it was won: lost, with both instants, and the sum of the last entry
    "D0037001": ("lost", "01-07 14:22", "01-16 11:13", "01-22 09:42", "01-26 09:50", 435_730,
                 "returned", "zendesk:470016"),
    # lost and won after all
    "D0004003": ("won", "12-05 16:40", "12-11 09:17", "12-22 09:28", "12-15 09:35", 203_847, None,
                 None),
    # the lead's sum was put right, which counts until a later entry has one of its own
    "D0008001": ("won", "12-09 15:28", "12-15 09:30", "12-16 10:20", None, 783_864, None, None),
}  # fmt: skip


@pytest.mark.parametrize("deal", DEALS)
def test_a_deal_worked_out_by_hand(late: Truth, deal: str) -> None:
    one = late.sales[f"salesbook:{deal}"]
    instants = (one.found_at, one.qualified_at, one.won_at, one.lost_at)
    assert (
        one.status,
        *(at and f"{at:%m-%d %H:%M}" for at in instants),
        one.cents,
        one.lost_reason,
        one.case_key,
    ) == DEALS[deal]


@pytest.mark.parametrize(
    ("present", "cents"),
    [("2025-12-11T21:47:05", 65_447), ("2025-12-11T21:47:06", 67_447)],
)
def test_a_sum_that_was_put_right_counts_since_it_was_told(
    small: World, present: str, cents: int
) -> None:
    told = truth(small, datetime.fromisoformat(present)).sales["salesbook:D0008001"]
    assert (told.status, told.cents) == ("found", cents)


MAIL, PHONE = ("email", "ilse.simulacra1920@inbox.example"), ("phone", "+12195550120")
HANDLE, ON_X = ("x_handle", "ilse1920_simula"), ("x_user", "1510000000015204480")
USER, AT_WORK = ("zendesk_user", "380000019200"), ("email", "isimulacra.1920@work.example")
HERS = {USER, MAIL, PHONE, HANDLE, ON_X, AT_WORK}


@pytest.mark.parametrize(
    ("present", "together"),
    [
        # Ilse signed up at 17:47:51, with an address; the help desk never hears of her handle
        ("2026-01-18T17:47:51", []),
        ("2026-01-18T17:47:52", [{USER, MAIL}]),
        # she hung up at 14:38:55: a number, and whose it is nobody knows; nor does the lead
        ("2026-01-21T14:38:55", [{USER, MAIL}]),
        ("2026-01-21T14:38:56", [{USER, MAIL}, {PHONE}]),
        ("2026-01-28T10:22:00", [{USER, MAIL}, {PHONE}]),
        # 11:22 in Berlin: the seller notes address and handle beside the number
        ("2026-01-28T10:22:01", [{USER, MAIL, PHONE, HANDLE}]),
        # she posts at 13:46:27, and X says that the handle is this account's
        ("2026-02-05T13:46:28", [{USER, MAIL, PHONE, HANDLE, ON_X}]),
        # another address at the help desk, at 06:04:04
        ("2026-03-09T06:04:05", [HERS]),
    ],
)
def test_evidence_ties_one_customer_together_step_by_step(
    small: World, present: str, together: list
) -> None:
    told = truth(small, datetime.fromisoformat(present))
    assert {group for group in told.tied if group & HERS} == {*map(frozenset, together)}
    assert HERS & told.customers.keys() == set().union(*together)


def test_one_customer_posts_mails_calls_and_buys(late: Truth) -> None:
    she = late.customers[MAIL]
    wrote = {
        key: (one.case_key, f"{one.occurred_at:%m-%d %H:%M:%S}")
        for key, one in late.interactions.items()
        if one.customer == she and one.direction == "inbound"
    }
    in_a_thread = "x:2019371308193696257:1510000000015204480"
    assert wrote == {
        # we wrote first, the day before
        "zendesk:12242888225": ("zendesk:640001", "01-25 08:03:59"),
        "zendesk:12242888289": ("zendesk:640001", "01-27 14:05:29"),
        "zendesk:12242888353": ("zendesk:640001", "01-28 15:56:32"),
        # below something that we published
        "x:2019407275227105794": (in_a_thread, "02-05 13:46:27"),
        "x:2019444405219379716": (in_a_thread, "02-05 16:14:00"),
        "x:2019475973434526214": (in_a_thread, "02-05 18:19:26"),
    }
    calls = sorted(
        (one for one in late.calls.values() if one.customer == PHONE),
        key=lambda one: one.started_at,
    )
    assert [
        (one.call_key, one.queue, one.brand, one.agent_key, one.started_at, one.answered_at,
         one.ended_at, one.service_level, one.answer_target_seconds, one.answer_outcome)
        for one in calls
    ] == [
        # 54 s in the menu, 16 of 20 s in the queue, 116 s: 14:35:49 + 0:03:06 = 14:38:55
        ("switchboard:70510016", "orders", "bramblebox", "switchboard:s.proforma",
         datetime(2026, 1, 21, 14, 35, 49), datetime(2026, 1, 21, 14, 36, 59),
         datetime(2026, 1, 21, 14, 38, 55), "orders", 20, "met"),
        # 67 s in the menu, 40 of 20 s in the queue, 146 s: 09:21:34 + 0:04:13 = 09:25:47
        ("switchboard:71160048", "returns", "bramblebox", "switchboard:e.fictus",
         datetime(2026, 3, 27, 9, 21, 34), datetime(2026, 3, 27, 9, 23, 21),
         datetime(2026, 3, 27, 9, 25, 47), "all_calls", 20, "breached"),
    ]  # fmt: skip
    (deal,) = [one for one in late.sales.values() if one.customer == MAIL]
    assert (deal.sale_key, deal.status, deal.cents, deal.currency, deal.channel) == (
        "salesbook:D0051005", "won", 583_954, "EUR", "voice"
    )  # fmt: skip
    assert (deal.found_at, deal.qualified_at, deal.won_at, deal.decided_on) == (
        datetime(2026, 1, 21, 14, 39),
        datetime(2026, 1, 28, 10, 22),
        datetime(2026, 2, 6, 9, 29),
        date(2026, 2, 6),
    )


def test_some_dozens_of_customers_do_all_four() -> None:
    told = truth(world(), c.at("2026-03-01"))
    channels: dict[str, set[str]] = {}
    for one in told.interactions.values():
        if one.direction == "inbound" and one.customer and one.case_key:
            of = "x" if one.case_key.startswith("x:") else one.case_key.partition(":")[0]
            channels.setdefault(one.customer, set()).add(of)
    called = {told.customers[one.customer] for one in told.calls.values() if one.customer}
    bought = {
        told.customers[one.customer]
        for one in told.sales.values()
        if one.customer and one.status == "won"
    }
    four = {one for one, of in channels.items() if {"x", "zendesk"} <= of} & called & bought
    # of whom the evidence ties account, address, number and handle together
    tied = [
        group for group in told.tied
        if {"zendesk_user", "email", "phone", "x_user"} <= {kind for kind, _ in group}
        and told.customers[next(iter(group))] in four
    ]  # fmt: skip
    assert len(tied) >= 24
