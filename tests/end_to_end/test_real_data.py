"""Nights over real files, tied out to figures that others worked out or published.

The files are no part of the project; where they are absent the tests are skipped, saying so.
"""

from datetime import datetime
from decimal import Decimal

import psycopg
import pytest

from answerable import pipeline
from answerable.settings import ROOT

DATA = ROOT.parent / "shared" / "data"
DAY = "2026-03-01"


@pytest.fixture(scope="module")
def night(new_settings, using):
    """Runs one night over one described export; gives a function that asks the marts."""

    def run(description: str, file: str, policy: str):
        if not (DATA / file).exists():
            pytest.skip(f"{file} is not here: the real files are kept beside the project")
        settings = new_settings()
        with pytest.MonkeyPatch.context() as patch, using(settings):
            patch.setenv("POLICY", str(ROOT / "examples" / "policy" / policy))
            patch.setenv(
                "ANSWERABLE_FILES", f"{ROOT / 'examples' / 'files' / description}={DATA / file}"
            )
            pipeline.run_night(DAY)

        def ask(query: str) -> list[tuple]:
            with psycopg.connect(
                settings.warehouse_url, options="-c search_path=marts -c TimeZone=UTC"
            ) as conn:
                return conn.execute(query).fetchall()

        return ask

    return run


@pytest.fixture(scope="module")
def boston(night):
    return night("boston311.yml", "boston311_2011H2.csv.gz", "boston311")


@pytest.fixture(scope="module")
def uci(night):
    return night("uci_incidents.yml", "uci_incident_event_log.csv.gz", "uci")


@pytest.fixture(scope="module")
def bank(night):
    return night("bank_calls.yml", "anonymous_bank_feb1999.csv.gz", "bank")


@pytest.fixture(scope="module")
def twcs(night):
    return night("twcs.yml", "twcs_first5000.csv.gz", "twcs")


# --- City of Boston: our clock against the city's verdict ----------------------------------------


def test_boston_every_case_is_there(boston):
    assert boston("select count(*), count(distinct case_key) from fct_cases") == [(58_251, 58_251)]


def test_boston_our_resolution_clock_gives_the_citys_verdict(boston):
    rows = boston(
        "select outcome, source_verdict, count(*) from fct_sla_clocks"
        " where metric = 'resolution_time' group by 1, 2"
    )
    assert {(ours, theirs): count for ours, theirs, count in rows} == {
        ("met", "ONTIME"): 35_591,
        ("no_policy", "ONTIME"): 10_981,
        ("breached", "OVERDUE"): 11_521,
        ("breached", None): 158,
    }


def test_boston_differs_from_the_city_only_where_nothing_is_promised(boston):
    rows = boston(
        "select outcome, source_outcome, cause, count(*) from rpt_sla_reconciliation"
        " group by 1, 2, 3"
    )
    assert {tuple(row): count for *row, count in rows} == {
        ("met", "met", None): 35_591,
        ("no_policy", "met", "policy_differs"): 10_981,
        ("breached", "breached", None): 11_521,
    }


@pytest.mark.parametrize(
    ("column", "key", "blank", "ontime", "overdue"),
    [
        ("department", "PWDx", 53, 33_650, 3_274),
        ("department", "ISD", 0, 3_271, 4_602),
        ("department", "PARK", 100, 3_572, 1_010),
        ("department", "BTDT", 3, 3_540, 737),
        ("department", "INFO", 2, 1_387, 1_857),
        ("department", "PROP", 0, 1_098, 15),
        ("channel_raw", "Constituent Call", 78, 19_567, 8_491),
        ("channel_raw", "Employee Generated", 14, 16_934, 977),
        ("channel_raw", "Self Service", 44, 6_995, 1_121),
        ("channel_raw", "Citizens Connect App", 21, 2_961, 925),
        ("channel_raw", "Maximo Integration", 1, 112, 7),
        ("channel_raw", "Twitter", 0, 3, 0),
    ],
)
def test_boston_per_department_and_channel(boston, column, key, blank, ontime, overdue):
    of = "clocks" if column == "department" else "cases"
    rows = boston(
        "select count(*) filter (where outcome = 'breached' and clocks.source_verdict is null),"
        " count(*) filter (where outcome in ('met', 'no_policy')),"
        " count(*) filter (where outcome = 'breached' and clocks.source_verdict is not null)"
        " from fct_sla_clocks as clocks join fct_cases as cases using (case_key)"
        f" where metric = 'resolution_time' and {of}.{column} = '{key}'"
    )
    assert rows == [(blank, ontime, overdue)]


