"""A reader of brands sees the rows of its brands, in every mart that has a brand, and nothing else,
whatever it tries."""

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from marts_by_hand import AS_OF, CONTRACTS, make_build, models, start_run
from psycopg import sql

from answerable.runtime import postgres
from answerable.settings import Settings
from answerable.warehouse import publish as publishing
from answerable.warehouse import roles, setup
from answerable.warehouse.names import Schemas
from answerable.warehouse.publish import publish

HAS_BRAND = sorted(
    table
    for table, (model, types) in CONTRACTS.items()
    if model.schema == "marts" and "brand" in types
)
WITHOUT = ["publication", *sorted(table for table in CONTRACTS if table not in HAS_BRAND)]
BRANDS = ["south", "north", "south", None, "(all)", "(none)"]  # of the six rows of each mart
NORTH, BOTH = "bi_north", "bi_both"
HIDDEN = "a word of the south"


def fill(conn: psycopg.Connection, schemas: Schemas, hidden: str = HIDDEN) -> None:
    """Six rows in each table of `build` with a brand; what is not of the north has `hidden`."""
    for table in HAS_BRAND:
        model, types = CONTRACTS[table]
        values = {"text": "'{}{}'", "integer": "{1}", "bigint": "{1}"}
        values |= {"timestamp": "timestamp '2026-01-01' + make_interval(days => {1})"}
        values |= {"date": "date '2026-01-01' + {1}", "boolean": "true"}
        for number, brand in enumerate(BRANDS):
            of_whom = "north " if brand == "north" else f"{hidden} "
            row = {key: values[types[key]].format(of_whom, number) for key in model.key}
            row |= {
                name: sql.Literal(f"{of_whom}{number}").as_string(conn)
                for name, kind in types.items()
                if kind == "text" and name not in model.key and name != "brand"
            }
            if "brand" in model.key:
                brand = brand or "(none) "
            row["brand"] = sql.Literal(brand).as_string(conn)
            conn.execute(
                sql.SQL("insert into {} ({}) values ({})").format(
                    sql.Identifier(schemas.build, table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.SQL, row.values())),
                )
            )


@pytest.fixture(scope="module")
def brand_roles(pg) -> Iterator[None]:
    """Two readers of brands, made as `answerable grants --role` has an administrator make them."""
    with psycopg.connect(pg.url(postgres.ADMIN), dbname="postgres", autocommit=True) as conn:
        for role in (NORTH, BOTH):
            conn.execute(roles.for_brand_reader(role))
            conn.execute(roles.for_brand_reader(role))  # again: it changes nothing
            conn.execute(f"alter role {role} password 'of a test'")


@pytest.fixture(scope="module")
def published(pg, brand_roles, new_settings, using) -> Settings:
    settings = new_settings()
    with using(settings), psycopg.connect(settings.warehouse_url) as conn:
        fill(conn, make_build(conn))
        start_run(conn, "run-1", AS_OF)
        conn.commit()
        publish("run-1", models=models(), settings=settings)
        assert roles.give_brands(conn, NORTH, ["north"]) is False
        assert roles.give_brands(conn, BOTH, ["south", "north"]) is False
    with psycopg.connect(
        pg.url(postgres.ADMIN), dbname=settings.warehouse_url.rpartition("/")[2]
    ) as conn:
        conn.execute(roles.for_administrator(conn.info.dbname))
    return settings


Reading = Callable[..., psycopg.Connection]


@pytest.fixture
def reading(pg, published) -> Reading:
    def connect(role: str = NORTH, settings: Settings = published) -> psycopg.Connection:
        known = role in (roles.READER, roles.PRIVATE)
        more = {} if known else {"user": role, "password": "of a test"}
        return psycopg.connect(
            pg.url(role if known else postgres.OWNER),
            dbname=settings.warehouse_url.rpartition("/")[2],
            autocommit=True,
            **more,
        )

    return connect


def seen(conn: psycopg.Connection, table: str) -> list[str | None]:
    return sorted((brand for (brand,) in conn.execute(f"select brand from marts.{table}")), key=str)


@pytest.mark.parametrize("table", HAS_BRAND)
def test_a_mart_with_a_brand_shows_the_rows_of_ones_brands(reading, table):
    with reading() as conn:
        assert seen(conn, table) == ["north"]
    with reading(BOTH) as conn:
        assert seen(conn, table) == ["north", "south", "south"]


