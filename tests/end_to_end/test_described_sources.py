"""Nights over described exports that make one source together, delivered into watched folders."""

import shutil

import psycopg
import pytest

from answerable import pipeline
from answerable.settings import ROOT, Settings

DATA = ROOT / "tests" / "data"
EXAMPLES = ROOT / "examples" / "files"
OWN = {"publication": {"published_at", "run_id", "sources"}}


@pytest.fixture(scope="module")
def nights(new_settings, using, tmp_path_factory):
    """Two warehouses: `two` had a delivery in each of two nights, `one` had both in the second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSWERABLE_IDENTITY_SECRET", "the same in both")
        folders = {name: tmp_path_factory.mktemp(name) for name in ("desk", "crm")}
        patch.setenv(
            "ANSWERABLE_FILES",
            f"{EXAMPLES / 'desk.yml'}={folders['desk']}/ "
            f"{EXAMPLES / 'crm.yml'}={folders['crm']}/*.csv",
        )

        def deliver(suffix: str) -> None:
            for name, folder in folders.items():
                shutil.copytree(DATA / f"{name}{suffix}", folder, dirs_exist_ok=True)

        two, one = new_settings(), new_settings()
        with using(two):
            deliver("")
            (folders["desk"] / "readme.txt").write_text("of no part of the description")
            (folders["desk"] / "tickets_0303.csv.part").write_text("not whole")
            first = pipeline.run_night("2026-03-01")["receipts"]
            was = {table: published(two)[table] for table in ("fct_sales", "fct_cases")}
            deliver("_next")
            second = pipeline.run_night("2026-03-02")["receipts"]
        with using(one):
            pipeline.run_night("2026-03-02")
    return {"two": two, "one": one, "first": first, "second": second, "was": was}


def ask(settings: Settings, query: str) -> list[tuple]:
    options = "-c search_path=marts,private -c TimeZone=UTC"
    with psycopg.connect(settings.warehouse_url, options=options) as conn:
        return conn.execute(query).fetchall()


def published(settings: Settings) -> dict[str, list[tuple]]:
    tables = ask(
        settings,
        "select table_schema, table_name, array_agg(column_name::text order by column_name)"
        " from information_schema.columns where table_schema in ('marts', 'private') group by 1, 2",
    )
    found = {}
    for schema, table, columns in tables:
        kept = ", ".join(f'"{c}"::text' for c in columns if c not in OWN.get(table, ()))
        found[table] = sorted(ask(settings, f'select {kept} from "{schema}"."{table}"'), key=repr)
    return found


def test_two_nights_of_deliveries_give_what_one_night_of_all_gives(nights):
    two, one = published(nights["two"]), published(nights["one"])
    assert two.keys() == one.keys()
    assert {table for table in two if two[table] != one[table]} == set()
    assert two["fct_sales"] != nights["was"]["fct_sales"]
    assert two["fct_cases"] != nights["was"]["fct_cases"]


def test_each_file_of_a_folder_is_landed_once(nights):
    def landed(receipts):
        return {each["stream"]: (each["pages"], each["records"]) for each in receipts["land"]}

    assert landed(nights["first"]) == {
        "cases": (1, 2),
        "interactions": (1, 4),
        "field_changes": (1, 5),
        "users": (1, 5),
        "ratings": (1, 1),
        "sales": (1, 2),
    }
    assert landed(nights["second"]) == {
        "cases": (1, 2),
        "interactions": (1, 2),
        "field_changes": (1, 3),
        "users": (0, 0),
        "ratings": (0, 0),
        "sales": (1, 1),
    }
    assert nights["second"]["load"]["records"] == 8
    assert {each["status"] for each in nights["second"]["land"]} == {"landed"}
    # the one that is of no part; a transfer that is not finished is no file yet
    assert {each["ignored"] for each in nights["first"]["land"]} == {1, 0}


def test_a_case_s_states_come_from_its_history_and_what_never_changed_from_its_head(nights):
    rows = ask(
        nights["two"],
        "select split_part(case_key, ':', 2), row_no, to_char(from_at, 'MM-DD HH24:MI'), status,"
        " team, agent_key, priority from fct_case_timeline"
        " where event_kind <> 'policy_changed' order by 1, 2",
    )
    assert rows == [
        ("T1", 1, "02-02 08:00", "open", "Care", "desk:agda", "high"),
        ("T1", 2, "02-02 09:00", "open", "Sales", "desk:sam", "high"),
        ("T1", 3, "02-02 09:31", "solved", "Sales", "desk:sam", "high"),
        ("T1", 4, "03-01 09:00", "closed", "Sales", "desk:sam", "high"),
        ("T2", 1, "02-03 08:00", "open", "Care", None, "urgent"),
        ("T2", 2, "02-03 08:30", "open", "Care", None, "normal"),
        ("T2", 3, "03-01 07:00", "solved", "Care", "desk:agda", "normal"),
        ("T3", 1, "03-01 08:00", "new", "Care", None, "normal"),
    ]


def test_group_and_owner_changed_at_once_are_one_handoff(nights):
    assert ask(
        nights["two"],
        "select case_key, count(*) from fct_ownership_spans group by 1 order by 1",
    ) == [("desk:T1", 2), ("desk:T2", 2), ("desk:T3", 1)]
    rows = ask(
        nights["two"],
        "select case_id, team_handoff_count, to_char(resolved_at, 'MM-DD HH24:MI'),"
        " to_char(closed_at, 'MM-DD HH24:MI'), is_open from fct_cases order by 1",
    )
    assert rows == [
        ("T1", 1, "02-02 09:31", "03-01 09:00", False),
        ("T2", 0, "03-01 07:00", None, True),
        ("T3", 0, None, None, True),
    ]


def test_who_of_ours_wrote_is_known_from_the_users(nights):
    rows = ask(
        nights["two"],
        "select interaction_key, direction, agent_key, is_bot, is_reply from fct_interactions"
        " order by 1",
    )
    assert rows == [
        ("desk:C1", "inbound", None, False, False),
        ("desk:C2", "outbound", "desk:robot", True, False),
        ("desk:C3", "outbound", "desk:sam", False, True),
        ("desk:C4", "inbound", None, False, False),
        ("desk:C5", "outbound", "desk:agda", False, True),
        ("desk:C6", "inbound", None, False, False),
    ]
    assert ask(
        nights["two"],
        "select agent_key, agent_name, is_bot from dim_agents where source = 'desk' order by 1",
    ) == [
        ("desk:agda", "Agda", False),
        ("desk:robot", "Robot", True),
        ("desk:sam", "Sam", False),
    ]


def test_who_writes_rates_and_buys_is_one_customer(nights):
    """The desk knows Cora by an id with an address, the sales system by the address alone."""
    rows = ask(
        nights["two"],
        """
        with cora as (
            select customer_key from customer_identities
            where identifier_key = 'email:cora@mail.example'
        )
        select 'case' as what, case_key from fct_cases join cora using (customer_key)
        union all
        select 'rating', rating_key from fct_ratings join cora using (customer_key)
        union all
        select 'sale', sale_key from fct_sales join cora using (customer_key)
        order by 1, 2
        """,
    )
    assert rows == [
        ("case", "desk:T1"),
        ("case", "desk:T3"),
        ("rating", "desk:T1"),
        ("sale", "crm:D1"),
    ]
    assert ask(nights["two"], "select count(*) from dim_customers") == [(3,)]


def test_a_rating_is_of_who_held_the_case_and_a_sale_knows_its_steps(nights):
    assert ask(
        nights["two"], "select verdict, score, score_share, team, agent_key from fct_ratings"
    ) == [("good", 4, 0.75, "Sales", "desk:sam")]
    rows = ask(
        nights["two"],
        "select sale_id, status, case_key, to_char(found_at, 'MM-DD HH24:MI'),"
        " to_char(qualified_at, 'MM-DD HH24:MI'), to_char(won_at, 'MM-DD HH24:MI'),"
        " to_char(lost_at, 'MM-DD HH24:MI'), amount::text, currency, lost_reason"
        " from fct_sales order by 1",
    )
    assert rows == [
        (
            *("D1", "won", "desk:T1", "02-10 08:00", "02-11 08:00", "03-01 11:00", None),
            *("1150.0000", "EUR", None),
        ),
        ("D2", "lost", None, "02-10 08:00", None, None, "02-12 16:00", "80.0000", "EUR", "price"),
    ]
