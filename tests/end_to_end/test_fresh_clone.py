"""A stranger's machine: a fresh clone, an empty home folder, nothing installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from houses import House

from answerable.settings import ROOT

pytestmark = pytest.mark.slow

NOBODY = 65534


@pytest.fixture
def clone() -> Iterator[Path]:
    """A clone of what is committed, in a folder that any user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="clone-"))
    folder.chmod(0o755)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder / "main")], check=True)
    (folder / "home").mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def own(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def house_in(clone: Path, *, user: int | None = None, **more: str) -> House:
    return House(
        clone / "main" / ".local",
        root=clone / "main",
        user=user,
        more={"HOME": str(clone / "home"), **more},
    )


def a_night_and_the_quick_tests(house: House, python: str = "") -> None:
    named = [f"PYTHON={python}"] if python else []
    try:
        done = house.make("nightly", "DATE=2025-12-11", *named)
        assert done.returncode == 0, done.stdout + done.stderr
        assert house.query("select as_of from publication") == [{"as_of": "2025-12-11 00:00:00"}]
        tested = house.make("test", "ARGS=-x tests/unit tests/dags tests/warehouse", *named)
        assert tested.returncode == 0, tested.stdout + tested.stderr
    finally:
        house.stop()


def test_as_who_we_are(clone):
    a_night_and_the_quick_tests(house_in(clone))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can call make as somebody else")
def test_as_an_ordinary_user(clone):
    own(clone, NOBODY)
    path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if can_enter(p))
    a_night_and_the_quick_tests(house_in(clone, user=NOBODY, PATH=path))
    owners = {path.lstat().st_uid for path in (clone / "main" / ".local").rglob("*")}
    assert owners == {NOBODY}


def can_enter(folder: str) -> bool:
    """Whether everybody may look into a folder of PATH."""
    path = Path(folder)
    return path.is_dir() and all(p.stat().st_mode & 0o001 for p in (path, *path.parents))


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_on_python(clone, version, need_tool):
    a_night_and_the_quick_tests(house_in(clone), python=python_of(version, need_tool))


def python_of(version: str, need_tool) -> str:
    """A Python of that version that runs: pyenv's shims may not."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for candidate in (f"python{version}", *pyenv.glob(f"{version}*/bin/python{version}")):
        try:
            if subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
                return str(candidate)
        except FileNotFoundError:
            continue
    return need_tool(f"python{version}")
