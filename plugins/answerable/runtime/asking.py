"""psql for people, and its answers as CSV for spreadsheets and programs."""

import csv
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from answerable.foreign import cell, tame

LARGEST_CELL = 2**31 - 1


def at_a_terminal(program: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Become psql. Its tables show control characters as \\x1B."""
    os.execve(program, [str(program), *arguments], dict(environ))


def as_csv(
    program: Path, arguments: Sequence[str], environ: Mapping[str, str], *, is_exact: bool
) -> int:
    """Run the SQL on standard input, write its results as CSV, give psql's exit code.

    Unless `is_exact`, a cell acts neither in a spreadsheet nor in a terminal.
    """
    command = [str(program), *arguments, "--csv", "--quiet", "--file=-"]
    if is_exact and not sys.stdout.isatty():
        os.execve(program, command, dict(environ))
    process = subprocess.Popen(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    complaints = threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True)
    complaints.start()
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
    try:
        _tamed(io.TextIOWrapper(process.stdout, encoding="utf-8", newline=""), out)
        out.flush()
    except BrokenPipeError:  # `| head` has seen enough
        process.terminate()
        process.wait()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        process.wait()
        return 128 + signal.SIGINT
    complaints.join()
    return process.wait()


def _tamed(rows: IO[str], out: IO[str]) -> None:
    csv.field_size_limit(LARGEST_CELL)
    writer = csv.writer(out, lineterminator="\n")
    for row in csv.reader(rows):
        writer.writerow([cell(each) for each in row])


def _pass_on(complaints: IO[bytes]) -> None:
    """What psql says of errors, which may quote a value."""
    for line in io.TextIOWrapper(complaints, encoding="utf-8", errors="replace"):
        sys.stderr.write(tame(line))
        sys.stderr.flush()
