"""Which messages are one thread, from links to parents: the same whatever their order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message and the one it replies to, where there is one."""

    key: str
    parent_key: str | None
    conversation_key: str | None  # the source's own, where it has such a thing
    is_inbound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Where a message stands: its conversation, and the customer's message that it answers."""

    key: str
    conversation_key: str
    answers_key: str | None


def threads(messages: Mapping[str, Message]) -> Iterator[Thread]:
    """Each message with its conversation: the source's own, else the first message of its chain.

    An outbound message answers its nearest inbound ancestor. A chain that bites its own tail
    ends where it would begin again.
    """
    roots: dict[str, str] = {}
    answers: dict[str, str | None] = {}  # nearest inbound message from here upwards, this included
    for key in messages:
        path: list[str] = []
        on_path: set[str] = set()
        at = key
        while at not in roots:
            path.append(at)
            on_path.add(at)
            above = messages[at].parent_key
            if above is None or above not in messages or above in on_path:
                roots[at] = at
                answers[at] = at if messages[at].is_inbound else None
                break
            at = above
        for below in reversed(path):
            if below in roots:
                continue
            above = messages[below].parent_key
            roots[below] = roots[above]
            answers[below] = below if messages[below].is_inbound else answers[above]
    for key, message in messages.items():
        yield Thread(
            key=key,
            conversation_key=message.conversation_key or roots[key],
            answers_key=None if message.is_inbound else answers[key],
        )
