"""`answerable customer`: one customer told from the private tables, and what it refuses."""

import doctest
from datetime import timedelta

import psycopg
import pytest
from marts_by_hand import AS_OF, add, make_build
from psycopg import sql

from answerable import customer, explain
from answerable.identity import identifiers

TABLES = {
    "marts": ("dim_customers", "fct_cases"),
    "private": (
        "customer_identities",
        "customer_evidence",
        "customer_changes",
        "customer_history",
    ),
}
CORA, LINE, OLD = "c" * 32, "d" * 32, "e" * 32


@pytest.fixture
def published(warehouse):
    make_build(warehouse)
    for schema, tables in TABLES.items():
        warehouse.execute(f"create schema if not exists {schema}")
        for table in tables:
            warehouse.execute(f"drop table if exists {schema}.{table}")
            warehouse.execute(f"alter table build.{table} set schema {schema}")
    warehouse.execute("create table if not exists marts.publication (as_of timestamp)")
    warehouse.execute("delete from marts.publication")
    warehouse.execute("insert into marts.publication (as_of) values (%s)", [AS_OF])
    seen = {"first_seen_at": AS_OF - timedelta(days=9), "last_seen_at": AS_OF - timedelta(days=1)}
    for key, is_shared in ((CORA, False), (LINE, True)):
        add(
            warehouse,
            "marts.dim_customers",
            [{"customer_key": key, "first_seen_at": seen["first_seen_at"], "identifier_count": 3,
              "interaction_count": 2, "case_count": 1, "channel_count": 2,
              "customer_tier": "gold", "is_shared": is_shared}],
        )  # fmt: skip
    for key, own, kind, text, of, why in (
        ("zendesk:user:7", CORA, "help_desk_user", "7", CORA, None),
        ("email:cora@mail.example", OLD, "email", "cora@mail.example", CORA, None),
        ("phone:GB 02079460123", "f" * 32, "phone", "+442079460123", CORA, None),
        ("phone:+441614960000", LINE, "phone", "+441614960000", LINE, "accounts"),
    ):
        add(
            warehouse,
            "private.customer_identities",
            [{"identifier_key": key, "customer_key": of, "own_customer_key": own,
              "identifier_kind": kind, "identifier": text, "source": "zendesk",
              "shared_because": why} | seen],
        )  # fmt: skip
    for key, how, told_in, why in (
        ("email:cora@mail.example", "verified_link", None, None),
        ("phone:GB 02079460123", "message", "zendesk:501", None),
        ("phone:+441614960000", "account", None, "accounts"),
    ):
        add(
            warehouse,
            "private.customer_evidence",
            [{"account_identifier_key": "zendesk:user:7", "identifier_key": key,
              "source": "zendesk", "evidence": how, "told_in": told_in, "customer_key": CORA,
              "not_used_because": why} | seen],
        )  # fmt: skip
    add(
        warehouse,
        "private.customer_changes",
        [{"changed_on": "2026-02-20", "customer_key": OLD, "became_customer_key": CORA,
          "change": "merged", "cause": "verified_link", "source": "zendesk",
          "account_identifier_key": "zendesk:user:7",
          "identifier_key": "email:cora@mail.example"}],
    )  # fmt: skip
    add(
        warehouse,
        "private.customer_history",
        [
            {"customer_key": CORA, "interaction_no": 1, "interaction_key": "phone:1",
             "occurred_at": "2026-02-25 10:00:00", "channel": "voice", "direction": "inbound",
             "visibility": "private", "call_outcome": "answered", "call_wait_seconds": 20,
             "call_talk_seconds": 95, "is_other_channel": False, "is_bot": False},
            {"customer_key": CORA, "interaction_no": 2, "interaction_key": "zendesk:501",
             "occurred_at": "2026-02-26 10:00:00", "channel": "email", "direction": "inbound",
             "visibility": "private", "case_key": "zendesk:1", "is_other_channel": True,
             "is_bot": False, "text": "Dear all,\nit \x1b[31mleaks. " + "Really. " * 20},
        ],
    )  # fmt: skip
    add(
        warehouse, "marts.fct_cases",
        [{"case_key": "zendesk:1", "status": "open", "topic": "technical"}],
    )  # fmt: skip
    warehouse.commit()
    return warehouse


