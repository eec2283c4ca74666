"""Bring .venv to what requirements.lock says. Runs on any Python in range, without a package.

Nothing happens when .venv is as the lock wants it. uv, itself a line of the lock, installs the
rest in seconds; where it cannot be had, pip does it. Both check every hash.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed"  # what was installed; gone while an installation is under way
COMMAND = """#!/bin/sh
bin=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH="$bin/../../plugins${PYTHONPATH:+:$PYTHONPATH}" exec "$bin/python" -m answerable.cli "$@"
"""


def main() -> int:
    keeper = ROOT / ".local" / "bootstrap.lock"
    keeper.parent.mkdir(exist_ok=True)
    with keeper.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # two calls of make at once: one installs, one waits
        wanted = what_is_wanted()
        if STAMP.exists() and STAMP.read_text() == wanted and runs(PYTHON):
            write_command()
            return 0
        started = time.monotonic()
        STAMP.unlink(missing_ok=True)
        if not runs(PYTHON) or version_of(PYTHON) != sys.version_info[:2]:
            say(f"making .venv with Python {'.'.join(map(str, sys.version_info[:3]))}")
            shutil.rmtree(VENV, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        say("installing requirements.lock into .venv")
        environ = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
        if not install_with_uv(environ):
            say("uv could not do it; pip can, in a minute or two")
            if not install_with_pip(LOCK, environ):
                say(
                    "requirements.lock could not be installed; what pip says above tells why. "
                    "Without access to PyPI, name your own index with PIP_INDEX_URL."
                )
                return 1
        write_command()
        STAMP.write_text(wanted)
        say(f"installed in {time.monotonic() - started:.0f} s")
    return 0


def write_command() -> None:
    """`.venv/bin/answerable`: the package is run from where it stands, so no installer makes it."""
    command = VENV / "bin" / "answerable"
    if not command.exists() or command.read_text() != COMMAND:
        command.write_text(COMMAND)
        command.chmod(0o755)


def what_is_wanted() -> str:
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{digest} {sys.version_info[0]}.{sys.version_info[1]}\n"


def install_with_uv(environ: dict[str, str]) -> bool:
    uv = VENV / "bin" / "uv"
    only_uv = VENV / "requirements-uv.lock"
    only_uv.write_text(lines_of("uv"))
    if not uv.exists() and not install_with_pip(only_uv, environ):
        return False
    command = [str(uv), "pip", "sync", "--require-hashes", "--quiet", "--python", str(PYTHON)]
    return subprocess.run([*command, str(LOCK)], env=as_uv_reads_it(environ)).returncode == 0


def install_with_pip(requirements: Path, environ: dict[str, str]) -> bool:
    if subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode:
        # a .venv that uv made has none
        subprocess.run([str(PYTHON), "-m", "ensurepip"], check=True, capture_output=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    return subprocess.run([*command, "-r", str(requirements)], env=environ).returncode == 0


def lines_of(package: str) -> str:
    """The lines of the lock that pin one package, hashes and all."""
    lines: list[str] = []
    for line in LOCK.read_text().splitlines():
        if line.startswith(f"{package}==") or (lines and line.startswith("    --hash")):
            lines.append(line)
        elif lines:
            break
    return "\n".join(lines) + "\n"


def as_uv_reads_it(environ: dict[str, str]) -> dict[str, str]:
    """uv does not read pip's settings: tell it the index and certificates that pip is to use."""
    found = dict(environ)
    listing = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], env=environ, capture_output=True, text=True
    ).stdout
    options: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        options[name.rpartition(".")[2]] = value.strip("'\"").replace("\\n", " ").strip()
    for option, variable in (
        ("index-url", "UV_DEFAULT_INDEX"),
        ("extra-index-url", "UV_INDEX"),
        ("find-links", "UV_FIND_LINKS"),
        ("cert", "SSL_CERT_FILE"),
    ):
        if options.get(option):
            separator = "," if option == "find-links" else " "
            found.setdefault(variable, separator.join(options[option].split()))
    found.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # pip's own; hashes decide anyway
    found.setdefault("UV_PYTHON_DOWNLOADS", "never")
    found.setdefault("UV_LINK_MODE", "copy" if not has_home(environ) else "hardlink")
    if not has_home(environ):
        found.setdefault("UV_CACHE_DIR", str(ROOT / ".local" / "uv-cache"))
    return found


def has_home(environ: dict[str, str]) -> bool:
    home = environ.get("HOME")
    return bool(home) and os.path.isdir(home) and os.access(home, os.W_OK)


def runs(python: Path) -> bool:
    return python.exists() and version_of(python) is not None


def version_of(python: Path) -> "tuple[int, int] | None":
    program = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", program], capture_output=True, text=True)
    except OSError:
        return None
    if done.returncode != 0:
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