@pytest.mark.parametrize("table", HAS_BRAND)
@pytest.mark.parametrize("role", [roles.READER, roles.PRIVATE])
def test_who_is_no_reader_of_brands_sees_all_rows(reading, role, table):
    with reading(role) as conn:
        assert len(seen(conn, table)) == len(BRANDS)


def test_who_was_granted_a_mart_by_hand_sees_all_rows(pg, brand_roles, reading, published):
    with psycopg.connect(pg.url(postgres.ADMIN), autocommit=True) as conn:
        conn.execute("create role somebody login password 'of a test'")
    with psycopg.connect(published.warehouse_url) as conn:
        conn.execute("grant usage on schema marts to somebody")
        conn.execute("grant select on marts.fct_cases to somebody")
    with psycopg.connect(pg.url(postgres.ADMIN), autocommit=True) as conn:
        conn.execute(f"grant connect on database {published.warehouse_names[0]} to somebody")
    with reading("somebody") as conn:
        assert len(seen(conn, "fct_cases")) == len(BRANDS)


def test_policies_leave_a_reader_s_plans_as_they_are(reading, warehouse, published):
    """No filter of theirs, and no index that is not used for the order in which rows are judged."""
    query = "explain (costs off) select * from marts.fct_cases where case_key like 'a%'"
    with reading(roles.READER) as conn:
        conn.execute("set enable_seqscan = off; set enable_bitmapscan = off")
        guarded = conn.execute(query).fetchall()
    with psycopg.connect(published.warehouse_url) as conn:  # whom no policy concerns
        conn.execute("set enable_seqscan = off; set enable_bitmapscan = off")
        assert guarded == conn.execute(query).fetchall()
    assert any("Index Cond" in line for (line,) in guarded), guarded


@pytest.mark.parametrize("table", WITHOUT)
def test_what_has_no_brand_is_not_granted(reading, table):
    schema = "marts" if table == "publication" else CONTRACTS[table][0].schema
    with reading() as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(f"select count(*) from {schema}.{table}")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from ops.reader_brands",
        "select * from raw.zendesk_users",
        "select * from build.fct_cases",
        "select * from ops.undo_marts_fct_cases",
        "insert into access.my_brands values ('south')",
        "update access.my_brands set brand = 'south'",
        "delete from marts.fct_cases",
        "create temporary table mine as select * from marts.fct_cases",
        "create function marts.mine(text) returns boolean language sql return true",
        "create table public.mine (a int)",
        "alter table marts.fct_cases disable row level security",
        "drop policy their_brands on marts.fct_cases",
        "set role answerable_reader",
        "set role answerable",
        "set session authorization answerable_reader",
        "set row_security = off; select * from marts.fct_cases",
        "copy marts.fct_cases to program 'cat'",
        "grant answerable_reader to bi_north",
    ],
)
def test_what_a_reader_of_brands_may_not(reading, statement):
    with reading() as conn:
        conn.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)


# -- tricks --------------------------------------------------------------------------------------

# Each brings out all that it can of fct_cases; none may tell a word of the south.
TRICKS = {
    "a cheap function that fails with what it is given": [
        "select * from marts.fct_cases where cast(case_key as integer) > 0",
        "select * from marts.fct_cases where case_key::numeric is null or brand = 'south'",
        "select * from marts.fct_cases where 1 / (length(case_key) - 5) > 0 or case_key::int = 1",
        "select * from marts.fct_cases where case_key::jsonb is null",
    ],
    "another order": ["select * from marts.fct_cases order by (case_key)::uuid"],
    "an aggregate": [
        "select string_agg(case_key, ',') from marts.fct_cases",
        "select min(case_key), max(case_key) from marts.fct_cases",
        "select array_agg(c) from marts.fct_cases as c",
    ],
    "a join": [
        "select * from marts.fct_cases as a full join marts.fct_sla_clocks as b on true",
        "select * from marts.fct_interactions as i left join marts.fct_cases as c using (case_key)",
    ],
    "a cursor": ["begin; declare c cursor for select * from marts.fct_cases; fetch all from c"],
    "as the group": ["set role answerable_brand_reader; select * from marts.fct_cases"],
    "a prepared statement": ["prepare p as select * from marts.fct_cases; execute p"],
    "copy": ["copy marts.fct_cases to stdout", "copy (table marts.fct_cases) to stdout"],
    "another plan": [
        "set enable_seqscan = off; set plan_cache_mode = force_generic_plan;"
        " select * from marts.fct_cases where case_key >= 'a'",
    ],
    "the catalogue": [
        "select * from pg_stats where schemaname = 'marts'",
        "select * from pg_stats_ext",
        "select query from pg_stat_activity where application_name = 'answerable'",
        "select * from information_schema.columns where table_schema = 'marts'",
        "select * from pg_prepared_statements",
    ],
    "what a plan tells": [
        "explain (analyze, verbose) select * from marts.fct_cases where brand = 'south'"
    ],
    "a lock on a row": ["select * from marts.fct_cases for update"],
}


