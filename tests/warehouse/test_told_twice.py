"""Tickets and their events are two exports of the same: where one lacks what the other has, or
tells another time, the raw gate notices; where one tells another state, the gate does. The night is
of 2026-03-01, the one before is published.
"""

from collections.abc import Callable, Collection
from datetime import timedelta
from types import ModuleType

import psycopg
import pytest
from great_expectations import ExpectationSuite
from marts_by_hand import AS_OF, start_run

from answerable.quality import gate
from answerable.quality.night import Night
from answerable.sandbox import company
from answerable.settings import ROOT, Settings
from answerable.warehouse.names import Schemas

UPDATES = 40
PUBLISHED_AS_OF = AS_OF - timedelta(days=1)

SOME_UPDATES, MOST_UPDATES = "ExpectEachUpdateToHaveItsEvent", "ExpectMostUpdatesToHaveTheirEvents"
SOME_EVENTS, MOST_EVENTS = "ExpectEachEventToHaveItsTicket", "ExpectMostEventsToHaveTheirTickets"
RULES = {SOME_UPDATES, MOST_UPDATES, SOME_EVENTS, MOST_EVENTS}
LATE = (
    "update raw.zendesk_ticket_events set payload = payload || jsonb_build_object('timestamp',"
    " (payload ->> 'timestamp')::bigint + {seconds})"
)

# name -> (what is wrong, the rules that notice)
WRONG = {
    "nothing": ("select", set()),
    "an event is missing": (
        "delete from raw.zendesk_ticket_events where record_key = '1007'",
        {SOME_UPDATES},
    ),
    "ten events are missing": (
        "delete from raw.zendesk_ticket_events where position <= 10 and batch_id = 2",
        {SOME_UPDATES},
    ),
    "eleven events are missing": (
        "delete from raw.zendesk_ticket_events where position <= 11 and batch_id = 2",
        {SOME_UPDATES, MOST_UPDATES},
    ),
    "a ticket is missing": (
        "delete from raw.zendesk_tickets where record_key = '7'",
        {SOME_EVENTS},
    ),
    "eleven tickets are missing": (
        "delete from raw.zendesk_tickets where position <= 11",
        {SOME_EVENTS, MOST_EVENTS},
    ),
    "a ticket as it was before": (
        'update raw.zendesk_tickets set payload = \'{"updated_at": "2026-02-28T00:00:00Z"}\''
        " where record_key = '7'",
        {SOME_UPDATES, SOME_EVENTS},
    ),
    "all events an hour late": (LATE.format(seconds=3600), RULES),
    "all events a minute late": (LATE.format(seconds=60), set()),
    # what happened after the end of the night is told as of before it, and its ticket is not there
    "all events an hour early": (
        LATE.format(seconds=-3600),
        {SOME_UPDATES, MOST_UPDATES, SOME_EVENTS},
    ),
    "events of other tickets": (
        "update raw.zendesk_ticket_events set payload = payload || '{\"ticket_id\": 9999}'",
        RULES,
    ),
    # what may be missing since the source did not come whole is told by another rule
    "events that did not come": (
        "delete from raw.zendesk_ticket_events;"
        " update ops.stream_runs set status = 'failed' where stream = 'ticket_events'",
        set(),
    ),
}


@pytest.fixture
def told_twice(warehouse: psycopg.Connection) -> psycopg.Connection:
    """Each half an hour of a day a ticket is updated. Of one more, updated after the end of the
    night before, that night read what happened to it. Others were updated outside of the day."""
    start_run(warehouse, "run-1", PUBLISHED_AS_OF)
    warehouse.execute("update ops.runs set status = 'published'")
    start_run(warehouse, "run-2")
    for stream, read_by in (("tickets", 2), ("ticket_events", 2), ("ticket_events", 1)):
        warehouse.execute(
            "insert into ops.batches (source, source_kind, stream, object, sha256, record_count,"
            " loaded_count, superseded_count, quarantined_count, first_read_run_no)"
            " values ('zendesk', 'zendesk', %s, %s, '', 1, 1, 0, 0, %s)",
            [stream, f"{stream}-{read_by}", read_by],
        )
    for stream in ("tickets", "ticket_events"):
        warehouse.execute(
            "insert into ops.stream_runs (run_id, source, source_kind, stream, status)"
            " values ('run-2', 'zendesk', 'zendesk', %s, 'landed') on conflict do nothing",
            [stream],
        )
    day_ends = int((AS_OF - AS_OF.fromisoformat("1970-01-01")).total_seconds())
    rows = [(n, day_ends - 1800 * n, 2) for n in range(1, UPDATES + 1)]
    rows.append((41, day_ends - 86_400 + 10, 3))
    for n, instant, batch in rows:
        _ticket(warehouse, n, instant)
        _event(warehouse, n, instant, batch)
    _ticket(warehouse, 42, day_ends - 90_000)  # before the day, and of that its event is not here
    _ticket(warehouse, 43, day_ends + 60)  # after it
    _event(warehouse, 44, day_ends + 60, 2)
    warehouse.commit()
    return warehouse


