"""A described export: a short YAML says what a CSV's rows are and which column is what.

The description checks itself when it is read; what it does not know, it refuses, naming the file,
the key and the nearest word that it does know.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from answerable.files import moments
from answerable.files.kinds import ANY_OF, FIELDS, KINDS, STATUSES, TOGETHER, Meaning
from answerable.sources.errors import SpecError

NAME = re.compile(r"[a-z][a-z0-9_]*")
NUMBER = re.compile(r"-?[0-9]{1,14}(\.[0-9]{1,4})?", re.ASCII)
TOP = {"source", "kind", "key", "file", "timezone", "missing", "columns", "constants", "values"}
SHARED = {"source", "timezone", "missing", "file"}  # what the parts of a description share
FILES = ("*.csv", "*.csv.gz")  # of a folder, where the description names no patterns
FILE = {"encoding", "delimiter", "quote", "strict"}
FIELD = {
    "column",
    "join",
    "separator",
    "date",
    "time",
    "follows",
    "format",
    "timezone",
    "missing",
    "map",
    "otherwise",
    "negative",
    "decimal",
    "thousands",
    "when",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one field of ours comes from a row.

    `columns`: the first of them that holds something. `join`: all of them, with the separator.
    `date` goes before the columns' text: a date in one column, times of day in others. `follows`
    names a field of ours: a time of day more than half a day before it is that of the next day.
    """

    name: str
    meaning: Meaning
    columns: tuple[str, ...]
    join: bool = False
    separator: str = "|"
    date: str | None = None
    follows: str | None = None
    format: str = "iso"
    zone: ZoneInfo | None = None
    missing: frozenset[str] = frozenset()
    values: Mapping[str, Any] | None = None
    otherwise: Any = "error"  # error, keep, missing, or {"value": x}
    negative: str = "error"  # or missing
    decimal: str = "."
    thousands: str = ""
    when: Mapping[str, frozenset[str]] | None = None

    def columns_read(self) -> Iterable[str]:
        yield from self.columns
        if self.date:
            yield self.date
        yield from self.when or ()


@dataclass(frozen=True, kw_only=True)
class Description:
    """What an export's rows are."""

    name: str  # of the file that holds the description: what an error names
    source: str
    kind: str
    key: tuple[str, ...]  # their columns; none: line number and content
    encoding: str
    delimiter: str
    quote: str
    is_strict: bool
    fields: tuple[Field, ...]
    constants: Mapping[str, Any]
    values: Mapping[str, Mapping[str, str | None]]  # by field: words of `old` and `new`
    given: Mapping[str, Any]

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.given, sort_keys=True).encode()).hexdigest()

    def as_mapping(self) -> dict[str, Any]:
        """As it was given: what a manifest keeps, so that landing alone can be loaded again."""
        return dict(self.given)

    def columns(self) -> list[str]:
        """The columns that a file must have."""
        read = [*self.key, *(c for field in self.fields for c in field.columns_read())]
        return list(dict.fromkeys(read))


class _Unique(yaml.SafeLoader):
    """YAML in which a key that stands there twice is an error, not the last of them."""


