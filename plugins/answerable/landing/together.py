"""Several walks at the same time, as many as their source takes and in the order that it wants."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PATIENCE = 10.0  # seconds that walks get to end when the night is interrupted


def together(
    names: Sequence[str],
    after: Mapping[str, Sequence[str]],
    most: int,
    work: Callable[[str], Any],
    stop: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Do `work` for each name, at most `most` at a time; gives what came of each, errors too.

    The first names come first, but for those that wait until others (`after`) have ended, well or
    not. Interrupted, all are told to `stop` and waited for a little.
    """
    waiting = list(names)
    ended: dict[str, Any] = {}
    change = threading.Condition()

    def next_one() -> str | None:
        for name in waiting:
            if all(each in ended or each not in names for each in after.get(name, ())):
                return name
        # two that wait for each other: one has to begin
        return waiting[0] if waiting and len(waiting) + len(ended) == len(names) else None

    def worker() -> None:
        while True:
            with change:
                change.wait_for(lambda: not waiting or next_one() is not None)
                name = next_one()
                if name is None:
                    return
                waiting.remove(name)
            try:
                result = work(name)
            except BaseException as error:
                result = error
            with change:
                ended[name] = result
                if _is_our_end(result):
                    waiting.clear()
                change.notify_all()

    if most == 1:  # without threads an interruption comes where the work is
        while (name := next_one()) is not None:
            waiting.remove(name)
            try:
                ended[name] = work(name)
            except Exception as error:
                ended[name] = error
        return ended
    # daemons: a walk that does not end in time must not keep the process
    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(most, len(names)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        with change:
            waiting.clear()
            change.notify_all()
        stop()
        for thread in threads:
            thread.join(PATIENCE)
        raise
    for result in ended.values():
        if _is_our_end(result):
            raise result
    return ended


def _is_our_end(result: Any) -> bool:
    return isinstance(result, BaseException) and not isinstance(result, Exception)
