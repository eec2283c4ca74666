"""Where a source is and who we are to it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from answerable.sources.errors import SpecError

NAME = re.compile(r"[a-z][a-z0-9_]*")
# what may stand between `//` and `:port`; leaves no room for userinfo, path, query or fragment
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One account of one source. `name` is the source's name, the first part of every key."""

    name: str
    kind: str
    host: str
    scheme: str = "https"
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        where = f"connection {self.name!r}"
        if not NAME.fullmatch(self.name or ""):
            raise SpecError(f"{where}: a source's name is lower case letters, digits and _")
        if self.scheme not in ("http", "https"):
            raise SpecError(f"{where}: scheme {self.scheme!r}; expected https (or http)")
        if not HOST.fullmatch(self.host or ""):
            raise SpecError(
                f"{where}: host is not a bare host name (no scheme, path, user or port in it)"
            )
        if self.port is not None and not 0 < self.port < 65536:
            raise SpecError(f"{where}: port {self.port} is not between 1 and 65535")
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Connection":
        """From a plain mapping; `extra` may be JSON text and may hold `scheme`.

        Raises SpecError naming what is missing or unknown.
        """
        known = {"name", "kind", "scheme", "host", "port", "login", "password", "extra"}
        if unknown := sorted(set(given) - known):
            raise SpecError(f"connection {given.get('name')!r}: unknown {unknown}; known: {known}")
        if missing := sorted(k for k in ("name", "kind", "host") if not given.get(k)):
            raise SpecError(f"connection {given.get('name')!r}: {', '.join(missing)} missing")
        extra = given.get("extra") or {}
        if isinstance(extra, str):
            try:
                extra = json.loads(extra)
            except ValueError:
                raise SpecError(f"connection {given['name']!r}: extra is not JSON") from None
        if not isinstance(extra, Mapping):
            raise SpecError(f"connection {given['name']!r}: extra is not a JSON object")
        host = str(given["host"])
        scheme = given.get("scheme") or extra.get("scheme") or "https"
        if match := re.match(r"(https?)://(.*)", host):  # Airflow keeps a scheme in the host
            scheme, host = match.groups()
        return cls(
            name=given["name"],
            kind=given["kind"],
            scheme=scheme,
            host=host.rstrip("/"),
            port=int(given["port"]) if given.get("port") else None,
            login=given.get("login") or None,
            password=given.get("password") or None,
            extra={k: v for k, v in extra.items() if k != "scheme"},
        )

    @property
    def base(self) -> str:
        """Scheme, host and port: the only place that a request of this connection may go to."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")
