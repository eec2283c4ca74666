"""What came with a night beside what came before: fields, amounts, how old the newest is."""

from datetime import timedelta

import psycopg
import pytest
from marts_by_hand import AS_OF, add, start_run
from psycopg.types.json import Jsonb

from answerable import runs
from answerable.quality import gate
from answerable.settings import Settings

LOST, UNLIKE = "ExpectNewestDayNotToBeLost", "ExpectDayLikeThoseBefore"
SILENT, FOR_A_WHILE = "ExpectNoLongSilence", "ExpectNoUnusualSilence"
NO_FIELD, OTHER_TYPE, NEW = "ExpectNoFieldLost", "ExpectFieldTypesToStay", "ExpectNoNewField"
OURS = {LOST, UNLIKE, SILENT, FOR_A_WHILE, NO_FIELD, OTHER_TYPE, NEW}
CRITICAL = {LOST, SILENT, NO_FIELD, OTHER_TYPE}
TICKET = {"id": 1, "subject": "Hello", "due": None, "via": {"channel": "email", "at": 7}}


def night(conn: psycopg.Connection, number: int, records: list[dict], *, hours: float = 1) -> int:
    """A published night of tickets, `number` days before the last; its run_no."""
    as_of = AS_OF - timedelta(days=number)
    start_run(conn, f"night {number}", as_of)
    (run_no,) = conn.execute("select max(run_no) from ops.runs").fetchone()
    newest = (as_of - timedelta(hours=hours) - EPOCH).total_seconds()
    if records:
        add(
            conn,
            "ops.batches",
            [
                {"source": "zendesk", "source_kind": "zendesk", "stream": "tickets", "sha256": ""}
                | {"object": f"object {number}", "record_count": len(records)}
                | {"loaded_count": len(records), "superseded_count": 0, "quarantined_count": 0}
                | {"first_read_run_no": run_no, "newest_version": int(newest)}
            ],
        )
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into raw.zendesk_tickets select 'zendesk', %s, %s, max(batch_id), %s, %s,"
                " %s from ops.batches",
                [
                    (f"{number}-{no}", no, no, f"{number}-{no}", Jsonb(record))
                    for no, record in enumerate(records, 1)
                ],
            )
    conn.execute(
        "update ops.stream_runs set record_count = %s where run_id = %s",
        [len(records), f"night {number}"],
    )
    conn.commit()
    return run_no


EPOCH = AS_OF.replace(year=1970, month=1, day=1)


def asked(settings: Settings, conn: psycopg.Connection, number: int) -> set[str]:
    """The rules about arrivals that say no to a night, which is then published."""
    run_id = f"night {number}"
    with psycopg.connect(settings.warehouse_url, autocommit=True) as own:
        results = gate.ask(own, runs.get(own, run_id), "raw", settings)
    said = {result.rule: result for result in results if result.rule in OURS}
    assert set(said) == OURS
    for rule, result in said.items():
        assert result.unexpected_count is not None, f"{rule} could not be asked"
        assert result.severity == ("critical" if rule in CRITICAL else "warning")
    conn.execute(
        "update ops.runs set status = 'published', report_path = '' where run_id = %s", [run_id]
    )
    conn.commit()
    return {rule for rule, result in said.items() if not result.is_success}


def known(settings: Settings, conn: psycopg.Connection, nights: int, count: int = 60) -> None:
    """Ordinary nights up to the day before the last, of which gates see the newest six."""
    for number in range(nights, 0, -1):
        night(conn, number, [TICKET] * count)
        if number <= 6:
            assert asked(settings, conn, number) == set()
        else:
            conn.execute("update ops.runs set status = 'published', report_path = ''")
            conn.commit()


TONIGHT = {
    "nothing new": (lambda t: t, set()),
    "a field is gone": (lambda t: {k: v for k, v in t.items() if k != "subject"}, {NO_FIELD}),
    "an inner field is gone": (lambda t: t | {"via": {"channel": "email"}}, {NO_FIELD}),
    "a field is of another type": (lambda t: t | {"id": "1"}, {OTHER_TYPE, NEW}),
    "an inner field is of another type": (
        lambda t: t | {"via": {"channel": ["email"], "at": 7}},
        {OTHER_TYPE, NEW},
    ),
    "a new field": (lambda t: t | {"mood": "good"}, {NEW}),
    "a new inner field": (lambda t: t | {"via": t["via"] | {"who": 1}}, {NEW}),
    "null where there always was something": (lambda t: t | {"subject": None}, set()),
    "something where there always was null": (lambda t: t | {"due": "2026-03-01"}, {NEW}),
    "a field whose name is data": (lambda t: t | {"via": t["via"] | {"a@b.example": 1}}, set()),
}


