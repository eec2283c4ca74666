"""What is learned late: after each night what is published is what one full rebuild gives, and
beside the same nights without the late facts nothing differs but what these facts are about.

| night | what comes late                            | what moves                              |
| ----- | ------------------------------------------ | --------------------------------------- |
| B     | an answer given on a day that is closed    | its case; its clock, met and not broken |
| B     | a ticket deleted after it was judged       | its case counts no more                 |
| C     | the same ticket restored                   | back to what it was                     |
| C     | a rating changed after more than a week    | its row                                 |
| C     | two users merged                           | their cases have one customer           |
| C     | a target edited at the source              | no clock that had begun                 |
| D     | a ticket scrubbed a month after it went    | nothing                                 |
| E     | a target of ours, edited from a day on     | clocks by it, begun from that day on    |
| E     | a target of ours, edited for the past      | clocks by it                            |
| E     | a holiday declared for a day that is over  | clocks by its schedule                  |
"""

import csv
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import odd_bodies as odd
import pytest
from trials import Published, Trials, unlike

from answerable.sandbox.server import Fault
from answerable.settings import ROOT

pytestmark = pytest.mark.slow

A, B, C, D, E = NIGHTS = ("2025-12-11", "2025-12-18", "2025-12-24", "2026-01-24", "2026-01-25")
FROM_A_DAY_ON = "2025-12-15"
HOLIDAY = "2025-12-10"  # a Wednesday
EDITED_FROM_A_DAY_ON, EDITED_FOR_THE_PAST = "chat_first_reply", "chat_resolution"
Record = dict[str, Any]


def epoch(day: str, seconds: int = 0) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) + seconds


