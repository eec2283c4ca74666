"""What strangers wrote does nothing on a terminal, in a log and in a spreadsheet."""

import csv
import doctest
import io
import re

import hostile
import pytest
from rich.console import Console
from rich.table import Table

from answerable import foreign
from answerable.progress import stage
from answerable.runtime import display, tables
from answerable.warehouse.quarantine import Refused
from answerable.warehouse.streams import StreamState

CORPUS = hostile.corpus()
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # what the console itself says to a terminal


def test_the_examples_hold():
    results = doctest.testmod(foreign)
    assert results.failed == 0 and results.attempted >= 4


def test_there_are_many_hostile_texts_of_many_kinds():
    kinds = {kind.__name__: len(set(kind(hostile.AWAY))) for kind in hostile.KINDS}
    assert len(CORPUS) >= 500 and min(kinds.values()) >= 15 and len(kinds) == 10
    assert sum(bool(hostile.ACTING.search(text)) for text in CORPUS) > 150


@pytest.mark.parametrize("text", CORPUS, ids=lambda text: ascii(text[:30]))
def test_nothing_of_it_acts(text):
    tamed = foreign.tame(text)
    assert not hostile.ACTING.search(tamed)
    tamed.encode("utf-8")  # halves of characters can be written nowhere
    assert foreign.tame(tamed) == tamed
    line = foreign.one_line(text)
    assert not hostile.ACTING.search(line) and len(line.splitlines()) <= 1
    # all that is harmless stays
    assert [c for c in tamed if c.isalnum()] == [c for c in text if c.isalnum()]


def begins_a_formula(cell: str) -> bool:
    return bool(re.match(r"[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)) and not (
        cell.startswith("'") or re.fullmatch(r"[+-]?[0-9][0-9 .,:]*(e[+-]?[0-9]+)?%?", cell, re.I)
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_begins_a_formula_whatever_a_spreadsheet_takes_for_the_separator(delimiter):
    written = io.StringIO(newline="")
    csv.writer(written).writerows([number, foreign.cell(t), "x"] for number, t in enumerate(CORPUS))
    csv.field_size_limit(2**31 - 1)
    read = list(csv.reader(io.StringIO(written.getvalue(), newline=""), delimiter=delimiter))
    cells = [cell for row in read for cell in row]
    assert len(cells) > 400
    assert [cell for cell in cells if begins_a_formula(cell)] == []
    assert any(begins_a_formula(text) for text in CORPUS)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_the_console_shows_texts_and_nothing_of_them_acts(is_terminal, monkeypatch):
    out = io.StringIO()
    console = display.console()
    console.file, console._force_terminal = out, is_terminal
    short = [text for text in CORPUS if len(text) < 1000]
    assert len(short) > 500
    for text in short:
        console.print(text, markup=False)
    states = [
        StreamState(text[:20], text[:20], "failed", text, 1, 0, None, text, None, (text,))
        for text in short
    ]
    tables.show_streams(console, states)
    tables.show_refused(console, [Refused("s", "t", t, 1, None, [t]) for t in short])
    said = out.getvalue()
    assert not hostile.ACTING.search(COLOUR.sub("", said))
    assert said.count(hostile.CANARY) > 1000
    assert ":bomb:" in said  # what somebody wrote is no picture


def test_the_line_of_a_stage_that_is_named_after_something_hostile_does_not_act():
    out = io.StringIO()
    console = display.console()
    console.file, console._force_terminal = out, True
    with display.shown(console):
        for text in hostile.terminal(hostile.AWAY):
            with stage(f"land {text}") as this:
                this.count(state=text)
    moves = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")  # of the line that is written anew
    shown = moves.sub("", out.getvalue())
    assert not hostile.ACTING.search(shown)
    assert "\x1b]" not in out.getvalue() and "\x9b" not in out.getvalue()


def test_the_hook_is_what_tames():
    """The same without it acts: what the tests above look for would be seen."""
    out = io.StringIO()
    console = Console(file=out, width=100)
    table = Table("x")
    for text in hostile.terminal(hostile.AWAY):
        table.add_row(text)
    console.print(table)
    assert hostile.ACTING.search(out.getvalue())
