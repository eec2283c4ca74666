"""What must not change by itself, what must follow from the rest, what was read must be staged."""

from datetime import timedelta

import pytest
from great_expectations import ExpectationSuite
from marts_by_hand import AS_OF

from answerable.quality import gate
from answerable.quality.night import Made, Night
from answerable.settings import ROOT
from answerable.warehouse.dbt import Definition
from answerable.warehouse.names import Schemas

COLUMNS = {"case_key": "text", "status": "text", "has_repeat_contact": "boolean"}


@pytest.fixture
def tables(warehouse):
    """Two cases, published and built again alike, of which the second is dirty."""
    warehouse.execute(
        """
        create table build.fct_cases (case_key text, status text, has_repeat_contact boolean);
        create table build.int_dirty_cases (case_key text);
        insert into build.fct_cases values ('desk:1', 'open', null), ('desk:2', 'open', null);
        insert into build.int_dirty_cases values ('desk:2');
        create table marts.fct_cases as table build.fct_cases;
        """
    )
    warehouse.commit()
    return warehouse


def asked(conn, settings, made: Made) -> dict[str, tuple[str, ...]]:
    """The rules about fct_cases that do not hold, with the keys they name."""
    expectations = gate.load_expectations(ROOT)
    night = Night(
        run_no=3,
        as_of=AS_OF,
        schemas=Schemas.of(""),
        published_as_of=AS_OF - timedelta(days=1),
        tables={"fct_cases": made},
    )
    gate._context()
    suite = ExpectationSuite(name="history")
    expectations.history.add(suite, night, "fct_cases")
    results = gate.judge(conn, settings.warehouse_url, [("build", "fct_cases", suite)])
    assert all(result.unexpected_count is not None for result in results)
    return {result.rule: result.example_keys for result in results if not result.is_success}


def published(definition: Definition | None = None) -> Made:
    return Made(
        key=("case_key",),
        columns=COLUMNS,
        dirty=None,
        published="marts.fct_cases",
        definition=definition,
    )


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        ("select 1", None),
        ("update build.fct_cases set status = 'closed' where case_key = 'desk:1'", "desk:1"),
        ("update build.fct_cases set status = 'closed' where case_key = 'desk:2'", None),
        ("update build.fct_cases set status = null where case_key = 'desk:1'", "desk:1"),
        ("delete from build.fct_cases where case_key = 'desk:1'", "desk:1"),
        ("delete from build.fct_cases where case_key = 'desk:2'", None),
        ("insert into build.fct_cases values ('desk:3', 'open', null)", "desk:3"),
        # whether the customer came back is learnt later, and of another case
        ("update build.fct_cases set has_repeat_contact = true", None),
    ],
)
def test_a_row_to_which_nothing_happened_stays(tables, settings, change, caught):
    tables.execute(change)
    tables.commit()
    found = asked(tables, settings, published())
    assert found == ({"ExpectWhatNothingHappenedToToStay": (caught,)} if caught else {})


# a literal with what Great Expectations and SQLAlchemy look for in a query
QUERY = """
    select case_key, status, has_repeat_contact from marts.fct_cases
    where case_key not in ('{a}', ':b:c') and case_key ~ '^[[:alpha:]]{4}:[0-9]$'
"""


@pytest.mark.parametrize(
    ("is_whole", "change", "caught"),
    [
        (True, "select 1", None),
        (True, "delete from build.fct_cases where case_key = 'desk:1'", "desk:1"),
        (True, "insert into build.fct_cases select * from build.fct_cases limit 1", "desk:1"),
        (True, "update build.fct_cases set status = '-' where case_key = 'desk:2'", "desk:2"),
        # in an increment the query is that of the dirty rows, and they are compared alone
        (False, "update build.fct_cases set status = '-' where case_key = 'desk:2'", "desk:2"),
        (False, "select 1", None),
    ],
)
def test_what_was_made_in_a_night_is_what_its_model_gives(
    tables, settings, is_whole, change, caught
):
    tables.execute(change)
    tables.commit()
    query = QUERY + ("" if is_whole else " and case_key = 'desk:2'")
    made = Made(
        key=("case_key",),
        columns=COLUMNS,
        dirty="case_key",
        published=None,
        definition=Definition(query=query, is_whole=is_whole),
    )
    found = asked(tables, settings, made)
    assert set(found) == ({"ExpectWhatItsModelGives"} if caught else set())
    assert set(*found.values()) == ({caught} if caught else set())


@pytest.mark.parametrize("is_staged", [True, False])
@pytest.mark.parametrize("read_by", [1, 2, 3])
def test_what_was_read_is_staged(warehouse, settings, read_by, is_staged):
    warehouse.execute(
        """
        insert into ops.batches (source, source_kind, stream, object, sha256, record_count,
            loaded_count, superseded_count, quarantined_count, first_read_run_no)
        values ('desk', 'zendesk', 'groups', 'o', '', 1, 1, 0, 0, %s)
        """,
        [read_by],
    )
    warehouse.execute(
        """
        insert into raw.zendesk_groups
            (source, record_key, version, batch_id, position, record_hash, payload)
        select 'desk', '7', 1, batch_id, 1, '', '{}' from ops.batches
        """
    )
    warehouse.execute("create table build.stg_zendesk__groups (source text, record_key text)")
    if is_staged:
        warehouse.execute("insert into build.stg_zendesk__groups values ('desk', '7')")
    warehouse.commit()
    expectations = gate.load_expectations(ROOT)
    gate._context()
    night = Night(
        run_no=2,
        as_of=AS_OF,
        schemas=Schemas.of(""),
        read=("zendesk_groups",),
        published_up_to=1,
        reads_up_to=2,
    )
    suites = [("build", name, suite) for name, suite in expectations.staging.suites(night).items()]
    (result,) = gate.judge(warehouse, settings.warehouse_url, suites)
    assert result.is_success == (is_staged or read_by == 3)  # which comes after this night
    assert result.example_keys == (() if result.is_success else ("desk / 7",))
