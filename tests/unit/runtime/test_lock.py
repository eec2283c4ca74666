"""One night at a time."""

import os
import subprocess
import sys

import pytest

from answerable.runtime.lock import Held, held

HOLD = """
import sys; sys.path.insert(0, "plugins")
from pathlib import Path
from answerable.runtime.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, request):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=request.config.rootpath,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_holder_is_told_who_holds_it_since_when(tmp_path, holder):
    before = (tmp_path / "lock").read_text()
    with (
        pytest.raises(Held, match=rf"process {holder.pid}, since 20\d\d-"),
        held(tmp_path / "lock"),
    ):
        pass
    assert (tmp_path / "lock").read_text() == before


def test_a_killed_holder_is_in_nobodys_way(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert str(holder.pid) in (tmp_path / "lock").read_text()
    with held(tmp_path / "lock"):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


def test_a_file_of_nonsense_is_a_lock_like_any(tmp_path):
    (tmp_path / "lock").write_text("nonsense")
    with held(tmp_path / "lock"), pytest.raises(Held), held(tmp_path / "lock"):
        pass