def _ticket(conn: psycopg.Connection, number: int, instant: int) -> None:
    conn.execute(
        "insert into raw.zendesk_tickets"
        " values ('zendesk', %s, %s, 1, %s, '', jsonb_build_object('updated_at', %s::text))",
        [str(number), instant, number, company.iso(instant)],
    )


def _event(conn: psycopg.Connection, number: int, instant: int, batch: int) -> None:
    conn.execute(
        "insert into raw.zendesk_ticket_events values ('zendesk', %s, %s, %s, %s, '',"
        " jsonb_build_object('ticket_id', %s::bigint, 'timestamp', %s::bigint))",
        [str(1000 + number), instant, batch, number, number, instant],
    )


def night(**how: object) -> Night:
    given = {
        "run_no": 2,
        "as_of": AS_OF,
        "schemas": Schemas.of(""),
        "streams": ("zendesk_tickets", "zendesk_ticket_events"),
        "published_up_to": 1,
        "published_as_of": PUBLISHED_AS_OF,
    }
    return Night(**(given | how))


def asked(conn: psycopg.Connection, settings: Settings, its: Night) -> list[gate.Result]:
    """What the rules of streams find of those that are about this."""
    return judged(
        conn, settings, "ops.stream_runs", lambda rules: rules.raw.stream_runs(its), RULES
    )


def judged(
    conn: psycopg.Connection,
    settings: Settings,
    table: str,
    suite_of: Callable[[ModuleType], ExpectationSuite],
    names: Collection[str],
) -> list[gate.Result]:
    """What the rules of these names find in a table."""
    expectations = gate.load_expectations(ROOT)
    gate._context()
    suite = suite_of(expectations)
    suite.expectations = [each for each in suite.expectations if type(each).__name__ in names]
    schema, name = table.split(".")
    return gate.judge(conn, settings.warehouse_url, [(schema, name, suite)])


@pytest.mark.parametrize("wrong", WRONG)
def test_what_one_export_lacks_of_the_other_is_noticed(told_twice, settings, wrong):
    statements, expected = WRONG[wrong]
    told_twice.execute(statements)
    told_twice.commit()
    found = asked(told_twice, settings, night())
    assert {each.rule for each in found} == RULES
    assert {each.rule for each in found if not each.is_success} == expected
    for each in found:
        is_sure = each.rule in (MOST_UPDATES, MOST_EVENTS)
        assert each.severity == ("critical" if is_sure else "warning")
        assert each.unexpected_count is not None


def test_it_is_asked_of_nights_that_follow_a_published_one_and_read_some(told_twice, settings):
    assert asked(told_twice, settings, night(published_as_of=None)) == []
    assert asked(told_twice, settings, night(streams=("zendesk_users",))) == []
    assert len(asked(told_twice, settings, night(streams=("zendesk_tickets",)))) == len(RULES)


# -- how tickets stand --------------------------------------------------------------------------

SOME_STATES, MOST_STATES = (
    "ExpectEachTicketAsItsTimelineEnds",
    "ExpectMostTicketsAsTheirTimelinesEnd",
)
FIRST_TEN = "where split_part(case_key, ':', 2)::integer <= 10"
DIFFERENT = {
    "nothing": ("select", set()),
    "another status": (
        "update build.fct_case_timeline set status = 'pending' where case_key = 'zendesk:7'",
        {SOME_STATES},
    ),
    "a priority more": (
        "update build.stg_zendesk__tickets set priority = 'urgent' where ticket_id = '7'",
        {SOME_STATES},
    ),
    "a group less": (
        "update build.fct_case_timeline set team = null where case_key = 'zendesk:7'",
        {SOME_STATES},
    ),
    "another agent": (
        "update build.stg_zendesk__tickets set assignee_id = '6' where ticket_id = '7'",
        {SOME_STATES},
    ),
    "ten of another status": (
        f"update build.fct_case_timeline set status = 'pending' {FIRST_TEN}",
        {SOME_STATES},
    ),
    "all of another status": (
        "update build.fct_case_timeline set status = 'pending'",
        {SOME_STATES, MOST_STATES},
    ),
    "closed, which makes no event": (
        "update build.stg_zendesk__tickets set status = 'closed';"
        " update build.fct_case_timeline set status = 'solved'",
        set(),
    ),
    "what was before": (
        "insert into build.fct_case_timeline"
        " select case_key, to_at - interval '1 day', from_at, 'new', null, null, null"
        " from build.fct_case_timeline",
        set(),
    ),
    "of a ticket that was made before history begins": (
        "update build.fct_case_timeline set status = 'pending' where case_key = 'zendesk:7';"
        " delete from build.stg_zendesk__ticket_changes"
        " where ticket_id = '7' and event_kind = 'created'",
        set(),
    ),
    "of tickets that changed before the day, or after it": (
        "update build.fct_case_timeline set status = 'hold'"
        " where case_key in ('zendesk:42', 'zendesk:43')",
        set(),
    ),
}


