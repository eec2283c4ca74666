"""`answerable psql`: cells that act neither in a terminal nor in a spreadsheet, or as they are."""

import csv
import io
import os
import subprocess
import sys

import hostile
import psycopg
import pytest
from terminals import at_a_terminal

from answerable.foreign import cell

ASK = [sys.executable, "-m", "answerable.cli", "psql", "--role", "owner"]
QUERY = "select number, said, -number as less from said order by number"
# what PostgreSQL holds: no NUL, no half of a character
TEXTS = [text.replace("\x00", "").encode("utf-8", "replace").decode() for text in hostile.corpus()]


@pytest.fixture
def said(warehouse: psycopg.Connection) -> list[str]:
    warehouse.execute("create table said (number integer, said text)")
    with warehouse.cursor() as cursor:
        cursor.executemany("insert into said values (%s, %s)", list(enumerate(TEXTS)))
    warehouse.commit()
    return TEXTS


def ask(query: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([*ASK, *options], input=query.encode(), capture_output=True, timeout=60)


def rows(data: bytes) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def test_csv_is_harmless_and_says_all(said):
    done = ask(f"{QUERY}; select null as nothing, '' as empty, 1 as one;")
    assert done.returncode == 0 and done.stderr == b""
    assert not hostile.ACTING.search(done.stdout.decode())
    (head, *found, second, last) = rows(done.stdout)
    assert head == ["number", "said", "less"]
    assert found == [[str(n), cell(text), str(-n)] for n, text in enumerate(said)]
    assert [second, last] == [["nothing", "empty", "one"], ["", "", "1"]]
    assert sum(row[1] != text for row, text in zip(found, said, strict=True)) > 100


def test_exact_csv_is_as_it_is_stored(said):
    done = ask(QUERY, "--exact")
    assert done.returncode == 0
    assert rows(done.stdout)[1:] == [[str(n), text, str(-n)] for n, text in enumerate(said)]


def test_a_terminal_gets_no_cell_as_it_is(said):
    code, seen = at_a_terminal([*ASK, "--exact"], os.environ, stdin=QUERY)
    assert code == 0 and hostile.CANARY in seen
    assert not hostile.ACTING.search(seen.replace("\r\n", "\n"))


def test_psql_itself_shows_control_characters_at_a_terminal(said):
    query = "select said from said where length(said) < 1000"
    code, seen = at_a_terminal([*ASK, "-c", query], os.environ)
    assert code == 0 and hostile.CANARY in seen
    assert "\\x1B[31m" in seen
    assert not {
        c for c in seen.replace("\r\n", "\n") if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")
    }


def test_what_psql_says_of_an_error_does_not_act(said):
    done = ask("select said::integer from said where said like '%' || chr(27) || '%'")
    assert done.returncode == 3
    complaint = done.stderr.decode()
    assert "invalid input syntax for type integer" in complaint and hostile.CANARY in complaint
    assert not hostile.ACTING.search(complaint)


def test_who_has_seen_enough_may_leave(said):
    with subprocess.Popen(
        ASK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(b"select generate_series(1, 2000000)")
        process.stdin.close()
        assert process.stdout.readline() == b"generate_series\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
