"""A night in which every text that a customer or a source's user can fill is hostile.

Accounts and described exports say nothing else, their columns and members are named so, and all
that the night and the commands show afterwards is looked at.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import hostile
import psycopg
import pytest
import yaml
from browser import Browser, Parsed
from psycopg import sql
from terminals import at_a_terminal

from answerable.foreign import cell
from answerable.reports import words
from answerable.runtime import postgres
from answerable.sandbox import company
from answerable.sandbox.server import Fault, serve
from answerable.settings import ROOT

pytestmark = pytest.mark.slow

DAY = "2025-12-11"
SIZE = 0.05
AWAY = "http://evil.invalid"
# what is meant by colours and by the line that is written anew
OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@pytest.fixture(scope="module")
def poisoner():
    return hostile.Poisoner(AWAY, own=frozenset(account.id for account in company.ACCOUNTS))


def texts_of_files() -> list[str]:
    """What a CSV file in UTF-8 can hold, and not too long for a key."""
    return [
        text
        for text in hostile.corpus(AWAY)
        if len(text) < 400 and not re.search("[\x00\ud800-\udfff]", text)
    ]


@pytest.fixture(scope="module")
def delivery(tmp_path_factory) -> Path:
    """A help desk's export: every cell that is free, and the columns' names, are hostile."""
    folder = tmp_path_factory.mktemp("delivery")
    texts = texts_of_files()

    def of(number: int) -> str:
        return texts[number % len(texts)]

    rows = range(len(texts))
    # hostile names for the columns that the description names, and for those that it does not
    columns = [text for text in texts if text.strip() and "\n" not in text and "\r" not in text]
    kinds = {
        "cases": [
            ("case_id", lambda n: of(n)),
            ("opened_at", lambda n: f"2025-12-{n % 9 + 1:02d}T{n % 24:02d}:00:00Z"),
            ("status", lambda n: "open"),
            ("team", lambda n: of(n + 1)),
            ("department", lambda n: of(n + 2)),
            ("topic", lambda n: of(n + 3)),
            ("brand", lambda n: of(n + 4)),
            ("channel_raw", lambda n: of(n + 5)),
            ("customer_id", lambda n: of(n + 6)),
            ("agent_id", lambda n: of(n + 7)),
            ("subject", lambda n: of(n + 8)),
        ],
        "interactions": [
            ("interaction_id", lambda n: of(n)),
            ("case_id", lambda n: of(n)),
            ("occurred_at", lambda n: f"2025-12-{n % 9 + 1:02d}T{n % 24:02d}:30:00Z"),
            ("author_id", lambda n: of(n + 6)),
            ("text", lambda n: of(n + 9)),
        ],
        "users": [
            ("user_id", lambda n: of(n)),
            ("created_at", lambda n: "2025-11-01T00:00:00Z"),
            ("name", lambda n: of(n + 10)),
            ("email", lambda n: of(n + 11)),
            ("role", lambda n: "agent" if n % 7 == 0 else "customer"),
        ],
    }
    described = {"source": "export", "timezone": "UTC", "missing": [""], "files": {}}
    for place, (kind, fields) in enumerate(kinds.items()):
        names = columns[place * 40 : place * 40 + len(fields) + 3]
        with (folder / f"{kind}.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(names)
            for n in rows:
                writer.writerow([*(value(n) for _, value in fields), of(n), of(n + 1), of(n + 2)])
            if kind == "cases":  # three that cannot be read
                writer.writerows(
                    [f"bad {n}", f"unreadable {of(n)}", *[of(n)] * (len(names) - 2)]
                    for n in rows[:3]
                )
        described["files"][f"{kind}.csv"] = {
            "kind": kind,
            "key": names[0],
            "columns": {field: name for (field, _), name in zip(fields, names, strict=False)},
        } | ({"constants": {"channel": "email"}} if kind != "users" else {})
    (folder / "export.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def house(new_house, poisoner, delivery):
    """The night, begun where everything free is hostile; `said` is what it printed."""

    def faults(target: str, _: int) -> Fault:
        return Fault("", kind="body", change=poisoner)

    with serve(size=SIZE, present=DAY, faults=faults) as handle:
        made = new_house(more=handle.airflow_connections())
        files = f"{delivery / 'export.yml'}={delivery}/"
        code, said = at_a_terminal(
            ["make", "-C", str(ROOT), "nightly", f"DATE={DAY}", f"FILES={files}"], made.environ
        )
        assert code == 0, said[-6000:]
        made.said = said
        yield made


def everything(house) -> dict[str, tuple[list[str], list[tuple]]]:
    """Each table that readers have, as texts: its columns, its rows."""
    found = {}
    with psycopg.connect(postgres.cluster_of(house.home).url()) as conn:
        tables = conn.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('marts', 'private')"
        ).fetchall()
        for schema, table in tables:
            cursor = conn.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
            columns = [each.name for each in cursor.description]
            found[f"{schema}.{table}"] = columns, cursor.fetchall()
    return found


def said_by(house, *arguments: str, stdin: str | None = None) -> str:
    code, said = at_a_terminal(
        [sys.executable, "-m", "answerable.cli", *arguments],
        house.environ | {"PYTHONPATH": str(ROOT / "plugins")},
        stdin=stdin,
    )
    assert code == 0, said
    return said


def acting(said: str) -> set[str]:
    return set(hostile.ACTING.findall(OURS.sub("", said)))


def test_all_of_it_came_in(house, poisoner):
    assert set(poisoner.texts) - poisoner.used == set()
    tables = everything(house)
    columns, rows = tables["private.interaction_texts"]
    stored = {row[columns.index("text")] for row in rows}
    # to the letter, but for what PostgreSQL cannot hold
    wanted = [text for text in texts_of_files() if text.strip()]
    assert len(wanted) > 450 and set(wanted) - stored == set()
    columns, rows = tables["marts.fct_cases"]
    assert len([row for row in rows if row[0].startswith("export:")]) > 450
    for name in ("department", "team", "brand", "topic"):
        there = {row[columns.index(name)] for row in rows}
        assert sum(hostile.CANARY in str(each) for each in there) > 20, name
    # and it changed nothing of the warehouse
    with psycopg.connect(postgres.cluster_of(house.home).url()) as conn:
        found = conn.execute(
            "select relname::text from pg_class where relname like %s"
            " union all select rolname from pg_roles where rolname like %s",
            [f"%{hostile.CANARY}%"] * 2,
        ).fetchall()
        assert found == []
    assert [str(each) for each in house.home.rglob(f"*{hostile.CANARY}*")] == []


def test_what_cannot_be_read_is_counted_and_not_shown(house):
    said = said_by(house, "quarantine")
    assert "export.cases" in said and "3" in said
    assert acting(said) == set()
    assert "unreadable" not in said  # a column is named, as the file has it; what stands there not


def test_the_night_s_own_words_do_not_act(house):
    assert "Published" in house.said and hostile.CANARY not in house.said
    assert acting(house.said) == set()


@pytest.mark.parametrize("command", ["status", "sources", "thresholds", "exceptions"])
def test_a_command_s_words_do_not_act(house, command):
    hostile_words = [text for text in texts_of_files() if len(text) < 200][:400]
    with (
        psycopg.connect(postgres.cluster_of(house.home).url()) as conn,
        conn.transaction(force_rollback=False),
    ):
        conn.execute("delete from ops.accepted_exceptions")
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.accepted_exceptions (table_name, rule, most_rows, from_night,"
                " until_night, reason, owner) values ('fct_cases', 'ExpectNone', 1, '2025-01-01',"
                " '2027-01-01', %s, %s)",
                [(text, text) for text in hostile_words],
            )
        conn.execute("update ops.stream_runs set error = %s", [" ".join(hostile_words)])
    said = said_by(house, command)
    assert acting(said) == set()
    assert command in ("status", "thresholds") or hostile.CANARY in said


def test_a_case_and_a_customer_are_told_line_by_line(house):
    tables = everything(house)
    columns, rows = tables["marts.fct_cases"]
    keys = [row[columns.index("case_key")] for row in rows]
    longest = max((key for key in keys if key.startswith("export:")), key=len)
    for key in [longest, *[key for key in keys if "\x1b" in key][:2], keys[0]]:
        said = said_by(house, "explain", "case", key)
        assert acting(said) == set()
        assert "as of" in said
    columns, rows = tables["private.customer_identities"]
    picked = [
        row[columns.index("customer_key")]
        for row in rows
        if re.search("[\x1b\x9b\u202e]", " ".join(map(str, row)))
    ][:3]
    assert len(picked) == 3
    for key in picked:
        said = said_by(house, "customer", key, "--full")
        assert acting(said) == set() and "History" in said
    # somebody who is not there is named as they were asked for
    code, said = at_a_terminal(
        [sys.executable, "-m", "answerable.cli", "customer", "\x1b[2J\x9b8mnobody"],
        house.environ | {"PYTHONPATH": str(ROOT / "plugins")},
    )
    assert code == 1 and "nobody" in said and acting(said) == set()


def rows_of(house, query: str, *options: str) -> list[dict[str, str]]:
    done = subprocess.run(
        ["make", *options, "psql"],
        cwd=ROOT,
        env=house.environ,
        input=query.encode(),
        capture_output=True,
        check=True,
    )
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))


def test_csv_of_every_table_begins_no_formula_and_is_exact_on_request(house):
    csv.field_size_limit(2**31 - 1)
    role = {"marts": "ROLE=reader", "private": "ROLE=private"}
    changed = 0
    for table, (columns, rows) in everything(house).items():
        query = f"select to_jsonb(t)::text as row, t.* from {table} as t"
        harmless, exact = (
            rows_of(house, query, role[table.split(".")[0]], *options)
            for options in ((), ("EXACT=1",))
        )
        assert len(harmless) == len(exact) == len(rows), table
        for tamed, plain in zip(harmless, exact, strict=True):
            stored = json.loads(plain["row"])
            for name in columns:
                if isinstance(stored[name], str):
                    # an instant is written otherwise in JSON
                    assert plain[name] in (stored[name], stored[name].replace("T", " ", 1)), name
                assert tamed[name] == cell(plain[name]) or name == "row", (table, name)
                changed += tamed[name] != plain[name]
            assert not hostile.ACTING.search("".join(tamed.values()))
    assert changed > 1000


def test_logs_and_what_dbt_leaves_say_nothing_of_it(house):
    looked_at = 0
    for folder in ("logs", "dbt", "postgres/log", "airflow"):
        place = house.home / folder
        for path in [place, *place.rglob("*")]:
            if not path.is_file() or path.is_symlink() or path.suffix in (".msgpack", ".pyc"):
                continue
            text = path.read_bytes().decode("utf-8", "replace")
            looked_at += 1
            assert hostile.CANARY not in text, path
            assert "evil.invalid" not in text, path
            if path.suffix != ".gpickle":
                assert "\x9b" not in text and not re.search(r"\x1b(?!\[[0-9;]*m)", text), path
    assert looked_at > 5


def test_the_page_shows_texts_as_texts_and_a_browser_does_nothing_with_them(
    house, need_tool, tmp_path
):
    done = house.make("report")  # with the exceptions and errors of above
    assert done.returncode == 0, done.stdout + done.stderr
    file = house.home / "reports" / "latest.html"
    written = file.read_text(encoding="utf-8")
    assert not hostile.ACTING.search(written)
    page = Parsed(written)
    assert (
        page.tags & {"script", "iframe", "img", "object", "embed", "link", "base", "form"} == set()
    )
    named = {name for part in page.parts if isinstance(part, tuple) for name, _ in part[1]}
    assert not {name for name in named if name.startswith("on") or name in ("src", "srcset")}
    # each subject that is shown is that of its case
    columns, rows = everything(house)["marts.fct_cases"]
    of_case = defaultdict(set)  # cut and tamed, several keys look alike
    for row in rows:
        key, subject = (
            words.plain(row[columns.index(name)], longest)
            for name, longest in (("case_key", 60), ("subject_masked", 120))
        )
        of_case[" ".join(key.split())].add(" ".join(subject.split()))
    cells = re.findall(
        r'<th scope="row"><code>(.*?)</code></th><td class="text"><bdi>(.*?)</bdi>', written
    )
    shown = [tuple(Parsed(f"<p>{one}").texts for one in pair) for pair in cells]
    assert len(shown) > 20
    for (key,), subject in (pair for pair in shown if pair[0]):
        assert " ".join(subject) in of_case[key]
    assert sum(hostile.CANARY in str(subject) for _, subject in shown) > 5
    with Browser(need_tool("chromium"), tmp_path) as browser:
        found = browser.dom(file)
        assert browser.asked == []
        assert Parsed(found).parts == page.parts


def test_what_is_imported_as_policy_is_words_of_ours(house, tmp_path):
    folder = tmp_path / "policy"
    said = said_by(house, "policies", "import", "zendesk", "--into", str(folder))
    assert acting(said) == set()
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not hostile.ACTING.search(text), file
        if file.name in ("business_schedules.csv", "holidays.csv", "sla_policies.csv"):
            rows = list(csv.reader(io.StringIO(text)))
            assert [one for row in rows for one in row if one != cell(one)] == [], file
    assert (folder / "sla_policies.csv").stat().st_size > 100


def test_the_names_of_environment_are_nobody_s(house):
    """Nothing that ran left a file where templates and shells were asked to make one."""
    assert not (ROOT / hostile.CANARY).exists() and not (Path.home() / hostile.CANARY).exists()
    assert hostile.CANARY not in "".join(os.listdir(ROOT))
