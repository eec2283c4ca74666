"""Exports of every kind of rows that can be described, with every field of ours in them."""

import csv
import io
from random import Random
from typing import Any

from mutated_files import ODD_CELLS

from answerable import files
from answerable.files.kinds import FIELDS, KINDS, STATUSES, TOGETHER, Meaning

SOURCE = "export"
# what happens to a line after it was written
ODD_LINES = [
    lambda line: line + b'"',
    lambda line: line.replace(b",", b";", 1),
    lambda line: line.replace(b",", b",,", 1),
    lambda line: line[: len(line) // 2],
    lambda line: line + b",one more",
    lambda line: line.replace(b"e", b"\xe9"),
    lambda line: line.replace(b"a", b"\x00", 1),
    lambda line: line.replace(b",", b"\r,", 1),
    lambda line: b"",
    lambda line: line + b"\r",
]


def description(kind: str) -> files.Description:
    """Each of our fields from a column of its name; the first field is the key."""
    meanings = KINDS[kind]
    given: dict[str, Any] = {
        "source": SOURCE,
        "kind": kind,
        "key": next(iter(meanings)),
        "timezone": "Europe/Berlin",
        "columns": {name: name for name in meanings},
    }
    return files.from_mapping(given, f"{kind}.yml")


def export(kind: str, rows: int, random: Random, first: int) -> bytes:
    """A file of so many lines, of which many have something wrong with them."""
    meanings = KINDS[kind]
    lines = [",".join(meanings).encode()]
    for number in range(rows):
        cells = {name: _cell(name, each, random) for name, each in meanings.items()}
        pair = TOGETHER.get(kind, ())
        if not all(cells[name] for name in pair):
            cells |= dict.fromkeys(pair, "")
        if random.random() < 0.8:
            cells[next(iter(meanings))] = str(first + number)
        for _ in range(random.choice((0, 0, 1, 2))):
            cells[random.choice(list(cells))] = random.choice(ODD_CELLS)
        lines.append(_line(cells.values()))
        if random.random() < 0.05:
            lines[-1] = random.choice(ODD_LINES)(lines[-1])
    return b"\n".join(lines) + b"\n"


def _line(cells: Any) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)  # quotes what holds either
    return written.getvalue()[:-2].encode("utf-8", "surrogatepass")


def _cell(name: str, meaning: Meaning, random: Random) -> str:
    if not meaning.is_required and random.random() < 0.4:
        return ""
    if meaning.one_of:
        return random.choice(sorted(meaning.one_of))
    if meaning.type == "instant":
        day, hour = random.randint(1, 28), random.randint(0, 23)
        return f"2026-{random.randint(1, 3):02d}-{day:02d}T{hour:02d}:30:00"
    if meaning.type in ("integer", "seconds", "number"):
        return str(random.randint(0, 900))
    if meaning.type == "boolean":
        return random.choice(("true", "false"))
    if name in ("old", "new"):
        return random.choice((*sorted(STATUSES), *sorted(FIELDS)))
    if name.endswith("_id"):
        return str(random.randint(1, 5000))
    return random.choice(("a word", 'Ärger, "viel"', "a@mail.example", "+49 30 1234567", "x\ny"))