@pytest.fixture
def standing(warehouse: psycopg.Connection) -> psycopg.Connection:
    """As many tickets with a group that is known by its name, and the ends of their timelines."""
    warehouse.execute(
        f"""
        create table build.stg_zendesk__groups (source text, group_id text, group_name text);
        insert into build.stg_zendesk__groups values ('zendesk', '5', 'Social Hub');
        create table build.stg_zendesk__tickets (source text, ticket_id text, updated_at timestamp,
            status text, priority text, group_id text, assignee_id text);
        insert into build.stg_zendesk__tickets
        select 'zendesk', n::text, case
                when n <= {UPDATES} then timestamp '{AS_OF}' - n * interval '30 minutes'
                when n = 42 then timestamp '{PUBLISHED_AS_OF}' - interval '1 second'
                else timestamp '{AS_OF}'
            end, 'open', 'low', '5', null
        from generate_series(1, 43) as n
        where n <> 41;
        create table build.stg_zendesk__ticket_changes
            (source text, ticket_id text, event_kind text);
        insert into build.stg_zendesk__ticket_changes
        select source, ticket_id, kind from build.stg_zendesk__tickets
        cross join unnest(array['created', 'changed']) as kind;
        create table build.fct_case_timeline (case_key text, from_at timestamp, to_at timestamp,
            status text, priority text, team text, agent_key text);
        insert into build.fct_case_timeline
        select 'zendesk:' || ticket_id, updated_at, null, 'open', 'low', 'Social Hub', null
        from build.stg_zendesk__tickets;
        """
    )
    warehouse.commit()
    return warehouse


def asked_of_states(
    conn: psycopg.Connection, settings: Settings, its: Night
) -> dict[tuple[str, str], bool]:
    """By rule and severity, whether it holds."""
    found = judged(
        conn,
        settings,
        "build.fct_case_timeline",
        lambda rules: rules.cases.timeline(its),
        (SOME_STATES, MOST_STATES),
    )
    return {(each.rule, each.severity): each.is_success for each in found}


@pytest.mark.parametrize("different", DIFFERENT)
def test_a_ticket_that_stands_otherwise_than_its_events_say_is_noticed(
    standing, settings, different
):
    statements, expected = DIFFERENT[different]
    standing.execute(statements)
    standing.commit()
    found = asked_of_states(standing, settings, night(read=("zendesk_tickets",)))
    assert found == {
        (MOST_STATES, "critical"): MOST_STATES not in expected,
        (SOME_STATES, "warning"): SOME_STATES not in expected,
    }


def test_states_are_compared_where_tickets_are_read_of_sources_that_came_whole(standing, settings):
    standing.execute("update build.fct_case_timeline set status = 'pending'")
    standing.commit()
    assert asked_of_states(standing, settings, night()) == {}
    unfinished = night(read=("zendesk_tickets",), unfinished_sources=frozenset({"zendesk"}))
    assert all(asked_of_states(standing, settings, unfinished).values())
    other = night(read=("zendesk_tickets",), unfinished_sources=frozenset({"x"}))
    assert not any(asked_of_states(standing, settings, other).values())
    # the first night that anybody sees is asked of all that was ever told
    standing.execute("delete from build.fct_case_timeline where case_key <> 'zendesk:42'")
    standing.commit()
    first = asked_of_states(
        standing, settings, night(read=("zendesk_tickets",), published_as_of=None)
    )
    assert first == {(MOST_STATES, "critical"): True, (SOME_STATES, "warning"): False}
