"""Progress of long work: each stage says what it did, with counts and times.

The package reports; whoever runs it decides how it is shown (`listen`). Nobody listening is fine.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Stage:
    """One piece of work. `counts` is what it did so far, in words: {"rows": 271, "pages": 3}."""

    name: str
    counts: dict[str, int | str] = field(default_factory=dict)
    seconds: float = 0.0
    state: str = "running"  # running, done, failed

    def count(self, **counts: int | str) -> None:
        self.counts.update(counts)
        _tell(self)


_listeners: list[Callable[[Stage], None]] = []
_telling = threading.RLock()  # streams are walked in threads; listeners need not know


def listen(listener: Callable[[Stage], None]) -> Callable[[], None]:
    """Have `listener` called on each change of a stage; returns what ends that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def _tell(stage: Stage) -> None:
    with _telling:
        for listener in list(_listeners):
            listener(stage)


@contextmanager
def stage(name: str) -> Iterator[Stage]:
    """Report a piece of work: `with stage("land zendesk.tickets") as s: ...; s.count(rows=271)`."""
    this = Stage(name)
    started = time.monotonic()
    _tell(this)
    try:
        yield this
    except BaseException:
        this.state = "failed"
        raise
    else:
        this.state = "done"
    finally:
        this.seconds = time.monotonic() - started
        _tell(this)
        # a line for programs: counts and times, never what customers wrote or who they are
        told = {"stage": name, "state": this.state, "seconds": round(this.seconds, 3)}
        log.info("%s", json.dumps(told | {"counts": this.counts}))
