"""Deliveries of files, and what transfers, spreadsheets and people do to them."""

import csv
import gzip
import io
import tempfile
from functools import lru_cache
from pathlib import Path
from random import Random

from mutations import ODD_INSTANTS, ODD_TEXTS

from answerable import files
from answerable.sandbox import SMALL, exports
from answerable.sandbox import company as c
from answerable.sandbox.history import world

PRESENT = c.at("2025-12-20")
KINDS = [f"{file.source}/{file.name}" for file in exports.FILES]
ODD_CELLS = [
    *ODD_TEXTS, *ODD_INSTANTS, "-5", "1e9", "9" * 40, "9999999999",
    "-9999999999", "2147483647", "1.234.567,8", "1,234.5", "0,00001", "--",
    "01.13.2026 10:00", "29.02.2025 10:00", "31.12.9999 23:59", "25.10.2026 02:30", "1e400", "+49",
    "inbound", "TRUE", "unknown", "#REF!", '"', '""', ";", ",", "a;b", "a,b", "\r", "\n", "\r\n",
]  # fmt: skip


def description(kind: str) -> files.Description:
    source, _, name = kind.partition("/")
    parts = files.parts(exports.DESCRIPTIONS / f"{source}.yml")
    return next(each.description for each in parts if len(parts) == 1 or each.is_of(f"{name}_.csv"))


@lru_cache(maxsize=1)
def samples() -> dict[str, bytes]:
    """By source and kind of file, the first delivery of the small company's tools, unpacked."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        new = exports.deliver(Path(folder), world(c.DEFAULT_SEED, SMALL), PRESENT)
        for path in new:
            data = path.read_bytes()
            kind = f"{path.parent.name}/{path.name.partition('_')[0]}"
            found[kind] = gzip.decompress(data) if path.name.endswith(".gz") else data
    assert sorted(found) == sorted(KINDS)
    return found


def mutated(kind: str, random: Random, most: int = 40) -> tuple[str, bytes]:
    """A name and the bytes of a delivery of up to `most` rows with things wrong in it."""
    (file,) = [one for one in exports.FILES if f"{one.source}/{one.name}" == kind]
    text = samples()[kind].decode(file.encoding)
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=file.delimiter)
    rows = [list(random.choice(rows)) for _ in range(random.randint(0, most))]
    for _ in range(random.randint(0, 12)):
        _change_a_row(header, rows, random)
    if random.random() < 0.08:
        _change_the_header(header, random)
    out = io.StringIO(newline="")
    end = random.choice(["\r\n", "\r\n", "\n"])
    writer = csv.writer(out, delimiter=file.delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows(rows)
    data = out.getvalue().encode(file.encoding, "surrogatepass")
    if random.random() < 0.3:
        data = _spoilt(data, random)
    if random.random() < 0.5:
        return f"{file.name}_x.csv.gz", _packed(data, random)
    return f"{file.name}_x.csv", data


def _change_a_row(header: list[str], rows: list[list[str]], random: Random) -> None:
    if not rows:
        return
    row = random.choice(rows)
    draw = random.random()
    if draw < 0.75 and row:
        row[random.randrange(len(row))] = random.choice(ODD_CELLS)
    elif draw < 0.8 and row:
        del row[random.randrange(len(row))]
    elif draw < 0.85:
        row.insert(random.randint(0, len(row)), random.choice(ODD_CELLS))
    elif draw < 0.9:
        rows.insert(random.randint(0, len(rows)), [])
    elif draw < 0.95:
        rows.append(list(row))
    else:
        rows.append(list(header))  # two files glued together


def _change_the_header(header: list[str], random: Random) -> None:
    at = random.randrange(len(header))
    draw = random.random()
    if draw < 0.3:
        del header[at]
    elif draw < 0.6:
        header[at] = random.choice([header[at].upper(), f" {header[at]}", "", "\ufeffid"])
    else:
        header.append(random.choice([header[at], "one more"]))


def _spoilt(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return random.choice(
        [
            data[:at],
            data[:at]
            + random.choice([b"\x00", b"\xff", b"\xc3", b'"', b"\r", b"\x1a"])
            + data[at:],
            b"\xef\xbb\xbf" + data,
            data.replace(b"\r\n", b"\r"),
            data + b'"',
            data + data,
            b"",
        ]
    )


def _packed(data: bytes, random: Random) -> bytes:
    packed = gzip.compress(data, mtime=0)
    if random.random() < 0.1:
        return packed[: random.randrange(len(packed))]
    if random.random() < 0.1:
        at = random.randrange(len(packed))
        return packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
    return packed + packed if random.random() < 0.1 else packed
