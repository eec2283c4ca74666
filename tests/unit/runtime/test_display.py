"""What a night shows while it runs."""

import io

import pytest
from rich.console import Console

from answerable.progress import stage
from answerable.runtime import display


def shown(work, **options) -> list[str]:
    console = Console(file=io.StringIO(), width=120, **options)
    with display.shown(console):
        work()
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_each_stage_is_a_line_with_counts_when_it_ends():
    def work():
        with stage("load [x].mentions") as this:
            this.count(rows=1271)
            this.count(rows=2542, state="landed")

    lines = shown(work)
    assert len(lines) == 1
    assert lines[0].startswith("✓ load [x].mentions 2,542 rows, state landed 0.")


def test_a_stage_that_fails_is_marked_and_nothing_is_shown_once_the_block_ended():
    def work():
        with pytest.raises(ValueError), stage("check"):
            raise ValueError

    assert shown(work)[0].startswith("✗ check")
    console = Console(file=io.StringIO())
    with display.shown(console):
        pass
    with stage("later"):
        pass
    assert console.file.getvalue() == ""


def test_stages_within_stages_are_told_in_the_order_in_which_they_end():
    def work():
        with stage("outer"), stage("inner"):
            pass

    assert [line.split()[1] for line in shown(work)] == ["inner", "outer"]


def test_a_terminal_is_left_clean():
    def work():
        with stage("plan"):
            pass

    assert any("plan" in line for line in shown(work, force_terminal=True))
