"""A night of the sandbox: nobody worked as superuser, and the marts name no customer."""

import re
import threading
import time
import unicodedata
from collections import defaultdict

import psycopg
import pytest
from houses import FIRST_DAY
from secret_forms import admin

from answerable.runtime import postgres
from answerable.sandbox import company

pytestmark = pytest.mark.slow

# the texts that the company's customers are known by, as its tools say them
OWN = list(company.ACCOUNT_BY_ID)  # those that speak for the company
X = (
    "with x as (select payload from (select payload from raw.x_mentions union all"
    " select payload from raw.x_search) as posts where not payload->>'author_id' = any (%s))"
)
NAMED = {
    "name": "select payload->>'name' from raw.zendesk_users where payload->>'role' = 'end-user'"
    " union select payload->>'name' from raw.file_users where payload->>'role' = 'customer'"
    " union select payload->'_author'->>'name' from x",
    "handle": "select payload->'_author'->>'username' from x",
    "email": "select payload->>'email' from raw.zendesk_users where payload->>'role' = 'end-user'"
    " union select identifier from private.customer_identities where identifier_kind = 'email'"
    " union select payload->>'email' from raw.file_sales",
    "phone": "select payload->>'phone' from raw.file_calls"
    " union select right(identifier, 9) from private.customer_identities"
    " where identifier_kind = 'phone'",
    "account": "select regexp_replace(identifier, '^.*:', '') from private.customer_identities"
    " where identifier_kind in ('help_desk_user', 'x_user')",
}


@pytest.fixture(scope="module")
def at_work() -> set[tuple[str, str, bool]]:
    """(database, role, is it a superuser) of all who were connected while the night ran."""
    return set()


@pytest.fixture(scope="module")
def house(new_house, at_work):
    house = new_house(more={"ANSWERABLE_SANDBOX_SIZE": "0.1"})
    assert house.make("nightly", f"DATE={FIRST_DAY}").returncode == 0
    ended = threading.Event()

    def watch() -> None:
        with psycopg.connect(
            admin(house.home), dbname="postgres", autocommit=True, application_name="watch"
        ) as conn:
            while not ended.is_set():
                at_work.update(
                    conn.execute(
                        "select datname, rolname, rolsuper from pg_stat_activity"
                        " join pg_roles on usesysid = pg_roles.oid"
                        " where backend_type = 'client backend' and application_name <> 'watch'"
                    ).fetchall()
                )
                time.sleep(0.02)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        house.night("DATE=2026-03-01")
    finally:
        ended.set()
        watching.join()
    return house


def test_no_step_of_a_night_works_as_a_superuser(house, at_work):
    """The administrator looks for what is missing in its own database, and does no step."""
    assert {role for database, role, is_super in at_work if database == "answerable"} == {
        postgres.OWNER
    }
    assert {role for database, role, _ in at_work if database == "airflow"} == {"airflow"}
    assert {database for database, _, is_super in at_work if is_super} <= {"postgres"}


def squeezed(text: str) -> str:
    """Letters and digits alone, whatever the case, script and width they were written in."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", "", text)


def digits(text: str) -> str:
    return "".join(str(unicodedata.digit(each)) for each in text if each.isdigit())


def known(conn: psycopg.Connection) -> dict[str, set[str]]:
    """What customers are known by, squeezed."""
    found = {}
    for kind, query in NAMED.items():
        values = {value for (value,) in conn.execute(f"{X} {query}", [OWN]) if value}
        if kind == "name":
            values = {value for value in values if len(value.split()) > 1}
        found[kind] = {digits(v) if kind == "phone" else squeezed(v) for v in values}
        assert all(len(each) >= 6 for each in found[kind]), kind
    return found


def told(conn: psycopg.Connection, schema: str) -> dict[str, str]:
    """Each column of the schema's tables that holds text, all its values one under the other."""
    columns = conn.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = %s and data_type in ('text', 'jsonb')",
        [schema],
    ).fetchall()
    return {
        f"{table}.{column}": "\n".join(
            value
            for (value,) in conn.execute(
                f"select distinct {column}::text from {schema}.{table} where {column} is not null"
            )
        )
        for table, column in columns
    }


def hits(columns: dict[str, str], wanted: dict[str, set[str]]) -> dict[str, set[str]]:
    """Kind of what was found -> the columns that it was found in."""
    found = defaultdict(set)
    for column, text in columns.items():
        lines = text.split("\n")
        whole = "\n".join(squeezed(line) for line in lines)
        numbers = "\n".join(digits(line) for line in lines)
        for kind, values in wanted.items():
            if any(value in (numbers if kind == "phone" else whole) for value in values):
                found[kind].add(column)
    return found


def test_no_customer_s_name_address_number_or_handle_is_in_marts(house):
    with psycopg.connect(postgres.cluster_of(house.home).url()) as conn:
        wanted = known(conn)
        assert all(len(values) > 50 for values in wanted.values()), wanted.keys()
        marts, private = told(conn, "marts"), told(conn, "private")
        assert len(marts) > 150
        assert hits(marts, wanted) == {}
        # the same search finds them where they are
        assert hits(private, wanted).keys() == wanted.keys()
        # names of our own people and parts stand there
        assert {name for name in marts if name.endswith("_name")} == {
            "dim_agents.agent_name",
            "rpt_agent_channels.agent_name",
            "dim_departments.department_name",
        }
