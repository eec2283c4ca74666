"""Which files there are: one, those of a folder or of a bucket's prefix, or those of a pattern."""

from pathlib import Path

from upath import UPath

from answerable.sources.errors import SpecError

PATTERN = frozenset("*?[")
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")


def found(exports: str) -> list[UPath]:
    """The files that `exports` names, by name: of two that hold a record the later name is newer.

    Hidden files and those that a transfer has not finished are left alone. Raises SpecError where
    there is no such file or folder.
    """
    where = UPath(exports)
    if PATTERN & set(where.name):
        if not where.parent.is_dir():
            raise SpecError(f"{where.parent} is not there, or no folder")
        inside = where.parent.glob(where.name)
    elif where.is_dir():
        inside = where.iterdir()
    elif where.is_file():
        return [where]
    else:
        raise SpecError(f"{exports} is not there")
    return sorted((each for each in inside if _is_whole(each)), key=lambda each: each.name)


def absolute(exports: str) -> str:
    """The same from any working folder; a bucket's address stays as it is."""
    return exports if "://" in exports else str(Path(exports).absolute())


def _is_whole(path: UPath) -> bool:
    name = path.name
    return path.is_file() and not name.startswith(".") and not name.endswith(UNFINISHED)