def test_boston_nothing_runs_and_the_report_counts_every_clock(boston):
    assert boston(
        "select sum(clock_count), sum(met_count), sum(breached_count), sum(running_count),"
        " sum(no_policy_count) from rpt_sla_compliance_daily where metric = 'resolution_time'"
    ) == [(58_251, 35_591, 11_679, 0, 10_981)]


def test_boston_median_hours_from_open_to_close(boston):
    ((hours,),) = boston(
        "select percentile_cont(0.5) within group"
        " (order by extract(epoch from closed_at - opened_at) / 3600) from fct_cases"
        " where closed_at is not null"
    )
    assert float(hours) == pytest.approx(22.18, abs=0.005)


def test_boston_departments_own_and_nobody_argues(boston):
    """One department each from beginning to end: nothing is handed over, nobody is blamed for
    another's time."""
    held = dict(boston("select department, count(*) from fct_ownership_spans group by 1"))
    assert (held["PWDx"], held["ISD"], held["PARK"], sum(held.values())) == (
        *(36_977, 7_873, 4_682),
        58_251,
    )
    scored = boston(
        "select department, held_case_count, handed_off_case_count from rpt_ownership_scorecard"
        " where (channel, brand, topic, visibility) = ('(all)', '(all)', '(all)', '(all)')"
    )
    assert {name: (count, 0) for name, count in held.items()} == {
        name: tuple(rest) for name, *rest in scored
    }
    assert boston("select count(*) from fct_handoffs") == [(0,)]
    broken = boston(
        "select department, count(*) from rpt_breach_attribution"
        " where metric = 'resolution_time' and is_holder_at_breach and clock_share = 1 group by 1"
    )
    assert sum(count for _, count in broken) == 11_679
    assert dict(broken)["PWDx"] == 3_274 + 53


# --- UCI: owners in an event log -----------------------------------------------------------------


def test_uci_incidents_and_their_carried_verdicts(uci):
    rows = uci("select source_verdict, count(*) from fct_cases group by 1")
    assert dict(rows) == {"true": 15_803, "false": 9_115}


def test_uci_verdicts_stand_beside_none_of_ours(uci):
    rows = uci("select source_outcome, cause, count(*) from rpt_sla_reconciliation group by 1, 2")
    assert {tuple(row): count for *row, count in rows} == {
        ("met", "policy_differs"): 15_803,
        ("breached", "policy_differs"): 9_115,
    }


def test_uci_handoffs_between_known_groups(uci):
    assert uci(
        "select sum(team_handoff_count), count(*) filter (where team_handoff_count > 0)"
        " from fct_cases"
    ) == [(19_087, 9_575)]


def test_uci_handoffs_are_listed_one_by_one(uci):
    assert uci(
        "select count(*), count(distinct case_key) from fct_handoffs where from_team <> to_team"
    ) == [(19_087, 9_575)]
    assert uci("select level, count(*) from fct_handoffs where level <> 'agent' group by 1") == [
        ("team", 19_087)
    ]


def test_uci_changes_of_owner_where_nobody_counts_as_one(uci):
    changes = """
        select case_key, count(*) as change_count
        from (
            select case_key, coalesce(team, '') as team,
                lag(coalesce(team, '')) over (partition by case_key order by row_no) as before
            from fct_case_timeline
        ) as steps
        where team <> before
        group by case_key
    """
    assert uci(f"select sum(change_count) from ({changes}) as changes") == [(23_321,)]
    assert uci("select count(*), sum(source_handoff_count) from fct_cases") == [(24_918, 23_414)]
    assert uci(
        f"select count(*) from fct_cases left join ({changes}) as changes using (case_key)"
        " where source_handoff_count <> coalesce(change_count, 0)"
    ) == [(91,)]


# --- a bank's calls ------------------------------------------------------------------------------


def test_bank_calls_by_outcome(bank):
    rows = bank("select outcome, count(*) from fct_calls group by 1")
    assert dict(rows) == {"answered": 27_162, "abandoned": 5_904, "other": 278}


def test_bank_speed_of_answer_and_handling_time(bank):
    ((asa, aht, median, abandoners),) = bank(
        "select avg(wait_seconds) filter (where outcome = 'answered'),"
        " avg(talk_seconds) filter (where outcome = 'answered'),"
        " percentile_cont(0.5) within group (order by talk_seconds)"
        " filter (where outcome = 'answered'),"
        " avg(wait_seconds) filter (where outcome = 'abandoned') from fct_calls"
    )
    assert float(asa) == pytest.approx(40.77, abs=0.005)
    assert float(aht) == pytest.approx(176.35, abs=0.005)
    assert median == 107
    assert float(abandoners) == pytest.approx(43.99, abs=0.005)


def test_bank_service_level_of_the_offered(bank):
    ((offered, answered, within),) = bank(
        "select count(*), avg((outcome = 'answered')::int),"
        " avg((outcome = 'answered' and wait_seconds <= 20)::int) from fct_calls where is_offered"
    )
    assert (offered, round(float(answered), 4), round(float(within), 4)) == (33_066, 0.8214, 0.4902)


