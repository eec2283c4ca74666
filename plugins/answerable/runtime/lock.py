"""One night at a time on this machine."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


class Held(RuntimeError):
    """Another process holds the lock; the text says which and since when."""


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold the lock as long as the block lasts; the system lets go of it when we die.

    Raises Held at once where another process has it. What is in the file is for people; the lock
    itself is the system's, so a file left by a killed night is in nobody's way.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(_told(file)) from None
        handle.truncate(0)
        json.dump(
            {
                "pid": os.getpid(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
                "answerable": "nightly",
            },
            handle,
        )
        handle.flush()
        yield
        handle.truncate(0)


def _told(file: Path) -> str:
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        return f"process {holder['pid']}, since {holder['since']} (lock {file})"
    except (ValueError, KeyError):
        return f"a process that has just begun (lock {file})"
