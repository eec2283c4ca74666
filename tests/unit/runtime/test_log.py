"""Where the words of a night go: ours to the console, all others to its log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from answerable.runtime import night
from answerable.settings import ROOT

PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from rich.console import Console
from answerable.runtime import night

console = Console()
print("before")
with night.output_to(Path(sys.argv[1]), console):
    for number in range(int(sys.argv[2])):
        print("by print")
        print("in error", file=sys.stderr)
        sys.stdout.buffer.write(b"as bytes\\n")
        subprocess.run(["echo", "of a child"], check=False)
        sys.stdout.flush()
    console.print("to people")
print("afterwards")
"""


def said(log: Path, times: int) -> str:
    """What a program says beside its log, in a process of its own: pytest's has other streams."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(log), str(times)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_log_has_everything_in_order_and_people_what_is_theirs(tmp_path):
    log = tmp_path / "night.log"
    assert said(log, 2) == "before\nto people\nafterwards\n"
    once = ["by print", "in error", "as bytes", "of a child"]
    assert log.read_text(encoding="utf-8").splitlines() == once * 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_that_takes_nothing_stops_nothing():
    """Its disk is full: what is said is lost, and no error waits in a buffer for the end."""
    assert said(Path("/dev/full"), 3) == "before\nto people\nafterwards\n"


def test_any_other_trouble_with_the_log_is_told():
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        night._forgiving(write).write("to nobody")
    os.close(write)