def test_bank_calls_are_interactions_and_no_cases(bank):
    assert bank(
        "select count(*), count(call_key), count(case_key), count(distinct conversation_key)"
        " from fct_interactions left join fct_calls on interaction_key = call_key"
    ) == [(33_344, 33_344, 0, 33_344)]
    assert bank("select count(*) from fct_cases") == [(0,)]


def test_bank_verdicts_on_answering_within_20_seconds(bank):
    """The promise is ours, as an example; the file says how many it would have kept."""
    rows = bank("select answer_outcome, answer_void_reason, count(*) from fct_calls group by 1, 2")
    assert {(outcome, reason): count for outcome, reason, count in rows} == {
        ("met", None): 16_209,
        ("breached", None): 33_066 - 16_209 - 2_160,
        ("void", "short_abandon"): 2_160,  # hung up within five seconds
        (None, None): 278,
    }


def test_bank_intervals_add_up_to_the_service_levels_of_the_month(bank):
    ((intervals, offered, answered, met, short, asa, aht, longest),) = bank(
        "select count(*), sum(offered_count), sum(answered_count), sum(answered_in_target_count),"
        " sum(short_abandoned_count), sum(answered_wait_seconds)::float / sum(answered_count),"
        " sum(talk_seconds)::float / sum(answered_count), max(longest_wait_seconds)"
        " from rpt_service_level_intervals"
    )
    assert (intervals, offered, answered, longest) == (3_123, 33_066, 27_162, 908)
    assert (asa, aht) == (pytest.approx(40.77, abs=0.005), pytest.approx(176.35, abs=0.005))
    shares = [met / of for of in (offered, answered, offered - short)]
    assert [round(float(share), 4) for share in shares] == [0.4902, 0.5968, 0.5245]


def test_bank_half_an_hour_of_one_queue_by_hand(bank):
    """Monday 1 February 1999 from 10:00 to 10:30 in Haifa, which is 08:00 UTC."""
    assert bank(
        "select to_at, offered_count, answered_count, answered_in_target_count, abandoned_count,"
        " short_abandoned_count, answered_wait_seconds, talk_seconds, longest_wait_seconds,"
        " round(in_target_share_of_offered::numeric, 4), is_kept from rpt_service_level_intervals"
        " where queue = 'PS' and from_at = '1999-02-01 08:00'"
    ) == [
        (datetime(1999, 2, 1, 8, 30), 39, 34, 15, 5, 0, 1_439, 6_718, 191, Decimal("0.3846"), False)
    ]


def test_bank_calls_that_queued(bank):
    """278 of them are phantoms: the published count of queued calls has them in."""
    assert bank("select count(*) from fct_calls where wait_seconds > 0") == [(18_306,)]


# --- customer support on Twitter -----------------------------------------------------------------


def test_twcs_interactions_and_conversations(twcs):
    assert twcs("select count(*), count(distinct conversation_key) from fct_interactions") == [
        (5_000, 1_312)
    ]


def test_twcs_direct_replies_to_openers(twcs):
    ((openers, answered, median),) = twcs("""
        with replies as (
            select in_reply_to_interaction_key as interaction_key, min(occurred_at) as replied_at
            from fct_interactions
            where is_reply
            group by 1
        )
        select count(*), count(replied_at),
            percentile_cont(0.5) within group
                (order by extract(epoch from replied_at - occurred_at) / 60)
        from fct_interactions as openers
        left join replies using (interaction_key)
        where direction = 'inbound' and in_reply_to_interaction_key is null
    """)
    assert (openers, answered, round(float(median), 2)) == (1_285, 1_154, 11.99)


def test_twcs_first_reply_time_of_conversations_that_a_customer_opened(twcs):
    """A further customer in a thread has a case of their own; the opener's case is the one whose
    clock starts with the conversation, so those cases move nothing here."""
    ((conversations, answered, median),) = twcs("""
        with starts as (
            select conversation_key, min(occurred_at) as started_at
            from fct_interactions
            group by 1
        )
        select count(*), count(fulfilled_at),
            percentile_cont(0.5) within group (order by elapsed_seconds / 60.0)
                filter (where fulfilled_at is not null)
        from fct_sla_clocks
        join fct_cases using (case_key)
        join starts on starts.conversation_key = fct_cases.conversation_key
            and starts.started_at = fct_sla_clocks.started_at
        where metric = 'first_reply_time'
    """)
    assert (conversations, answered, round(float(median), 2)) == (1_288, 1_231, 12.88)
    assert twcs("select count(*) from fct_cases") == [(1_483,)]
