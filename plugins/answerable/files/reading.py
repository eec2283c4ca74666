"""Rows of a described export, one after the other, each either ours or refused with the reason."""

import csv
import difflib
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from answerable.files import moments
from answerable.files.description import NUMBER, Description, Field
from answerable.files.kinds import ANY_OF, STATUSES, TOGETHER
from answerable.files.moments import Moment, Unreadable
from answerable.foreign import one_line
from answerable.sources.errors import SpecError

LARGEST_FIELD = 16 * 1024 * 1024
DAMAGED = (EOFError, OSError, zlib.error)  # what a packed file raises that is not what it was
_escaped = re.compile("[\udc80-\udcff]")  # bytes that were no text of the encoding
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be read: the reason, and the column and value where there is one."""

    reason: str
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `number` counts records, `line` is where it starts; both from 1."""

    number: int
    line: int
    text: str  # as it stands in the file
    payload: dict[str, Any] | None
    key: str | None
    problem: Problem | None = None


@dataclass
class Notes:
    """What was odd but readable."""

    counts: Counter[str] = field(default_factory=Counter)


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Lines:
    """Hands lines to the CSV reader and remembers which ones the current record is made of."""

    def __init__(self, handle: Iterator[str]) -> None:
        self._handle = handle
        self.record: list[str] = []
        self.count = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._handle)
        self.record.append(line)
        self.count += 1
        return line


@contextmanager
def opened(description: Description, handle: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    """The text of a file, packed or not.

    Lines end at a line feed and nowhere else: a carriage return may stand inside of a text.
    """
    head = handle.read(2)
    handle.seek(0)
    unpacked = gzip.GzipFile(fileobj=handle) if head == b"\x1f\x8b" else handle
    text = io.TextIOWrapper(
        unpacked,  # type: ignore[arg-type]
        encoding=description.encoding,
        errors="surrogateescape",
        newline="\n",
    )
    try:
        yield text
    finally:
        text.detach()


def rows(
    description: Description, handle: IO[bytes], file: str, notes: Notes | None = None
) -> Iterator[Row]:
    """All records of the file in their order. Raises SpecError when its columns are not those
    that the description names."""
    notes = notes or Notes()
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FIELD))
    with opened(description, handle) as text:
        lines = _Lines(text)
        reader = csv.reader(
            lines,
            delimiter=description.delimiter,
            quotechar=description.quote,
            strict=description.is_strict,
        )
        try:
            header = _header(description, reader, file)
        except DAMAGED as error:
            raise SpecError(f"{file}: broken off or damaged in its first line") from error
        read = _compiled(description, header, notes)
        keys = [header.index(column) for column in description.key]
        number = 0
        while True:
            lines.record.clear()
            line = lines.count + 1
            values: list[str] = []
            problem = payload = key = None
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = Problem(f"not CSV: {error}")
            except DAMAGED as error:
                raise SpecError(f"{file}: broken off or damaged after line {line - 1}") from error
            if not values and problem is None:
                continue  # an empty line is no record
            number += 1
            whole = "".join(lines.record)
            if problem is None and len(values) != len(header):
                problem = Problem(f"{len(values)} values, the header has {len(header)} columns")
            if problem is None and not whole.isascii() and _escaped.search(whole):
                problem = Problem(f"not {description.encoding.removesuffix('-sig')}")
            if problem is None:
                try:
                    payload = read(values, number)
                    key = "|".join(values[at] for at in keys) if keys else None
                    if keys and not all(values[at] for at in keys):
                        raise _Refused(Problem("no value in the key", description.key[0], ""))
                    if key is not None and len(key) > 500:
                        raise _Refused(Problem("the key is too long", description.key[0]))
                except _Refused as refused:
                    payload, problem = None, refused.problem
            yield Row(number, line, whole, payload, key, problem)


