"""A disk that is full: a file system in memory, small, in a mount namespace of its own.

No right of root is needed for it, but the system has to allow user namespaces.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--"]
PAGE = 4096


class NoNamespace(RuntimeError):
    """The system does not let us mount anything, not even for ourselves."""


@dataclass(slots=True)
class SmallDisk:
    """Guards the process whose namespace has the mount."""

    mounted: Path  # within the namespace; without, an empty folder
    _holder: subprocess.Popen

    @classmethod
    def new(cls, folder: Path, megabytes: int) -> "SmallDisk":
        folder.mkdir(parents=True, exist_ok=True)
        script = (
            f"mount -t tmpfs -o size={megabytes}m,mode=0700 small '{folder}' && echo ready && cat"
        )
        holder = subprocess.Popen(
            [*NAMESPACE, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = holder.stdout.readline()
        if said.strip() != "ready":
            holder.stdin.close()
            raise NoNamespace((said + holder.stdout.read()).strip())
        return cls(folder, holder)

    @property
    def at(self) -> Path:
        """The disk as the rest of the system reaches it."""
        return Path(f"/proc/{self._holder.pid}/root{self.mounted}")

    @property
    def inside(self) -> list[str]:
        """What to put before a command that is to see the disk."""
        return [
            "nsenter", f"--target={self._holder.pid}", "--user", "--mount",
            "--preserve-credentials", "--",
        ]  # fmt: skip

    def used(self) -> int:
        return self._run("df", "--output=used", "--block-size=1", str(self.mounted))

    def left(self, size: int) -> None:
        """Leave so many bytes on the disk, and no more."""
        pages = (self.used() + size) // PAGE
        self._mount(f"size={max(1, pages) * PAGE}")  # none at all would mean no limit

    def large(self, megabytes: int = 3072) -> None:
        """Room again."""
        self._mount(f"size={megabytes}m")

    def _mount(self, options: str) -> None:
        self._run("mount", "-o", f"remount,{options}", str(self.mounted))

    def _run(self, *command: str) -> int:
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        numbers = [int(word) for word in done.stdout.split() if word.isdigit()]
        return numbers[-1] if numbers else 0

    def python(self, code: str, environ: Mapping[str, str]) -> None:
        done = subprocess.run(
            [*self.inside, sys.executable, "-c", code],
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        self._holder.stdin.close()  # cat ends, and with it the namespace
        self._holder.wait(10)
        self._holder.stdout.close()
