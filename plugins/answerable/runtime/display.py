"""What a night shows: a line per stage when it ends, and the one under way while it lasts."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.markup import escape
from rich.segment import Segment
from rich.status import Status

from answerable.foreign import tame
from answerable.progress import Stage, listen


def console() -> Console:
    """A console on which nothing that it is given acts, whoever wrote it."""
    # no emoji: `:bomb:` in an error is what somebody wrote
    made = Console(soft_wrap=True, emoji=False, width=None if sys.stdout.isatty() else 160)
    made.push_render_hook(_Taming())
    return made


class _Taming(RenderHook):
    def process_renderables(
        self, renderables: Sequence[ConsoleRenderable]
    ) -> list[ConsoleRenderable]:
        return [_Tamed(each) for each in renderables]


class _Tamed:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            # the console's own moves of the cursor are no text
            yield segment if segment.control else Segment(tame(segment.text), segment.style)


def line(stage: Stage) -> str:
    """One stage as a line: `land zendesk.tickets   1,271 rows, 3 pages   1.2 s`."""
    said = ", ".join(_count(name, value) for name, value in stage.counts.items())
    end = f"{stage.seconds:6.1f} s" if stage.state != "running" else ""
    return f"{stage.name:<34}  {said:<56} {end}".rstrip()


def _count(name: str, value: int | str) -> str:
    words = name.replace("_", " ")
    return f"{value:,} {words}" if isinstance(value, int | float) else f"{words} {value}"


@contextmanager
def shown(console: Console) -> Iterator[None]:
    """Show all stages on `console` as long as the block lasts."""
    under_way: list[Stage] = []
    status: Status | None = None
    if console.is_terminal:
        status = console.status("")
        status.start()

    def on_change(stage: Stage) -> None:
        if stage.state == "running":
            if not any(each is stage for each in under_way):
                under_way.append(stage)
        else:
            under_way[:] = [each for each in under_way if each is not stage]
            mark = "[green]✓[/]" if stage.state == "done" else "[red]✗[/]"
            console.print(f"{mark} {escape(line(stage))}", highlight=False, soft_wrap=True)
        if status is not None:
            status.update(escape(tame(line(under_way[-1]))) if under_way else "")

    stop = listen(on_change)
    try:
        yield
    finally:
        stop()
        if status is not None:
            status.stop()


def since(started: float) -> str:
    seconds = time.monotonic() - started
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