def count(description: Description, path: Path) -> int:
    """How many records a file has, its columns checked. Raises SpecError."""
    try:
        with path.open("rb") as handle, opened(description, handle) as text:
            csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FIELD))
            reader = csv.reader(
                text,
                delimiter=description.delimiter,
                quotechar=description.quote,
                strict=description.is_strict,
            )
            _header(description, reader, path.name)
            number = 0
            while True:
                try:
                    number += bool(next(reader))
                except csv.Error:
                    number += 1  # one record, as `rows` has it
                except StopIteration:
                    return number
    except DAMAGED as error:
        raise SpecError(f"{path}: cannot be read ({error})") from None


def _header(description: Description, reader: Iterator[list[str]], file: str) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise SpecError(f"{file}: its first line is not CSV ({error})") from None
    if not header:
        raise SpecError(f"{file}: empty; expected a first line with the names of the columns")
    if twice := [name for name, times in Counter(header).items() if times > 1]:
        raise SpecError(f"{file}: two columns are called {twice[0]!r}")
    for column in description.columns():
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1, cutoff=0.5)
            hint = (
                f"did you mean {near[0]!r}?"
                if near
                else f"it has: {', '.join(map(one_line, header))}"
            )
            raise SpecError(f"{file}: no column {column!r}, which {description.name} names; {hint}")
    return header


Read = Callable[[list[str], int], dict[str, Any]]


def _compiled(description: Description, header: list[str], notes: Notes) -> Read:
    """One function that makes a payload of a row's values."""
    steps = [_step(each, header, notes) for each in description.fields]
    constants = {k: v for k, v in description.constants.items() if v is not None}
    in_order = description.kind in ("case_events", "field_changes") and "sequence" not in {
        *(each.name for each in description.fields),
        *constants,
    }
    required = [each for each in description.fields if each.meaning.is_required]
    any_of, together = ANY_OF.get(description.kind, ()), TOGETHER.get(description.kind, ())

    def read(values: list[str], number: int) -> dict[str, Any]:
        payload: dict[str, Any] = dict(constants)
        moments_read: dict[str, Moment] = {}
        if in_order:
            payload["sequence"] = number
        for step in steps:
            step(values, payload, moments_read)
        for each in required:
            if each.name not in payload:
                raise _Refused(Problem(f"no {each.name}", each.columns[0], ""))
        if any_of and not any(name in payload for name in any_of):
            raise _Refused(Problem(f"none of {', '.join(any_of)}"))
        if together and len({name in payload for name in together}) > 1:
            raise _Refused(Problem(f"only one of {' and '.join(together)}"))
        if description.kind == "field_changes":
            _in_our_words(description, payload)
        return payload

    return read


def _in_our_words(description: Description, payload: dict[str, Any]) -> None:
    """Of a changed field, the words of before and after. Raises _Refused."""
    words = description.values.get(payload["field"])
    for each in description.fields:
        if each.name not in ("old", "new") or each.name not in payload:
            continue
        text = payload[each.name]
        if words is not None:
            if text not in words:
                reason = f"{each.name}: a value that values.{payload['field']} has not"
                raise _Refused(Problem(reason, each.columns[0], text))
            payload[f"{each.name}_raw"] = text
            payload[each.name] = words[text]
        elif payload["field"] == "status" and text not in STATUSES:
            reason = f"{each.name}: no status of ours; say values: {{status: ...}}"
            raise _Refused(Problem(reason, each.columns[0], text))


Step = Callable[[list[str], dict[str, Any], dict[str, Moment]], None]