def told(conn: psycopg.Connection, text: str, **options) -> str:
    found = customer.customer(conn, text, region="GB")
    return "\n".join(customer.lines(found, explain.zone_of("UTC"), **options))


@pytest.mark.parametrize(
    "text",
    [
        "zendesk:user:7",
        "CORA@mail.example",
        "020 7946-0123",
        "+44 20 7946 0123",
        "7",
        CORA,
        OLD,  # of before the merge
    ],
)
def test_a_customer_is_found_by_all_that_they_are_known_by(published, text):
    assert told(published, text).startswith(CORA)


def test_history_evidence_and_changes_are_told(published):
    text = told(published, "cora@mail.example", is_full=True)
    assert "2 interactions, 1 cases" in text and "tier gold" in text
    evidence = {line.split()[1]: line for line in text.splitlines() if "zendesk:user:7  " in line}
    assert "message" in text and "zendesk:501" in text
    assert evidence["phone:+441614960000"].endswith("no: accounts")
    assert "2026-02-20  merged" in text and "carries email:cora@mail.example" in text
    assert "    1 Wed 2026-02-25 10:00:00    customer: voice" in text
    assert "call answered, waited 20 s, spoke 95 s" in text
    assert "-> customer: email, private, case zendesk:1 (open, technical)" in text
    assert text.count("Really.") == 20
    assert told(published, "cora@mail.example").count("Really.") < 12


def test_a_text_moves_no_cursor_and_is_one_line(published):
    text = told(published, "cora@mail.example")
    assert "Dear all, it \ufffd[31mleaks." in text and "\x1b" not in text


def test_a_shared_number_is_nobody_s_and_says_who_carries_it(published):
    text = told(published, "+441614960000")
    assert "not one customer" in text and "more accounts of one source carry it" in text
    assert "zendesk:user:7" in text


def test_nobody_is_told_with_what_was_looked_for(published):
    with pytest.raises(customer.CustomerError) as error:
        told(published, "someone@mail.example")
    said = str(error.value)
    assert "looked for it as a key or as email someone@mail.example" in said
    assert "email 1, help_desk_user 1, phone 2" in said
    assert "cora" not in said
    with pytest.raises(customer.CustomerError, match="default_region is GB"):
        told(published, "12")


def test_two_customers_are_not_one(published):
    add(
        published,
        "private.customer_identities",
        [{"identifier_key": "shop:user:7", "customer_key": OLD, "own_customer_key": "a",
          "identifier_kind": "file_customer", "identifier": "7", "source": "shop"}],
    )  # fmt: skip
    with pytest.raises(customer.CustomerError, match=f"is 2 customers: {CORA}, {OLD}; name one"):
        told(published, "7")


def test_nothing_published_is_said(warehouse):
    with pytest.raises(explain.ExplainError, match="nothing is published in the replay"):
        customer.customer(warehouse, "a@b.example", prefix="replay_19990101")


def test_a_reader_of_the_marts_alone_is_refused(pg, published):
    for schema, tables in TABLES.items():
        published.execute(sql.SQL("grant usage on schema {} to answerable_reader").format(
            sql.Identifier("marts")
        ))  # fmt: skip
        if schema == "marts":
            for table in (*tables, "publication"):
                published.execute(f"grant select on marts.{table} to answerable_reader")
    published.commit()
    with (
        psycopg.connect(pg.url("answerable_reader"), dbname=published.info.dbname) as reader,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        told(reader, "cora@mail.example")


def test_the_examples_in_the_code_hold():
    for module in (customer, identifiers):
        assert doctest.testmod(module).failed == 0
