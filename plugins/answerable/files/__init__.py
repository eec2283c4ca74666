"""Described exports: a CSV and a short YAML that says what is what, in place of a connector."""

from collections import Counter
from pathlib import Path
from typing import Any

from answerable.files.description import Description, Part, describe, from_mapping, parts
from answerable.files.folders import absolute, found
from answerable.files.reading import Notes, Problem, Row, count, rows

__all__ = [
    "Description",
    "Notes",
    "Part",
    "Problem",
    "Row",
    "absolute",
    "check",
    "count",
    "describe",
    "found",
    "from_mapping",
    "parts",
    "rows",
]

SHOWN = 10


def check(mapping: str | Path, export: str | Path) -> dict[str, Any]:
    """Read an export by its description and count, storing nothing.

    Gives how many records are read and refused, how often each field has a value, what was odd,
    and the first refused rows with file, line, column and value. Raises SpecError.
    """
    description = describe(mapping)
    export = Path(export)
    notes = Notes()
    filled: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    read = refusals = 0
    with export.open("rb") as handle:
        for row in rows(description, handle, export.name, notes):
            if row.payload is not None:
                read += 1
                filled.update(row.payload.keys())
                continue
            refusals += 1
            if len(refused) < SHOWN and row.problem is not None:
                refused.append(
                    {
                        "file": export.name,
                        "line": row.line,
                        "column": row.problem.column,
                        "value": row.problem.value,
                        "reason": row.problem.reason,
                    }
                )
    return {
        "source": description.source,
        "kind": description.kind,
        "records": read + refusals,
        "read": read,
        "refused": refusals,
        "filled": {k: n for k, n in filled.items() if not k.endswith("_raw")},
        "odd": dict(notes.counts),
        "first_refused": refused,
    }