def told(conn: psycopg.Connection, statement: str) -> str:
    """All that the server says: rows and errors."""
    said = []
    conn.execute("set default_transaction_read_only = off")
    conn.add_notice_handler(lambda notice: said.append(repr(notice.message_primary)))
    try:
        if statement.startswith("copy"):
            with conn.cursor().copy(statement) as rows:
                return "".join(bytes(block).decode() for block in rows)
        cursor = conn.execute(statement)
        while True:
            if cursor.description:
                said.append(repr(cursor.fetchall()))
            if not cursor.nextset():
                break
    except psycopg.Error as error:
        said.append(f"{error} {error.diag.message_detail} {error.diag.context}")
    return "\n".join(said)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_tells_a_word_of_another_brand(reading, warehouse_analyzed, trick):
    for statement in TRICKS[trick]:
        with reading() as conn:
            assert HIDDEN not in told(conn, statement)


@pytest.mark.parametrize(
    "trick", sorted(TRICKS.keys() - {"another order", "as the group", "a lock on a row",
                                     "what a plan tells"})
)  # fmt: skip
def test_the_same_tricks_tell_somebody_who_may_see_it(reading, warehouse_analyzed, pg, trick):
    """Or they would prove nothing."""
    if trick == "the catalogue":  # policies hide it from all but the owner
        with psycopg.connect(warehouse_analyzed.warehouse_url) as conn:
            assert HIDDEN in told(conn, TRICKS[trick][0])
        return
    with reading(roles.READER) as conn:
        assert any(HIDDEN in told(conn, statement) for statement in TRICKS[trick])


@pytest.fixture
def warehouse_analyzed(published) -> Settings:
    """With statistics in the catalogue, which hold the most common values of each column."""
    with psycopg.connect(published.warehouse_url, autocommit=True) as conn:
        for table in HAS_BRAND:
            conn.execute(f"analyze marts.{table}")
    return published


def test_a_plan_tells_a_reader_of_brands_of_its_own_rows_alone(reading):
    """But for one number: how many rows were left out."""
    with reading() as conn:
        plan = told(conn, "explain (analyze) select * from marts.fct_cases where brand = 'south'")
    assert re.search(r"rows=0(\.00)? loops=1", plan), plan


# -- publishing goes on --------------------------------------------------------------------------


def night(conn: psycopg.Connection, settings: Settings, number: int, hidden: str) -> None:
    for table in HAS_BRAND:
        conn.execute(sql.SQL("truncate {}").format(sql.Identifier("build", table)))
    fill(conn, Schemas.of(""), hidden)
    run = f"run-{number}"
    start_run(conn, run, AS_OF.replace(day=number))
    conn.execute("update ops.runs set is_full = true where run_id = %s", [run])
    conn.commit()
    publish(run, models=models(), settings=settings)


def test_nights_and_rollbacks_show_a_reader_of_brands_its_rows(
    pg, brand_roles, reading, settings, warehouse
):
    make_build(warehouse)
    roles.give_brands(warehouse, NORTH, ["north"])
    night(warehouse, settings, 1, "first")
    night(warehouse, settings, 2, "second")
    publishing.rollback(settings)
    for table in HAS_BRAND:
        with reading(NORTH, settings) as conn:
            assert seen(conn, table) == ["north"]
        with reading(roles.READER, settings) as conn:
            assert len(seen(conn, table)) == len(BRANDS)
            assert "second" not in told(conn, f"select * from marts.{table}")


