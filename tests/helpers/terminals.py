"""What a program shows to somebody who sits at a terminal."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress


def at_a_terminal(
    command: Sequence[str], environ: Mapping[str, str], *, stdin: str | None = None
) -> tuple[int, str]:
    """Run it with a terminal for its output, and for its input unless that is given."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env=dict(environ) | {"TERM": "xterm", "PAGER": "cat", "COLUMNS": "160", "LINES": "50"},
        stdin=theirs if stdin is None else subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    if stdin is not None:
        process.stdin.write(stdin.encode())
        process.stdin.close()
    seen = b""
    with suppress(OSError):  # the other end is closed
        while data := os.read(ours, 1 << 16):
            seen += data
    os.close(ours)
    return process.wait(), seen.decode("utf-8", "backslashreplace")