def _step(field: Field, header: list[str], notes: Notes) -> Step:
    name, meaning = field.name, field.meaning
    places = [(column, header.index(column)) for column in field.columns]
    when = [(header.index(column), texts) for column, texts in (field.when or {}).items()]
    missing = field.missing
    date_at = header.index(field.date) if field.date else None
    read = moments.reader(field.format, field.zone) if meaning.type == "instant" else None

    def found(values: list[str]) -> tuple[str, str] | None:
        if field.join:
            texts = [values[at] for _, at in places]
            if all(text in missing for text in texts):
                return None
            return places[0][0], field.separator.join(texts)
        for column, at in places:
            text = values[at]
            if text not in missing:
                return column, text
        return None

    is_plain = meaning.type == "text" and not meaning.one_of and field.values is None
    if is_plain and len(places) == 1 and not when:  # most fields are: keep them quick
        ((_, place),) = places

        def copy(values: list[str], payload: dict[str, Any], _: dict[str, Moment]) -> None:
            if values[place] not in missing:
                payload[name] = values[place]

        return copy

    def step(values: list[str], payload: dict[str, Any], read_before: dict[str, Moment]) -> None:
        for at, texts in when:
            if values[at] not in texts:
                return
        one = found(values)
        if one is None:
            return
        column, text = one
        if read is not None:
            if date_at is not None:
                text = f"{values[date_at]} {text}"
            try:
                moment = read(text.strip())
                before = read_before.get(field.follows) if field.follows else None
                if before is not None and before.at - moment.at > HALF_A_DAY:
                    moment = Moment(moment.at + timedelta(days=1))
                    notes.counts["on the next day"] += 1
            except (Unreadable, OverflowError) as error:
                raise _Refused(Problem(f"{name}: {error}", column, text)) from None
            if moment.is_ambiguous:
                notes.counts["local time that happens twice, taken as the first"] += 1
            elif moment.is_nonexistent:
                notes.counts["local time that never happens, moved forward"] += 1
            read_before[name] = moment
            payload[name] = str(moment)
            payload[f"{name}_raw"] = text
            return
        value = _value(field, column, text)
        if value is None:
            if meaning.type == "seconds":
                payload[f"{name}_raw"] = text
                notes.counts[f"{name} below zero, left out"] += 1
            return
        payload[name] = value

    return step


def _value(field: Field, column: str, text: str) -> Any:
    """The value of a field that is no instant. None: missing after all. Raises _Refused."""
    if field.values is not None:
        if text in field.values:
            return field.values[text]
        if field.otherwise == "missing":
            return None
        if isinstance(field.otherwise, dict):
            return field.otherwise["value"]
        if field.otherwise == "error":
            raise _Refused(Problem(f"{field.name}: a value that the map has not", column, text))
        return text
    kind = field.meaning.type
    if kind == "text":
        if field.meaning.one_of and text not in field.meaning.one_of:
            raise _Refused(Problem(f"{field.name}: none of our words; map it", column, text))
        return text
    if kind == "boolean":
        if text.strip().lower() not in _BOOLEANS:
            raise _Refused(Problem(f"{field.name}: neither true nor false", column, text))
        return _BOOLEANS[text.strip().lower()]
    if kind == "number":
        plain = text.strip()
        if field.thousands and field.thousands in plain:
            whole, mark, rest = plain.partition(field.decimal)
            groups = whole.lstrip("-").split(field.thousands)
            if not 1 <= len(groups[0]) <= 3 or any(len(each) != 3 for each in groups[1:]):
                raise _Refused(Problem(f"{field.name}: not a number", column, text))
            plain = whole.replace(field.thousands, "") + mark + rest
        if field.decimal != ".":
            plain = "none" if "." in plain else plain.replace(field.decimal, ".")
        if not NUMBER.fullmatch(plain):  # four places behind the point, which is all we keep
            raise _Refused(Problem(f"{field.name}: not a number", column, text))
        return plain  # as text, for JSON's own numbers lose cents
    try:
        number = int(text)
    except ValueError:
        raise _Refused(Problem(f"{field.name}: not a whole number", column, text)) from None
    if abs(number) > field.meaning.largest:
        raise _Refused(Problem(f"{field.name}: out of range", column, text))
    if kind == "seconds" and number < 0:
        if field.negative == "missing":
            return None
        raise _Refused(Problem(f"{field.name}: below zero", column, text))
    return number
