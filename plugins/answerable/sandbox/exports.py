"""What the company's tools without an API deliver: a file a night into a folder of their own.

A delivery holds what was told since the one before it, so a later present only adds files. One
that holds anything at or after the present is taken back.
"""

import csv
import gzip
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from . import phone, repairs, sales
from .company import iso, readable
from .history import World
from .households import national

DESCRIPTIONS = Path(__file__).parent / "descriptions"
SOURCES = ("switchboard", "salesbook", "workshop")
BEFORE_ALL = 0

Row = Sequence[object]
_BERLIN, _LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")
_NAME = re.compile(r"_(\d{8}T\d{6}Z)\.")


@dataclass(frozen=True, slots=True)
class File:
    """One kind of file that a source delivers."""

    source: str
    name: str
    columns: tuple[str, ...]
    rows: Callable[[World, int, int], Iterable[Row]]  # told from one instant up to another
    delimiter: str = ","
    encoding: str = "utf-8"
    is_packed: bool = False

    def path(self, folder: Path, until: int) -> Path:
        tail = "csv.gz" if self.is_packed else "csv"
        stamp = datetime.fromtimestamp(until, UTC).strftime("%Y%m%dT%H%M%SZ")
        return folder / self.source / f"{self.name}_{stamp}.{tail}"

    def write(self, path: Path, rows: Iterable[Row]) -> None:
        """Whole or not at all: a night that is killed leaves nothing that looks finished."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\r\n")
        writer.writerow(self.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        data = text.getvalue().encode(self.encoding, "replace")
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_bytes(gzip.compress(data, mtime=0) if self.is_packed else data)
        part.replace(path)


def deliver(folder: Path, world: World, present: int) -> list[Path]:
    """Bring the folder to the present (epoch seconds); gives the files that are new."""
    new = []
    for file in FILES:
        known = _delivered(folder, file)
        for until, path in known.items():
            if until > present:
                path.unlink()
        since = max((until for until in known if until <= present), default=BEFORE_ALL)
        path = file.path(folder, present)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = list(file.rows(world, since, present)) if since < present else []
        if rows:
            file.write(path, rows)
            new.append(path)
    return new


def _delivered(folder: Path, file: File) -> dict[int, Path]:
    """What lies there, by the instant up to which it tells."""
    found = {}
    for path in (folder / file.source).glob(f"{file.name}_*"):
        stamp = _NAME.search(path.name)
        if stamp is not None and not path.name.endswith(".part"):
            until = datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            found[int(until.timestamp())] = path
    return found


# --- rows --------------------------------------------------------------------------------------


def _calls(world: World, since: int, until: int) -> Iterator[Row]:
    for told in phone.told_before(world, until):
        call = told.call
        if told.at < since:
            continue
        yield (
            call.id,
            "in" if call.is_inbound else "out",
            call.callback_of,
            _readable(call.phone),
            call.line,
            call.brand,
            call.priority,
            *(
                _local(at)
                for at in (call.started_at, call.queued_at, call.answered_at, call.ended_at)
            ),
            call.menu_seconds,
            None if call.is_terse else call.wait_seconds,
            call.handling_seconds,
            call.result,
            call.agent,
        )


def _readable(number: str | None) -> str | None:
    """Numbers of the system's own country as one dials them there."""
    return national(number) if number and number.startswith("+44") else readable(number)


def _local(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, _BERLIN).isoformat()


def _entries(world: World, since: int, until: int) -> Iterator[Row]:
    for told in sales.told_before(world, until):
        entry = told.entry
        if told.at < since:
            continue
        yield (
            entry.id,
            entry.deal,
            entry.step,
            datetime.fromtimestamp(entry.at, _BERLIN).strftime("%d.%m.%Y %H:%M"),
            _money(entry.amount),
            None if entry.amount is None else entry.currency,
            None if entry.contact is None else f"K{entry.contact}",
            entry.email and entry.email.title(),
            _readable(entry.phone),
            entry.handle and f"@{entry.handle}",
            entry.seller,
            entry.brand,
            entry.origin,
            entry.product,
            entry.reason,
            None if entry.ticket is None else f"zendesk:{entry.ticket}",
        )


def _money(cents: int | None) -> str | None:
    """
    >>> _money(123456)
    '1.234,56'
    """
    if cents is None:
        return None
    return f"{cents / 100:,.2f}".translate(str.maketrans(",.", ".,"))


def _repairs(world: World, since: int, until: int) -> Iterator[Row]:
    """Each that changed since, as it stands."""
    for one in repairs.repairs_before(world, until):
        if not any(since <= audit.at < until for audit in one.audits):
            continue
        now = one.state_at(until)
        yield (
            one.id,
            datetime.fromtimestamp(one.opened_at, _LONDON).strftime("%Y-%m-%d %H:%M:%S"),
            repairs.state(now["status"] or ""),
            now["priority"],
            now["team"],
            now["owner"],
            one.via,
            one.brand,
            one.part,
            one.customer,
        )


_WHAT = {"status": "State", "team": "Bench", "owner": "Hands", "priority": "Rank"}


def _history(world: World, since: int, until: int) -> Iterator[Row]:
    for one in repairs.repairs_before(world, until):
        number = 0
        for audit in one.audits[1:]:
            changes = [
                (_WHAT[each.name], _word(each.name, each.was), _word(each.name, each.value))
                for each in audit.changes
            ]
            for what, was, now in [*changes, ("Shelf", None, f"{one.part[0].upper()}{audit.id}")]:
                number += 1
                if since <= audit.at < until:
                    yield (one.id, number, _local(audit.at), what, was, now)


def _word(name: str, value: object) -> str | None:
    if value is None:
        return None
    return repairs.state(str(value)) if name == "status" else str(value)


def _notes(world: World, since: int, until: int) -> Iterator[Row]:
    found = [
        (note.told_at, note.id, one, note)
        for one in repairs.repairs_before(world, until)
        for note in one.notes
        if since <= note.told_at < until
    ]
    for _, _, one, note in sorted(found, key=lambda each: each[:2]):
        yield (note.id, one.id, note.at, note.author, one.via, note.text)


def _people(world: World, since: int, until: int) -> Iterator[Row]:
    before = set(repairs.users_before(world, since)) if since else set()
    for user, name, mail, type_, known_since in repairs.users_before(world, until):
        if (user, name, mail, type_, known_since) not in before:
            yield (user, name, mail, type_, iso(known_since))


FILES = (
    File(
        "switchboard",
        "calls",
        (
            *("call_no", "way", "answers_call", "number", "line", "brand", "class"),
            *("begin", "queued", "connected", "end", "menu_s", "wait_s", "handling_s"),
            *("result", "clerk"),
        ),
        _calls,
        delimiter=";",
        is_packed=True,
    ),
    File(
        "salesbook",
        "log",
        (
            *("entry", "deal", "step", "at", "value", "currency", "contact", "mail", "phone"),
            *("on_x", "seller", "brand", "origin", "product", "reason", "ticket"),
        ),
        _entries,
        delimiter=";",
        encoding="utf-8-sig",
    ),
    File(
        "workshop",
        "repairs",
        (
            *("repair", "brought", "state", "rank", "bench", "hands"),
            *("via", "brand", "part", "customer"),
        ),
        _repairs,
    ),
    File("workshop", "history", ("repair", "number", "at", "what", "was", "is"), _history),
    File("workshop", "notes", ("note", "repair", "at", "author", "via", "words"), _notes),
    File("workshop", "people", ("person", "name", "mail", "type", "since"), _people),
)
