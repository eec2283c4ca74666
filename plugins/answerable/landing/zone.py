"""The landing zone: immutable objects, each with a manifest that is written last.

An object exists once its manifest does. What lies around without one is the rest of a walk that
died while writing it; nobody reads that. Paths are `<source>/<stream>/<night>/<object>`; sorted
by name the objects of a stream are in the order in which they were landed.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from upath import UPath

MANIFEST = ".manifest.json"
PART = ".part"
COMPRESSION = 4  # twice as fast as gzip's own default, for a twentieth more bytes


class LandingError(RuntimeError):
    """What lies in the landing zone is not what its manifest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an object holds. `walk` counts the walks of a night: a resumed night walks again."""

    object: str
    format: str  # ndjson.gz: one record a line; csv: a file as it was handed over
    source: str
    source_kind: str
    stream: str
    run_id: str
    walk: int
    record_count: int
    sha256: str
    landed_at: str
    cursor_from: str | None = None
    cursor_to: str | None = None  # None: this object must not move the watermark
    is_last: bool = False  # the walk is finished with this object
    # when its first page was given, by the source's own clock; UTC, without zone
    observed_at: str | None = None
    holes: list[dict[str, Any]] | None = None  # that the watermark passes with it (page.Hole)
    was_sha256: str | None = None  # of the object, while another is put in its place
    file: str | None = None
    description: dict[str, Any] | None = None  # how to read a described export
    description_sha256: str | None = None

    @classmethod
    def read(cls, text: str, name: str) -> "Manifest":
        try:
            value = json.loads(text)
            known = {each.name for each in fields(cls)}
            return cls(**{k: v for k, v in value.items() if k in known})
        except (ValueError, TypeError, AttributeError):
            raise LandingError(f"{name}: not a manifest of ours") from None


class Hashing:
    """A binary file that knows the hash of what was written to it or read from it."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._inner.write(data)

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        self.hash.update(data)
        return data

    def flush(self) -> None:
        self._inner.flush()

    def readable(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Zone:
    """A folder or a bucket prefix."""

    root: UPath

    @classmethod
    def at(cls, landing: str) -> "Zone":
        return cls(UPath(landing))

    @property
    def is_local(self) -> bool:
        return isinstance(self.root, Path)

    def path(self, name: str) -> UPath:
        return self.root / name

    @contextmanager
    def writing(self, name: str) -> Iterator[Hashing]:
        """A new object's bytes. It is there, whole, after the block, or not at all."""
        target = self.path(name)
        if not self.is_local:  # an upload shows up when it is complete
            with target.open("wb") as handle:
                yield Hashing(handle)
            return
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_name(target.name + PART)
        try:
            with part.open("wb") as handle:
                yield Hashing(handle)
                handle.flush()
                os.fsync(handle.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest: from now on the object exists."""
        text = json.dumps(asdict(manifest), sort_keys=True, indent=1)
        with self.writing(manifest.object + MANIFEST) as handle:
            handle.write(text.encode())

    def clear_parts(self, folder: str) -> None:
        """Remove what a process that died while writing left behind in one folder."""
        if self.is_local and self.path(folder).is_dir():
            for part in self.path(folder).glob(f"*{PART}"):
                part.unlink(missing_ok=True)

    def names(self, source: str = "*", stream: str = "*") -> list[str]:
        """Names of the objects that exist, in the order in which their streams' were landed."""
        base = self.root if source == "*" else self.root / source
        if not base.exists():
            return []
        found = self.root.glob(f"{source}/{stream}/*/*{MANIFEST}")
        return sorted("/".join(path.parts[-4:])[: -len(MANIFEST)] for path in found)

    def manifest(self, name: str) -> Manifest:
        manifest = Manifest.read(self.path(name + MANIFEST).read_text(encoding="utf-8"), name)
        if manifest.object != name:
            raise LandingError(f"{name}: its manifest is that of {manifest.object}")
        return manifest

    def lines(self, manifest: Manifest) -> Iterator[bytes]:
        """The records of an object, one a line. Raises LandingError at the end if they are not
        those that were landed."""
        with self.path(manifest.object).open("rb") as handle:
            hashing = Hashing(handle)
            count = 0
            try:
                with gzip.GzipFile(fileobj=hashing, mode="rb") as unpacked:  # type: ignore[arg-type]
                    for line in unpacked:
                        count += 1
                        yield line.rstrip(b"\n")
            except (EOFError, OSError, zlib.error) as error:
                raise LandingError(f"{manifest.object}: damaged ({error})") from None
            while hashing.read(1 << 20):
                pass
        self._compare(manifest, hashing.hash.hexdigest(), count)

    @contextmanager
    def original(self, manifest: Manifest) -> Iterator[IO[bytes]]:
        """A file as it was handed over, its hash compared first (it is read twice)."""
        with self.path(manifest.object).open("rb") as handle:
            hashing = Hashing(handle)
            while hashing.read(1 << 20):
                pass
        self._compare(manifest, hashing.hash.hexdigest(), manifest.record_count)
        with self.path(manifest.object).open("rb") as handle:
            yield handle

    def _compare(self, manifest: Manifest, sha256: str, count: int) -> None:
        known = (manifest.sha256, manifest.was_sha256)
        if sha256 not in known or count != manifest.record_count:
            raise LandingError(
                f"{manifest.object}: holds {count} records with hash {sha256[:12]}, its manifest "
                f"says {manifest.record_count} with {manifest.sha256[:12]}; it was changed after "
                "it was landed. Restore it, or remove it and land again"
            )

    def write_records(self, name: str, records: Iterable[str]) -> tuple[str, int]:
        """Write an NDJSON object; gives its hash and count. (Walks write with `Batch`.)"""
        with self.writing(name) as handle:
            count = 0
            with packing(handle) as packed:
                for record in records:
                    packed.write(as_line(record))
                    count += 1
        return handle.hash.hexdigest(), count

    def hash_of(self, records: Iterable[str]) -> str:
        """The hash that an NDJSON object of these records has."""
        handle = Hashing(io.BytesIO())
        with packing(handle) as packed:
            for record in records:
                packed.write(as_line(record))
        return handle.hash.hexdigest()

    def copy_in(self, name: str, handle: IO[bytes]) -> str:
        """Copy a file as it is; gives its hash."""
        with self.writing(name) as target:
            shutil.copyfileobj(handle, target, 1 << 20)
        return target.hash.hexdigest()


def packing(handle: Hashing) -> gzip.GzipFile:
    # no name and no time in it: the same records are the same bytes
    return gzip.GzipFile(
        filename="",
        mode="wb",
        compresslevel=COMPRESSION,
        fileobj=handle,  # type: ignore[arg-type]
        mtime=0,
    )


def as_line(record: str) -> bytes:
    """A record as a line. Raw line ends can only stand between tokens of JSON: a space does."""
    if "\n" in record or "\r" in record:
        record = record.replace("\r", " ").replace("\n", " ")
    return record.encode("utf-8", "surrogateescape") + b"\n"
