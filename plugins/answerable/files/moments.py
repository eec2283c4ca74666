"""Reading instants out of an export's texts, each by a rule that is stated."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTHS = dict(
    jan=1, feb=2, mar=3, apr=4, may=5, jun=6, jul=7, aug=8, sep=9, oct=10, nov=11, dec=12
)
_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,6})",
    "b": r"(?P<b>[A-Za-z]{3})",
    "a": r"[A-Za-z]{3}",
    "p": r"(?P<p>[AaPp][Mm])",
    "z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}


class Unreadable(ValueError):
    """A text that the stated rule cannot read. Says why, without repeating the text."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, and whether its local time happened twice or never."""

    at: datetime  # UTC, whole seconds
    is_ambiguous: bool = False
    is_nonexistent: bool = False

    def __str__(self) -> str:
        return self.at.isoformat() + "Z"


def pattern(format: str) -> re.Pattern[str]:
    """The strptime-like format as a pattern. Raises ValueError naming a directive that we lack.

    strptime itself is ten times slower and reads names of months by the machine's locale.
    """
    parts, at, seen = [], 0, set()
    for match in re.finditer(r"%(.)", format):
        letter = match.group(1)
        if letter not in _DIRECTIVES:
            raise ValueError(
                f"%{letter} is not known; known: {' '.join('%' + d for d in _DIRECTIVES)}"
            )
        if letter in seen:
            raise ValueError(f"%{letter} stands there twice")
        if letter not in "%a":
            seen.add(letter)
        parts += [re.escape(format[at : match.start()]), _DIRECTIVES[letter]]
        at = match.end()
    if not ({"d"} <= seen and seen & {"Y", "y"} and seen & {"m", "b"}):
        raise ValueError("it needs a year, a month and a day")
    return re.compile("".join(parts) + re.escape(format[at:]), re.ASCII)


def reader(format: str, zone: ZoneInfo | None) -> Callable[[str], Moment]:
    """What reads a text of this format: `iso`, `epoch`, `epoch_ms` or %Y-%m-%d and the like.

    A local time that happens twice is taken as the first of the two; one that never happens is
    moved forward by the gap. A text without a zone needs `zone`.
    """
    if format in ("epoch", "epoch_ms"):
        scale = 1000 if format == "epoch_ms" else 1
        return lambda text: _epoch(text, scale)
    match = None if format == "iso" else pattern(format)

    @lru_cache(maxsize=65536)  # exports repeat their instants: one per event of a case
    def read(text: str) -> Moment:
        local = _iso(text) if match is None else _by(match, text)
        return _in_utc(local, zone)

    return read


def _epoch(text: str, scale: int) -> Moment:
    try:
        seconds = int(text) // scale
        return Moment(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None))
    except (ValueError, OverflowError, OSError):
        raise Unreadable("not a number of seconds since 1970") from None


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("not an ISO instant") from None


def _by(compiled: re.Pattern[str], text: str) -> datetime:
    match = compiled.fullmatch(text)
    if match is None:
        raise Unreadable("not in the stated format")
    found = match.groupdict()
    if "Y" in found:
        year = int(found["Y"])
    else:  # as strptime and POSIX do: 69..99 are 1969..1999
        year = int(found["y"]) + (1900 if int(found["y"]) >= 69 else 2000)
    month = int(found["m"]) if "m" in found else _MONTHS.get(found["b"].lower(), 0)
    hour = int(found.get("H") or 0)
    if "I" in found:
        hour = int(found["I"]) % 12 + (12 if (found.get("p") or "").lower() == "pm" else 0)
    try:
        local = datetime(
            year,
            month,
            int(found["d"]),
            hour,
            int(found.get("M") or 0),
            int(found.get("S") or 0),
            tzinfo=_offset(found["z"]) if "z" in found else None,
        )
    except ValueError:
        raise Unreadable("no such date or time of day") from None
    return local


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC  # type: ignore[return-value]
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _in_utc(local: datetime, zone: ZoneInfo | None) -> Moment:
    local = local.replace(microsecond=0)
    if local.tzinfo is not None:
        try:
            return Moment(local.astimezone(UTC).replace(tzinfo=None))
        except OverflowError:
            raise Unreadable("out of range") from None
    if zone is None:
        raise Unreadable("no zone in it, and the description names none")
    first = local.replace(tzinfo=zone, fold=0)
    one, other = first.utcoffset(), local.replace(tzinfo=zone, fold=1).utcoffset()
    assert one is not None and other is not None
    try:
        at = local - one
    except OverflowError:
        raise Unreadable("out of range") from None
    return Moment(at, is_ambiguous=one > other, is_nonexistent=one < other)
