"""Where customer data comes from: sources as descriptions. Adding one adds a row to KINDS."""

from answerable.sources import x, zendesk
from answerable.sources.connection import Connection
from answerable.sources.errors import SourceError, SpecError
from answerable.sources.stream import Stream

KINDS: dict[str, tuple[Stream, ...]] = {"zendesk": zendesk.STREAMS, "x": x.STREAMS}

__all__ = ["KINDS", "Connection", "SourceError", "SpecError", "Stream", "stream", "streams_of"]


def _of_kind(kind: str) -> tuple[Stream, ...]:
    if kind not in KINDS:
        raise SpecError(f"unknown kind of source {kind!r}; known: {', '.join(KINDS)}")
    return KINDS[kind]


def streams_of(connection: Connection) -> tuple[Stream, ...]:
    """The streams that are walked; those that a walk brings along are not among them."""
    return tuple(each for each in _of_kind(connection.kind) if not each.walked_with)


def stream(kind: str, name: str) -> Stream:
    """The description of one stream. Raises SpecError when there is none."""
    for each in _of_kind(kind):
        if each.name == name:
            return each
    raise SpecError(f"{kind} has no stream {name!r}; it has {[s.name for s in KINDS[kind]]}")