def test_a_replay_is_guarded_as_well(pg, brand_roles, reading, settings, warehouse):
    replay = make_build(warehouse, "replay_20260301")
    fill(warehouse, replay)
    start_run(warehouse, "replay-1", AS_OF, prefix="replay_20260301")
    roles.give_brands(warehouse, NORTH, ["north"])
    warehouse.commit()
    publish("replay-1", models=models(), settings=settings)
    with reading(NORTH, settings) as conn:
        for table in HAS_BRAND:
            rows = conn.execute(f"select brand from replay_20260301.{table}").fetchall()
            assert rows == [("north",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from replay_20260301.dim_customers")


def test_a_mart_that_loses_its_brand_is_taken_from_readers_of_brands_and_given_back(
    pg, brand_roles, reading, settings, warehouse
):
    make_build(warehouse)
    roles.give_brands(warehouse, NORTH, ["north"])
    night(warehouse, settings, 1, HIDDEN)
    types = CONTRACTS["fct_cases"][1]
    warehouse.execute("alter table build.fct_cases drop column brand")
    warehouse.commit()
    publishing.migrate(warehouse_autocommit(warehouse), Schemas.of(""), models())
    with reading(NORTH, settings) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from marts.fct_cases")
        assert seen(conn, "fct_sla_clocks") == ["north"]
    with reading(roles.READER, settings) as conn:
        query = "select count(*) from marts.fct_cases"
        assert conn.execute(query).fetchone() == (len(BRANDS),)
    warehouse.execute(f"alter table build.fct_cases add column brand {types['brand']}")
    publishing.migrate(warehouse, Schemas.of(""), models())
    with reading(NORTH, settings) as conn:
        assert seen(conn, "fct_cases") == []


def warehouse_autocommit(conn: psycopg.Connection) -> psycopg.Connection:
    conn.commit()
    conn.autocommit = True
    return conn


@pytest.mark.parametrize(
    "lost",
    [
        "drop view access.my_brands cascade",
        "drop table ops.reader_brands cascade",
        "drop policy their_brands on marts.fct_cases",
        "drop policy everybody_else on marts.fct_cases",
        "drop policy all_brands on marts.fct_cases",
        "delete from ops.reader_brands",
    ],
)
def test_whatever_of_it_is_lost_a_reader_of_brands_sees_no_more_than_before(
    pg, brand_roles, reading, settings, warehouse, lost
):
    make_build(warehouse)
    roles.give_brands(warehouse, NORTH, ["north"])
    night(warehouse, settings, 1, HIDDEN)
    warehouse.execute(lost)
    warehouse.commit()
    with reading(NORTH, settings) as conn:
        assert HIDDEN not in told(conn, "select * from marts.fct_cases")
    # the next night puts it right
    setup.prepare(warehouse)
    roles.give_brands(warehouse, NORTH, ["north"])
    night(warehouse, settings, 2, HIDDEN)
    with reading(NORTH, settings) as conn:
        assert seen(conn, "fct_cases") == ["north"]


# -- who becomes one -----------------------------------------------------------------------------


def test_brands_are_given_anew_and_taken(reading, settings, warehouse, brand_roles):
    make_build(warehouse)
    night(warehouse, settings, 1, HIDDEN)
    with reading(NORTH, settings) as conn:
        assert seen(conn, "fct_cases") == []
        roles.give_brands(warehouse, NORTH, ["south"])
        assert seen(conn, "fct_cases") == ["south", "south"]
        roles.give_brands(warehouse, NORTH, ["north"])
        assert seen(conn, "fct_cases") == ["north"]
        roles.give_brands(warehouse, NORTH, [])
        assert seen(conn, "fct_cases") == []


@pytest.mark.parametrize("brand", roles.NO_BRANDS)
def test_what_sums_over_brands_is_no_brand(warehouse, brand):
    with pytest.raises(roles.GrantError, match="is no brand"):
        roles.give_brands(warehouse, NORTH, [brand])


@pytest.mark.parametrize("role", [roles.READER, roles.PRIVATE, roles.OWNER, "postgres"])
def test_who_sees_everything_does_not_become_a_reader_of_brands(warehouse, role):
    with pytest.raises(roles.GrantError, match="sees more than its brands"):
        roles.give_brands(warehouse, role, ["north"])


def test_a_role_that_is_not_there_yet_is_said_to_be_missing(warehouse):
    assert roles.give_brands(warehouse, "bi_east", ["east"]) is True