def iso(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Nights:
    """What was published after each night, and how that is unlike a full rebuild."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials
        self.after: dict[str, Published] = {}
        self.rebuilt: dict[str, Any] = {}

    def night(self, day: str, faults: Iterable[Fault] = (), *, is_rebuilt: bool = False) -> None:
        faults = list(faults)
        with self.trials.sources(day, faults) as handle:
            self.trials.good_night(day, handle)
            assert all(fault.struck for fault in faults), faults
            self.after[day] = self.trials.published()
            if is_rebuilt:
                self.trials.good_night(day, handle)  # a published day: built again beside it
                anew = self.trials.published(f"replay_{day.replace('-', '')}")
                self.rebuilt[day] = unlike(self.after[day], anew)

    def rows(self, day: str, table: str, **where: str) -> list[Record]:
        content = self.after[day][table]
        found = [dict(zip(content["columns"], row, strict=True)) for row in content["rows"]]
        return [each for each in found if all(each[k] == v for k, v in where.items())]

    def case(self, day: str, key: str) -> Record:
        (found,) = self.rows(day, "marts.fct_cases", case_key=key)
        return found

    def clocks(self, day: str, key: str) -> dict[tuple[str, str], Record]:
        found = self.rows(day, "marts.fct_sla_clocks", case_key=key)
        return {(each["metric"], each["clock_no"]): each for each in found}

    def newest(self, stream: str, key: str) -> Record:
        """The newest version of a record, as its source wrote it."""
        ((payload,),) = self.trials.ask(
            f"select payload from raw.zendesk_{stream} where record_key = %s"
            " order by version desc, batch_id desc limit 1",
            key,
        )
        return payload


def added(path: str, *records: Record, identities: Iterable[Record] = ()) -> Fault:
    """These records come as well, once, on the first page of a stream."""

    def change(body: odd.Body) -> odd.Body:
        odd.records(body).extend(records)
        if identities:
            body["identities"].extend(identities)
        return body

    return Fault(path, kind="body", change=change)


def edited(file: Path, change: Callable[[Record], list[Record]]) -> None:
    """In the place of each row of a policy file, the rows that `change` makes of it."""
    with file.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        names, rows = reader.fieldnames or [], list(reader)
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerows(change(row))


class Facts:
    """Which records of the company the late facts are about, chosen from the first night."""

    def __init__(self, nights: Nights) -> None:
        rows = nights.rows(A, "marts.fct_sla_clocks", metric="first_reply_time", source="zendesk")
        cases = {each["case_key"]: each for each in nights.rows(A, "marts.fct_cases")}
        closed = {
            f"zendesk:{key}"
            for (key,) in nights.trials.ask(
                "select record_key from raw.zendesk_tickets group by 1"
                " having max(version) < %s and bool_or(payload ->> 'status' = 'closed')",
                epoch(A, -86_400),
            )
        }

        def of(outcome: str) -> list[str]:
            return sorted(
                each["case_key"]
                for each in rows
                if each["outcome"] == outcome and cases[each["case_key"]]["is_counted"] == "true"
            )

        self.broken = of("breached")[0]
        self.deleted, self.scrubbed = [key for key in of("met") if key in closed][:2]
        taken = {self.broken, self.deleted, self.scrubbed}
        (rating, *_) = nights.rows(A, "marts.fct_ratings", verdict="good")
        self.rating = rating["rating_key"]
        users = {}
        for key, case in sorted(cases.items()):
            if case["source"] == "zendesk" and key not in taken and case["channel"] == "email":
                record = nights.newest("tickets", key.partition(":")[2])
                users.setdefault(record["requester_id"], key)
        (self.winner, self.winners), (self.loser, self.losers) = list(users.items())[:2]
        reply = nights.trials.ask(
            "select payload from raw.zendesk_ticket_events where exists (select from"
            " jsonb_array_elements(payload -> 'child_events') as child where"
            " child ->> 'type' = 'Comment' and (child ->> 'public')::boolean and"
            " (child ->> 'author_id')::bigint between 371000000101 and 371000000199)"
            " and payload -> 'metadata' -> 'custom' = '{}' order by record_key limit 1"
        )
        self.reply: Record = reply[0][0]


def late_reply(nights: Nights, facts: Facts) -> Record:
    """Somebody did answer, a minute after the customer wrote; the event was held up."""
    clock = nights.clocks(A, facts.broken)["first_reply_time", "1"]
    at = epoch(clock["started_at"], 60)
    comment = next(each for each in facts.reply["child_events"] if each.get("type") == "Comment")
    comment = comment | {"id": 99_000_001, "created_at": iso(at), "audit_id": 99_000_000}
    return facts.reply | {
        "id": 99_000_000,
        "ticket_id": int(facts.broken.partition(":")[2]),
        "timestamp": at,
        "created_at": iso(at),
        "child_events": [comment],
    }


def ticket(nights: Nights, key: str, day: str, **more: Any) -> Record:
    """A ticket as it comes once more, shortly before the day."""
    at = epoch(day, -3600)
    record = nights.newest("tickets", key.partition(":")[2])
    return record | {"generated_timestamp": at, "updated_at": iso(at)} | more


@pytest.fixture(scope="module")
def told(trials: Trials, tmp_path_factory):
    """The nights with the late facts, the same nights without, and what the facts are about."""
    policy = tmp_path_factory.mktemp("late") / "policy"
    shutil.copytree(ROOT / "dbt_project" / "seeds" / "policy", policy)
    late, without = Nights(trials), Nights(trials)
    shipped, trials.policy = trials.policy, policy
    try:
        trials.back_to("nothing")
        late.night(A)
        trials.keep("late data")
        facts = Facts(late)
        without.after[A] = late.after[A]
        originals = {key: ticket(late, key, C) for key in (facts.deleted,)}
        night_b(late, facts)
        night_c(late, facts, originals)
        night_d(late, facts)
        night_e(late, policy)
        trials.back_to("late data")
        trials.policy = shipped
        for day in (B, C, D, E):
            without.night(day)
        yield late, without, facts
    finally:
        trials.policy = shipped


def night_b(late: Nights, facts: Facts) -> None:
    gone = [ticket(late, key, B, status="deleted") for key in (facts.deleted, facts.scrubbed)]
    late.night(
        B,
        [added("/ticket_events", late_reply(late, facts)), added("/tickets/cursor", *gone)],
        is_rebuilt=True,
    )


def night_c(late: Nights, facts: Facts, originals: dict[str, Record]) -> None:
    rating = late.newest("satisfaction_ratings", facts.rating.partition(":")[2])
    rating |= {"score": "bad", "updated_at": iso(epoch(C, -7200))}
    at = iso(epoch(C, -3600))
    winner = late.newest("users", str(facts.winner)) | {"updated_at": at}
    loser = late.newest("users", str(facts.loser)) | {"updated_at": at, "active": False}
    moved = [
        each | {"user_id": facts.winner, "primary": False} for each in loser.pop("_identities")
    ]
    kept = winner.pop("_identities")

    def cheaper(body: odd.Body) -> odd.Body:
        for policy in odd.records(body):
            for metric in policy["policy_metrics"]:
                metric["target"] = max(1, metric["target"] // 10)
                metric["target_in_seconds"] = metric["target"] * 60
        return body

    tickets = [ticket(late, facts.losers, C, requester_id=facts.winner)]
    late.night(
        C,
        [
            added("/tickets/cursor", originals[facts.deleted], *tickets),
            added("/satisfaction_ratings", rating),
            added("/users/cursor", winner, loser | {"email": None}, identities=[*kept, *moved]),
            Fault("/slas/policies", kind="body", change=cheaper),
        ],
        is_rebuilt=True,
    )


def night_d(late: Nights, facts: Facts) -> None:
    scrubbed = ticket(
        late, facts.scrubbed, D, subject="SCRUBBED", raw_subject="SCRUBBED", tags=[],
        description="SCRUBBED",
    )  # fmt: skip
    late.night(D, [added("/tickets/cursor", scrubbed)], is_rebuilt=True)


def night_e(late: Nights, policy: Path) -> None:
    def promise(row: Record) -> list[Record]:
        if row["policy"] == EDITED_FROM_A_DAY_ON and not row["valid_until"]:
            return [
                row | {"valid_until": FROM_A_DAY_ON},
                row | {"valid_from": FROM_A_DAY_ON, "target_minutes": "1", "agreed_in": "late"},
            ]
        if row["policy"] == EDITED_FOR_THE_PAST:
            return [row | {"target_minutes": "1"}]
        return [row]

    def day(row: Record) -> list[Record]:
        if row["schedule"] == "support_hours" and row["holiday_on"] == "2025-12-25":
            return [row | {"holiday_on": HOLIDAY, "holiday_name": "Late"}, row]
        return [row]

    edited(policy / "sla_policies.csv", promise)
    edited(policy / "holidays.csv", day)
    late.night(E, is_rebuilt=True)


# --- what must hold ----------------------------------------------------------------------------


def test_each_night_is_what_a_full_rebuild_gives(told):
    late, _, _ = told
    assert late.rebuilt == {day: {} for day in (B, C, D, E)}


def differing(late: Nights, without: Nights, day: str) -> dict[str, list[Record]]:
    """By table, the rows that only one of the two has; sums of all are left out."""
    found = {}
    for table, content in late.after[day].items():
        one, other = set(content["rows"]), set(without.after[day][table]["rows"])
        if one != other and ".rpt_" not in table:
            rows = [dict(zip(content["columns"], row, strict=True)) for row in one ^ other]
            found[table] = rows
    return found


@pytest.mark.parametrize("day", [B, C, D])
def test_nothing_moves_but_what_the_late_facts_are_about(told, day):
    late, without, facts = told
    cases = {facts.broken, facts.deleted, facts.scrubbed}
    users = {f"zendesk:user:{facts.winner}", f"zendesk:user:{facts.loser}"}
    about = set(cases)
    if day != B:  # ratings and merged users come later
        about |= {facts.rating}
    for nights in (late, without):
        people = {nights.case(day, key)["customer_key"] for key in cases}
        if day != B:
            people |= {
                each["customer_key"]
                for each in nights.rows(day, "private.customer_identities")
                if each["identifier_key"] in users
            }
        about |= people | {
            each["case_key"]
            for each in nights.rows(day, "marts.fct_cases")
            if each["customer_key"] in people
        }
    moved = differing(late, without, day)
    strangers = {
        table: [row for row in rows if not about & set(row.values())]
        for table, rows in moved.items()
    }
    assert {table: rows[:2] for table, rows in strangers.items() if rows} == {}
    assert moved["marts.fct_cases"] and moved["marts.fct_sla_clocks"]


def test_a_late_answer_keeps_the_promise_and_moves_its_day(told):
    late, without, facts = told
    key = ("first_reply_time", "1")
    clock = late.clocks(B, facts.broken)[key]
    assert clock["outcome"] == "met"
    assert clock["elapsed_seconds"] in ("60", "0")  # nothing of it, where the office was closed
    assert without.clocks(B, facts.broken)[key]["outcome"] == "breached"
    daily = "marts.rpt_sla_compliance_daily"
    assert late.after[B][daily] != without.after[B][daily]


def test_a_ticket_deleted_and_restored_is_as_it_was(told):
    late, without, facts = told
    case = late.case(B, facts.deleted)
    assert (case["is_counted"], case["not_counted_reason"]) == ("false", "deleted")
    outcomes = {each["outcome"] for each in late.clocks(B, facts.deleted).values()}
    assert outcomes == {"void"}
    back = late.case(C, facts.deleted)
    assert back["is_counted"] == "true" and back["status"] == late.case(A, facts.deleted)["status"]
    assert late.clocks(C, facts.deleted) == without.clocks(C, facts.deleted)


def test_a_rating_changed_later_is_what_was_said_last(told):
    late, without, facts = told
    (row,) = late.rows(C, "marts.fct_ratings", rating_key=facts.rating)
    (before,) = without.rows(C, "marts.fct_ratings", rating_key=facts.rating)
    assert (before["verdict"], row["verdict"]) == ("good", "bad")


def test_merged_users_are_one_customer(told):
    late, without, facts = told
    keys = [late.case(C, key)["customer_key"] for key in (facts.winners, facts.losers)]
    assert keys[0] == keys[1]
    apart = {without.case(C, key)["customer_key"] for key in (facts.winners, facts.losers)}
    assert len(apart) == 2 and keys[0] in apart


def test_a_target_edited_at_the_source_judges_nothing_that_began_before(told):
    """It is kept as a version of its own, from the night that read it."""
    late, without, facts = told
    changed = {
        (row["case_key"], row["metric"])
        for row in differing(late, without, C)["marts.fct_sla_clocks"]
    }
    assert {case for case, _ in changed} <= {
        facts.broken, facts.deleted, facts.scrubbed, facts.winners, facts.losers,
    }  # fmt: skip


def test_a_scrub_takes_nothing(told):
    late, _, facts = told
    assert late.case(D, facts.scrubbed) == late.case(C, facts.scrubbed)
    assert late.clocks(D, facts.scrubbed) == late.clocks(C, facts.scrubbed)
    assert late.case(D, facts.scrubbed)["subject_masked"]


def test_policies_edited_late_move_what_they_are_about(told):
    late, _, _ = told
    before = {key_of(row): row for row in late.rows(D, "marts.fct_sla_clocks")}
    after = {key_of(row): row for row in late.rows(E, "marts.fct_sla_clocks")}
    judged = ("policy", "target_seconds", "hours", "outcome", "elapsed_seconds", "due_at")
    decided = {
        key
        for key, row in before.items()
        if key in after and row["outcome"] in ("met", "breached") and row["is_running"] == "false"
    }
    moved = {k for k in decided if any(before[k][c] != after[k][c] for c in judged)}
    causes: dict[str, int] = {"from a day on": 0, "for the past": 0, "holiday": 0}
    for key in moved:
        row = before[key]
        if row["policy"] == EDITED_FROM_A_DAY_ON and row["started_at"] >= FROM_A_DAY_ON:
            causes["from a day on"] += 1
        elif row["policy"] == EDITED_FOR_THE_PAST:
            causes["for the past"] += 1
        elif row["hours"] == "support_hours":
            causes["holiday"] += 1
        else:
            raise AssertionError(f"moved without a cause: {row} became {after[key]}")
    assert all(causes.values()), causes
    early = [
        key
        for key in decided - moved
        if before[key]["policy"] == EDITED_FROM_A_DAY_ON
        and before[key]["started_at"] < FROM_A_DAY_ON
    ]
    assert early, "no clock that began before the day was there to stand still"


def key_of(row: Record) -> tuple[str, str, str]:
    return row["case_key"], row["metric"], row["clock_no"]