@pytest.mark.parametrize("name", TONIGHT)
def test_a_change_of_fields_is_noticed_by_its_rule_and_no_other(settings, warehouse, name):
    change, expected = TONIGHT[name]
    known(settings, warehouse, 6)
    night(warehouse, 0, [change(TICKET)] * 30)
    assert asked(settings, warehouse, 0) == expected
    kept = warehouse.execute("select field from ops.stream_profiles").fetchall()
    assert ("via.channel",) in kept and "example" not in str(kept)


def test_a_field_that_only_most_records_lack_or_few_of_tonight_is_not_lost(settings, warehouse):
    known(settings, warehouse, 6)
    less = {"id": 1, "via": TICKET["via"], "due": None}
    night(warehouse, 0, [less] * 30 + [TICKET])
    assert asked(settings, warehouse, 0) == set()
    night(warehouse, -1, [less] * 19)
    assert asked(settings, warehouse, -1) == set()


def test_of_fields_nothing_is_said_before_five_nights_are_known(settings, warehouse):
    for number in (4, 3, 2, 1):
        night(warehouse, number, [TICKET] * 60)
        assert asked(settings, warehouse, number) == set()
    night(warehouse, 0, [{"other": 1}] * 60)
    assert asked(settings, warehouse, 0) == set()


def test_a_sample_says_what_all_records_say(settings, warehouse):
    night(warehouse, 1, [TICKET] * 4_500)
    asked(settings, warehouse, 1)
    profile = warehouse.execute(
        "select field, json_type, record_count, sampled_count from ops.stream_profiles order by 1"
    ).fetchall()
    assert profile == [
        ("due", "null", 1500, 1500),
        ("id", "number", 1500, 1500),
        ("subject", "string", 1500, 1500),
        ("via", "object", 1500, 1500),
        ("via.at", "number", 1500, 1500),
        ("via.channel", "string", 1500, 1500),
    ]


def test_a_stream_that_brings_next_to_nothing_stops_the_night_and_much_does_not(
    settings, warehouse
):
    known(settings, warehouse, 31)
    night(warehouse, 0, [])
    assert asked(settings, warehouse, 0) == {LOST, UNLIKE, SILENT, FOR_A_WHILE}
    how = "select how from ops.thresholds where run_no = 32 and rule = %s and subject like %s"
    (told,) = warehouse.execute(how, [LOST, "records of%"]).fetchone()
    assert told.startswith("a quarter of the 60 of the quietest of the newest 28 days")


@pytest.mark.parametrize("count", [600, 30])
def test_a_tenfold_night_and_one_of_half_stop_nothing(settings, warehouse, count):
    known(settings, warehouse, 31)
    night(warehouse, 0, [TICKET] * count)
    assert not asked(settings, warehouse, 0) & CRITICAL


def test_a_night_of_several_days_is_not_compared_with_nights_of_one(settings, warehouse):
    known(settings, warehouse, 31)
    night(warehouse, -3, [TICKET] * 2_000)
    assert asked(settings, warehouse, -3) == set()
    (told,) = warehouse.execute(
        "select distinct how from ops.thresholds where run_no = 32 and subject like 'records of%'"
    ).fetchone()
    assert told == "no bound: this night covers 4 days"


def test_a_stream_whose_newest_record_grows_old_is_noticed(settings, warehouse):
    known(settings, warehouse, 31)
    night(warehouse, 0, [TICKET] * 60, hours=3)
    assert asked(settings, warehouse, 0) == {FOR_A_WHILE}
    night(warehouse, -1, [TICKET] * 60, hours=15)
    assert asked(settings, warehouse, -1) == {SILENT, FOR_A_WHILE}


def test_the_first_nights_say_that_they_have_nothing_to_learn_from(settings, warehouse):
    night(warehouse, 1, [TICKET] * 4_000)
    assert asked(settings, warehouse, 1) == set()
    night(warehouse, 0, [])
    assert asked(settings, warehouse, 0) == set()
    hows = {how for (how,) in warehouse.execute("select how from ops.thresholds")}
    assert hows == {f"no bound: {n} days are too little to learn from" for n in (0, 1)}
