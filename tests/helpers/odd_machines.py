"""What can be wrong with the machine that a night runs on; called in the night's own process."""

import importlib
import random
import socket
import tempfile
import time
from datetime import datetime, timedelta
from typing import Any

OURS = ("answerable.landing", "answerable.pipeline", "answerable.sources.http")


def clock_off_by(seconds: int) -> None:
    """Its clock is fast or slow by as much."""
    _replace(lambda: seconds)


def clock_jumping(seed: int) -> None:
    """Each look at its clock finds it two hours off, or right."""
    chance = random.Random(seed)
    _replace(lambda: chance.choice([-7200, 0, 7200]))


def _replace(seconds_off: Any) -> None:
    real = time.time

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds_off())

    time.time = lambda: real() + seconds_off()
    for name in OURS:
        module = importlib.import_module(name)
        if hasattr(module, "datetime"):
            module.datetime = Wrong  # type: ignore[attr-defined]


def names_unknown(host: str, times: int) -> None:
    """So many times nobody knows where a host is."""
    known, failed = socket.getaddrinfo, [0]

    def resolve(asked: Any, *args: Any, **kwargs: Any) -> Any:
        if asked == host and failed[0] < times:
            failed[0] += 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return known("127.0.0.1" if asked == host else asked, *args, **kwargs)

    socket.getaddrinfo = resolve


def temporary_files_in(folder: str) -> None:
    """They come there and nowhere else: Python looks for another folder where one is full."""
    tempfile.tempdir = folder