def _mapping(loader: _Unique, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            line = key_node.start_mark.line + 1
            raise SpecError(f"{loader.name}: {key!r} stands there twice (line {line})")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Unique.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@dataclass(frozen=True, slots=True)
class Part:
    """A description, and the names of the files that it is of."""

    patterns: tuple[str, ...]
    description: Description

    def is_of(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


def describe(path: str | Path) -> Description:
    """Read the description of one kind of file from a YAML file. Raises SpecError."""
    all_parts = parts(path)
    if len(all_parts) > 1 or all_parts[0].patterns != FILES:
        raise SpecError(f"{Path(path).name}: describes several files; hand over their folder")
    return all_parts[0].description


def parts(path: str | Path) -> tuple[Part, ...]:
    """Read a YAML file that describes one kind of file, or under `files:` several that make one
    source: by the pattern of their names. Raises SpecError."""
    path = Path(path)
    given = _given(path)
    if not isinstance(given, dict) or "files" not in given:
        return (Part(FILES, from_mapping(given, path.name)),)
    reading = _Reading(path.name)
    reading.known(given, SHARED | {"files"}, "key beside files:")
    shared = {key: value for key, value in given.items() if key != "files"}
    found = []
    for pattern, own in reading.mapping(given["files"], "files").items():
        own = reading.mapping(own, f"files.{pattern}")
        if "source" in own:
            raise reading.fail(f"files.{pattern}: source stands above, for all of them")
        name = f"{path.name} ({pattern})"
        found.append(Part((pattern,), from_mapping({**shared, **own}, name)))
    if not found:
        raise reading.fail("files: none is described")
    return tuple(found)


def _given(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    loader = _Unique(text)
    loader.name = path.name
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise SpecError(f"{path.name}: not YAML{where}") from None
    finally:
        loader.dispose()


def from_mapping(given: Any, name: str) -> Description:
    """The description that a mapping holds; `name` is the file that errors name."""
    return _Reading(name).description(given)


class _Reading:
    """Turns plain values into a Description, with errors that name file and key."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, text: str) -> SpecError:
        return SpecError(f"{self.name}: {text}")

    def known(self, found: Iterable[Any], known: Iterable[str], where: str) -> None:
        options = sorted(known)
        for key in found:
            if key not in options:
                near = difflib.get_close_matches(str(key), options, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(options)}"
                raise self.fail(f"unknown {where} {key!r}; {hint}")

    def mapping(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(f"{where}: expected keys and values, found {value!r}")
        for key in value:
            if not isinstance(key, str):
                raise self.fail(f"{where}: {key!r} is no text in YAML; put it in quotes")
        return value

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.fail(f"{where}: expected a text, found {value!r}; put it in quotes")
        return value

    def texts(self, value: Any, where: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        for each in items:
            if not isinstance(each, str):
                raise self.fail(f"{where}: expected texts, found {each!r}; put it in quotes")
        return tuple(items)

    def zone(self, value: Any, where: str) -> ZoneInfo | None:
        if value is None:
            return None
        try:
            return ZoneInfo(self.text(value, where))
        except (OSError, ValueError, KeyError):
            raise self.fail(
                f"{where}: {value!r} is no zone of the IANA list, such as Europe/London"
            ) from None

    def description(self, given: Any) -> Description:
        given = self.mapping(given, "the description")
        try:
            json.dumps(given, allow_nan=False)
        except (TypeError, ValueError):
            raise self.fail("a value is no text (a date?); put it in quotes") from None
        self.known(given, TOP, "key")
        if missing := [key for key in ("source", "kind", "columns") if key not in given]:
            raise self.fail(f"{', '.join(missing)} missing")
        source = self.text(given["source"], "source")
        if not NAME.fullmatch(source):
            raise self.fail(f"source: {source!r} is not lower case letters, digits and _")
        kind = self.text(given["kind"], "kind")
        self.known([kind], KINDS, "kind")
        meanings = KINDS[kind]
        file = self.mapping(given.get("file") or {}, "file")
        self.known(file, FILE, "key of file:")
        zone = self.zone(given.get("timezone"), "timezone")
        missing_texts = frozenset(self.texts(given.get("missing", [""]), "missing"))
        columns = self.mapping(given["columns"], "columns")
        constants = self.mapping(given.get("constants") or {}, "constants")
        self.known(columns, meanings, f"field of {kind}")
        self.known(constants, meanings, f"field of {kind}")
        if both := sorted(set(columns) & set(constants)):
            raise self.fail(f"{both[0]}: a column and a constant; take one")
        fields = [
            self.field(name, value, meanings[name], zone, missing_texts)
            for name, value in columns.items()
        ]
        for name, value in constants.items():
            self.allowed(meanings[name], value, f"constants.{name}")
        for name, meaning in meanings.items():
            if meaning.is_required and name not in columns and name not in constants:
                raise self.fail(f"{kind} need a column for {name}")
        given_fields = {*columns, *constants}
        if kind in ANY_OF and not given_fields & set(ANY_OF[kind]):
            raise self.fail(f"{kind} need a column for one of {', '.join(ANY_OF[kind])}")
        if len(given_fields & (pair := set(TOGETHER.get(kind, ())))) not in (0, len(pair)):
            raise self.fail(f"{' and '.join(sorted(pair))} go together")
        follow = {field.name: field.follows for field in fields if field.follows is not None}
        for name, start in follow.items():
            if start not in columns or start in follow or meanings[start].type != "instant":
                raise self.fail(
                    f"columns.{name}.follows: {start!r} is no instant that is read on its own"
                )
        # in an order of ours: a manifest keeps a description's keys in another than its author
        fields.sort(key=lambda field: (field.name in follow, field.name))
        return Description(
            name=self.name,
            source=source,
            kind=kind,
            key=self.texts(given.get("key", []), "key"),
            encoding=self.encoding(file.get("encoding", "utf-8")),
            delimiter=self.character(file.get("delimiter", ","), "file.delimiter"),
            quote=self.character(file.get("quote", '"'), "file.quote"),
            is_strict=bool(file.get("strict", False)),
            fields=tuple(fields),
            constants=constants,
            values=self.values(given, kind),
            given=given,
        )

    def field(
        self,
        name: str,
        given: Any,
        meaning: Meaning,
        zone: ZoneInfo | None,
        missing: frozenset[str],
    ) -> Field:
        where = f"columns.{name}"
        if isinstance(given, str):
            given = {"column": given}
        given = self.mapping(given, where)
        self.known(given, FIELD, f"key of {where}:")
        ways = [way for way in ("column", "join", "time") if way in given]
        if len(ways) != 1:
            raise self.fail(f"{where}: one of column, join, time (with date) says where it is")
        way = ways[0]
        if ("date" in given) != (way == "time") or ("follows" in given and way != "time"):
            raise self.fail(f"{where}: date and time go together, and follows goes with them")
        if way == "time" and meaning.type != "instant":
            raise self.fail(f"{where}: date and time make an instant, which {name} is not")
        if ("format" in given or "timezone" in given) and meaning.type != "instant":
            raise self.fail(f"{where}: format and timezone are for instants, which {name} is not")
        if given.get("negative", "missing") != "missing" or (
            "negative" in given and meaning.type != "seconds"
        ):
            raise self.fail(f"{where}: negative: missing is all there is, for seconds only")
        if ("decimal" in given or "thousands" in given) and meaning.type != "number":
            raise self.fail(f"{where}: decimal and thousands are for numbers, which {name} is not")
        decimal = self.character(given.get("decimal", "."), f"{where}.decimal")
        thousands = given.get("thousands", "")
        if thousands and self.character(thousands, f"{where}.thousands") == decimal:
            raise self.fail(f"{where}: decimal and thousands are the same character")
        values = None
        if "map" in given:
            values = self.mapping(given["map"], f"{where}.map")
            for key, value in values.items():
                self.allowed(meaning, value, f"{where}.map.{key}")
        when = None
        if "when" in given:
            when = {
                column: frozenset(self.texts(value, f"{where}.when"))
                for column, value in self.mapping(given["when"], f"{where}.when").items()
            }
        format = self.text(given.get("format", "iso"), f"{where}.format")
        own_zone = self.zone(given.get("timezone"), f"{where}.timezone") or zone
        if meaning.type == "instant":
            if format not in ("iso", "epoch", "epoch_ms"):
                try:
                    moments.pattern(format)
                except ValueError as error:
                    raise self.fail(f"{where}.format: {error}") from None
            if own_zone is None and "%z" not in format and not format.startswith(("epoch", "iso")):
                raise self.fail(f"{where}: the format has no zone; name one with timezone:")
        own_missing = missing
        if "missing" in given:
            own_missing |= frozenset(self.texts(given["missing"], f"{where}.missing"))
        return Field(
            name=name,
            meaning=meaning,
            columns=self.texts(given[way], f"{where}.{way}"),
            join=way == "join",
            separator=given.get("separator", "|"),
            date=self.text(given["date"], f"{where}.date") if way == "time" else None,
            follows=given.get("follows"),
            format=format,
            zone=own_zone,
            missing=own_missing,
            values=values,
            otherwise=self.otherwise(given, meaning, where),
            negative=given.get("negative", "error"),
            decimal=decimal,
            thousands=thousands,
            when=when,
        )

    def values(self, given: Mapping[str, Any], kind: str) -> dict[str, dict[str, str | None]]:
        """What the words of a history mean, for each field that has words of its own."""
        by_field = self.mapping(given.get("values") or {}, "values")
        if by_field and kind != "field_changes":
            raise self.fail("values: is for field_changes; a column has map:")
        self.known(by_field, FIELDS, "field of values:")
        for name, words in by_field.items():
            meaning = Meaning(one_of=STATUSES) if name == "status" else Meaning()
            for key, value in self.mapping(words, f"values.{name}").items():
                self.allowed(meaning, value, f"values.{name}.{key}")
        return by_field

    def otherwise(self, given: Mapping[str, Any], meaning: Meaning, where: str) -> Any:
        """What becomes of a value that the map has not: an error, unless something else is said."""
        if "otherwise" not in given:
            return "error"
        if "map" not in given:
            raise self.fail(f"{where}: otherwise goes with map")
        value = given["otherwise"]
        if value in ("error", "missing"):
            return value
        if value == "keep":
            if meaning.one_of or meaning.type != "text":
                raise self.fail(f"{where}.otherwise: keep would let in what is none of ours")
            return value
        self.allowed(meaning, value, f"{where}.otherwise")
        return {"value": value}

    def allowed(self, meaning: Meaning, value: Any, where: str) -> None:
        """Refuse a value of ours that the field cannot hold. None stands for "missing"."""
        if value is None:
            return
        if meaning.one_of:
            self.known([value], meaning.one_of, f"value of {where}:")
        elif meaning.type == "boolean":
            if not isinstance(value, bool):
                raise self.fail(f"{where}: expected true or false, found {value!r}")
        elif meaning.type in ("integer", "seconds"):
            if isinstance(value, bool) or not isinstance(value, int):
                raise self.fail(f"{where}: expected a whole number, found {value!r}")
        elif meaning.type == "number":
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise self.fail(f"{where}: expected a number in quotes, found {value!r}")
            if not NUMBER.fullmatch(str(value)):
                raise self.fail(f"{where}: {value!r} is no number")
        elif meaning.type == "instant":
            raise self.fail(f"{where}: instants are read by format, not mapped and no constants")
        elif not isinstance(value, str):
            raise self.fail(f"{where}: expected a text, found {value!r}; put it in quotes")

    def encoding(self, value: Any) -> str:
        try:
            "".encode(self.text(value, "file.encoding"))
        except LookupError:
            raise self.fail(f"file.encoding: {value!r} is not known, utf-8 for one is") from None
        # a byte order mark is no part of the first column's name
        return "utf-8-sig" if value.lower().replace("_", "-") in ("utf-8", "utf8") else value

    def character(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or len(value) != 1:
            raise self.fail(f"{where}: expected one character, found {value!r}")
        return value
