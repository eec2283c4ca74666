"""From a bare machine to a virtual environment: which Python, which index, which hashes."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from answerable.settings import ROOT

FIND = ROOT / "scripts" / "find-python"
FAILS = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"


@pytest.fixture
def bootstrap():
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find(folder: Path, named: str | None = None, **programs: str) -> subprocess.CompletedProcess:
    for name, text in programs.items():
        file = folder / name.replace("_", ".")
        file.write_text(text)
        file.chmod(0o755)
    environ = {"PATH": str(folder)} | ({"PYTHON": named} if named else {})
    return subprocess.run(
        ["/bin/sh", str(FIND)], env=environ, capture_output=True, text=True, cwd=folder
    )


def works() -> str:
    return f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'


def claims(version: str) -> str:
    """A Python that says it is of another version."""
    return (
        f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python {version}' && exit 0\n"
        f'exec "{sys.executable}" -c "import sys; sys.version_info = '
        f'({version.replace(".", ", ")}, 0, \'final\', 0); exec(sys.argv[1])" "$2"\n'
    )


@pytest.fixture
def path(tmp_path):
    # what the script itself calls
    for program in ("head", "cat"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    return tmp_path


def test_a_shim_that_does_not_run_is_passed_over(path):
    done = find(path, python3_13=FAILS, python3_12=FAILS, python3_11=works(), python3=works())
    assert (done.returncode, done.stdout) == (0, "python3.11\n")


def test_python3_is_taken_only_where_its_version_is_in_range(path):
    assert find(path, python3=claims("3.14.0")).returncode == 1
    assert find(path, python3=claims("3.10.9")).returncode == 1
    assert find(path, python3=claims("3.13.2")).stdout == "python3\n"


def test_without_any_the_error_says_what_to_install(path):
    done = find(path, python3_13=FAILS)
    assert done.returncode == 1 and "apt install python3 python3-venv" in done.stderr


def test_a_named_python_out_of_range_is_refused_by_what_it_is(path):
    done = find(path, named="oldpython", oldpython=claims("3.9.1"), python3=works())
    assert done.returncode == 1
    assert "PYTHON=oldpython" in done.stderr and "Python 3.9.1" in done.stderr


def test_a_named_python_in_range_wins(path):
    done = find(path, named="mine", mine=works(), python3_13=works())
    assert (done.returncode, done.stdout) == (0, "mine\n")


def test_every_line_of_the_lock_is_pinned_and_hashed_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "--index-url" not in text and "--find-links" not in text
    entries = [e for e in text.replace("\\\n", " ").splitlines() if e and e[0] not in " #"]
    assert len(entries) > 150
    assert [e[:40] for e in entries if "==" not in e or "--hash=sha256:" not in e] == []


def test_direct_dependencies_are_all_in_the_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[=<>; ]", d)[0].lower() for d in project["dependencies"]}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    assert names - locked == set()


def test_uv_is_cut_out_of_the_lock_with_its_hashes_and_nothing_else(bootstrap):
    lines = bootstrap.lines_of("uv").splitlines()
    assert lines[0].startswith("uv==") and len(lines) > 5
    assert all(line.startswith("    --hash=sha256:") for line in lines[1:])
    assert not lines[-1].endswith("\\")


@pytest.fixture
def pip_says(monkeypatch):
    def say(text: str) -> None:
        done = subprocess.CompletedProcess([], 0, stdout=text)
        monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: done)

    return say


def test_uv_is_told_what_pip_was_told(bootstrap, pip_says, tmp_path):
    pip_says(
        "global.cert='/certs.pem'\n"
        "global.extra-index-url='\\nfile:///one\\nfile:///two'\n"
        "global.find-links='/wheels'\n"
        "global.index-url='file:///main'\n"
        ":env:.disable-pip-version-check='1'\n"
    )
    found = bootstrap.as_uv_reads_it({"HOME": str(tmp_path)})
    assert found["UV_DEFAULT_INDEX"] == "file:///main"
    assert found["UV_INDEX"] == "file:///one file:///two"
    assert found["UV_FIND_LINKS"] == "/wheels"
    assert found["SSL_CERT_FILE"] == "/certs.pem"
    # what the user says to uv itself counts for more
    mine = bootstrap.as_uv_reads_it({"UV_DEFAULT_INDEX": "file:///mine"})
    assert mine["UV_DEFAULT_INDEX"] == "file:///mine"


def test_without_a_home_the_cache_stays_in_the_checkout(bootstrap, pip_says, tmp_path):
    pip_says("")
    found = bootstrap.as_uv_reads_it({"HOME": str(tmp_path / "none")})
    assert found["UV_CACHE_DIR"] == str(ROOT / ".local" / "uv-cache")
    assert "UV_CACHE_DIR" not in bootstrap.as_uv_reads_it({"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "target", ["nightly", "test", "test-all", "up", "down", "psql", "lint", "bench", "clean"]
)
def test_make_help_lists_the_target(target):
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert [line for line in said.splitlines() if line.startswith(f"make {target} ")]


def test_the_command_runs_from_any_folder(bootstrap, tmp_path, monkeypatch):
    """The launcher finds the package beside its own environment, wherever it is called from."""
    (tmp_path / "bin").mkdir(parents=True)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    bootstrap.write_command()
    told = tmp_path / "bin" / "python"
    told.write_text('#!/bin/sh\necho "$PYTHONPATH" "$@"\n')
    told.chmod(0o755)
    said = subprocess.run(
        [tmp_path / "bin" / "answerable", "nightly", "--date", "2026-03-01"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    ).stdout
    assert said == f"{tmp_path}/bin/../../plugins -m answerable.cli nightly --date 2026-03-01\n"
