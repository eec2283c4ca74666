"""A JSON body in its source's own characters.

Records are landed as the source wrote them, to the letter: no id goes through a float, no
number is rounded, no duplicate key disappears, and one record that nothing can parse does not
take its page with it. So a body is cut, not parsed; only what decides about paging is parsed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_decoder = json.JSONDecoder()
_space = re.compile(r"[ \t\n\r]*")
_token = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_key = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class NotJson(ValueError):
    """The text is not the JSON that it should be. Says where, never what it says there."""


def _skip(text: str, at: int) -> int:
    return _space.match(text, at).end()  # type: ignore[union-attr]  # matches the empty string


def _end_of_value(text: str, at: int) -> int:
    """Where the JSON value that starts at `at` ends."""
    try:
        return _decoder.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON at character {error.pos}") from None
    except (RecursionError, ValueError):
        # nested deeper, or a number longer, than Python reads: JSON all the same
        return _end_by_brackets(text, at)


def _end_by_brackets(text: str, at: int) -> int:
    if text[at] not in "[{":
        match = re.compile(r"[^,\]}\s]+").match(text, at)
        if not match:
            raise NotJson(f"not JSON at character {at}")
        return match.end()
    depth = 0
    for match in _token.finditer(text, at):
        token = match.group()
        if token in "[{":
            depth += 1
        elif token in "]}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise NotJson(f"the value that starts at character {at} does not end")


def members(text: str) -> dict[str, str]:
    """The members of a JSON object, each value as the text that it is; a repeated key: the last.

    Raises NotJson when the text is not one JSON object and nothing else.
    """
    found, end = _members(text)
    if _skip(text, end) != len(text):
        raise NotJson("something follows the JSON object")
    return found


def _members(text: str) -> tuple[dict[str, str], int]:
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise NotJson("expected a JSON object")
    found: dict[str, str] = {}
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        match = _key.match(text, at)
        if not match:
            raise NotJson(f"expected a key at character {at}")
        try:
            key = json.loads(match.group())
        except ValueError:
            raise NotJson(f"not a key at character {at}") from None
        at = _skip(text, match.end())
        if text[at : at + 1] != ":":
            raise NotJson(f"expected ':' at character {at}")
        start = _skip(text, at + 1)
        if start >= len(text):
            raise NotJson("the text ends where a value should start")
        end = _end_of_value(text, start)
        found[key] = text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return found, at + 1
        if text[at : at + 1] != ",":
            raise NotJson(f"expected ',' or '}}' at character {at}")
        at = _skip(text, at + 1)


def elements(text: str) -> list[str]:
    """The elements of a JSON array, each as the text that it is."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise NotJson("expected a JSON array")
    found: list[str] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found
    while True:
        if at >= len(text):
            raise NotJson("the text ends where an element should start")
        end = _end_of_value(text, at)
        found.append(text[at:end])
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return found
        if text[at : at + 1] != ",":
            raise NotJson(f"expected ',' or ']' at character {at}")
        at = _skip(text, at + 1)


def with_member(record: str, name: str, value: str) -> str:
    """The object `record` with one more member at its end; what is no object stays as it is."""
    bare = record.rstrip(" \t\n\r")
    if not (bare.startswith("{") and bare.endswith("}")):
        return record
    inner = bare[1:-1].strip(" \t\n\r")
    comma = "," if inner else ""
    return f"{bare[:-1]}{comma}{json.dumps(name)}:{value}}}"


@dataclass(frozen=True, slots=True)
class Body:
    """One answer: its top-level members as texts."""

    parts: Mapping[str, str]
    at: float | None = None  # when it was given, by the source's own clock, seconds since 1970

    @classmethod
    def read(cls, text: str, at: float | None = None) -> "Body":
        """Raises NotJson when the text is not one JSON object and nothing else."""
        return cls(members(text), at)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Body":
        return cls.read(json.dumps(value))

    def value(self, name: str) -> Any:
        """The member parsed, None where it is absent. Not for records."""
        text = self.parts.get(name)
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            raise NotJson(f"cannot read {name!r}") from None

    def texts(self, name: str) -> list[str]:
        """The texts of the elements of an array; absent or null is no element."""
        text = self.parts.get(name)
        return [] if text is None or text == "null" else elements(text)

    def objects(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """The elements of an array that are objects we can read, each as text and parsed."""
        return [(text, found) for text in self.texts(name) if (found := parsed(text)) is not None]

    def inner(self, name: str) -> "Body":
        text = self.parts.get(name)
        return Body({}) if text is None or text == "null" else Body(members(text))


def parsed(record: str) -> dict[str, Any] | None:
    """The record as an object; None where it is none or cannot be read, then it stays as it is."""
    try:
        value = json.loads(record)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
