"""The sandbox over HTTP on 127.0.0.1: both sources' paths on one port, faults on request."""

import base64
import gzip
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from . import company, history, x, zendesk
from .oauth import Issuer
from .zendesk import Refused


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong: at the `nth` request whose target matches, `times` times over.

    status: this status, with headers and text. cut: the connection ends in the middle of the body.
    short: half the body with a right Content-Length. gzip: packed, the end of it missing, with a
    right Content-Length. duplicate: the page before comes again. html: a page for people with
    status 200. empty: status 200 without a body. reset: the connection is reset without an
    answer. slow: the body comes after `seconds`. drip: it comes byte by byte, `seconds` apart.
    body: what `change` makes of the body, which it is handed parsed.
    """

    path: str  # a regular expression, searched in the path with its query
    kind: Literal[
        "status",
        "cut",
        "short",
        "gzip",
        "duplicate",
        "html",
        "empty",
        "reset",
        "slow",
        "drip",
        "body",
    ] = "status"
    nth: int = 1
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "{}"
    seconds: float = 1.0
    change: Callable[[dict[str, Any]], Any] | None = None  # gives the body, or text as it is sent
    seen: int = 0

    @property
    def struck(self) -> int:
        """How many requests it spoiled so far."""
        return max(0, min(self.seen - self.nth + 1, self.times))

    def strikes(self, target: str) -> bool:
        if not re.search(self.path, target):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


PAGE_SIZES = frozenset({"per_page", "page[size]", "max_results"})

Faults = Iterable[Fault] | Callable[[str, int], Fault | None]


@lru_cache(maxsize=4)
def _views(seed: int, size: float, present: int, is_capped: bool) -> tuple[Any, Any]:
    world = history.world(seed, size)
    return (
        zendesk.ZendeskView(world, present),
        x.XView(world, present, is_capped=is_capped),
    )


TOKEN_PATHS = {"/oauth/tokens": "zendesk", "/2/oauth2/token": "x"}


class Sandbox(ThreadingHTTPServer):
    """The state that the handlers share: which world, at which present, which faults."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        port: int,
        seed: int,
        size: float,
        present: int,
        faults: Faults,
        is_capped: bool,
        largest_page: int | None,
        credits: int | None,
        issuers: Mapping[str, Issuer],
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.seed, self.size, self.present = seed, size, present
        self.is_capped = is_capped
        self.largest_page = largest_page
        self.credits = credits
        self.issuers = issuers
        self.faults = faults if callable(faults) else list(faults)
        self.lock = threading.Lock()
        self.requests: list[tuple[str, int]] = []
        self.last_bodies: dict[str, bytes] = {}
        self.bill: set[tuple[str, str]] = set()  # day and resource of what X charged for

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that gave up is no error of ours
            super().handle_error(request, client_address)

    def fault_for(self, target: str) -> Fault | None:
        with self.lock:
            if callable(self.faults):
                return self.faults(target, len(self.requests))
            striking = [one for one in self.faults if one.strikes(target)]  # each counts it
            return striking[0] if striking else None

    def body(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        if self.largest_page is not None:
            for name in PAGE_SIZES & query.keys():
                query[name] = str(min(int(query[name]), self.largest_page))
        with self.lock:  # a view is made once, whoever asks first
            desk, timeline = _views(self.seed, self.size, self.present, self.is_capped)
            if path.startswith("/api/v2/"):
                return zendesk.answer(desk, path, query)
            body = x.answer(timeline, path, query)
            charged = {(company.iso(self.present)[:10], one) for one in x.resources(body)}
            if self.credits is not None and len(self.bill) >= self.credits:
                raise Refused(402, x.OUT_OF_CREDITS)
            self.bill |= charged
            return body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body leave together
    server: Sandbox

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer: the sandbox's clock stands at its present."""
        return super().date_time_string(self.server.present)

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read `Handle.requests`."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        fault = self.server.fault_for(self.path)
        status, headers, body = self._answer(parts.path, dict(parse_qsl(parts.query)))
        if fault is None:
            if status == 200:
                self.server.last_bodies[parts.path] = body
        elif fault.kind == "reset":
            self.server.requests.append((self.path, 0))
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        elif fault.kind == "status":
            status, body = fault.status, fault.text.encode()
            headers = headers | fault.headers
        elif fault.kind == "html":
            headers = headers | {"Content-Type": "text/html"}
            body = b"<!doctype html><title>Sign in</title>"
        elif fault.kind == "empty":
            body = b""
        elif fault.kind == "short":
            body = body[: len(body) // 2]
        elif fault.kind == "gzip":
            headers = headers | {"Content-Encoding": "gzip"}
            body = gzip.compress(body)
            body = body[: len(body) // 2]
        elif fault.kind == "body" and status == 200:
            changed = fault.change(json.loads(body))
            body = (changed if isinstance(changed, str) else json.dumps(changed)).encode(
                "utf-8", "surrogateescape"
            )
        elif fault.kind == "duplicate":
            body = self.server.last_bodies.get(parts.path, body)
        elif fault.kind == "slow":
            time.sleep(fault.seconds)
        self.server.requests.append((self.path, status))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if fault is not None and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        if fault is not None and fault.kind == "drip":
            self._drip(body, fault.seconds)
            return
        self.wfile.write(body)

    def _drip(self, body: bytes, seconds: float) -> None:
        for place in range(len(body)):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(seconds)

    def do_POST(self) -> None:
        """A pair of tokens for a refresh token, where the sandbox issues some."""
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        fault = self.server.fault_for(self.path)
        issuer = self.server.issuers.get(TOKEN_PATHS.get(self.path, ""))
        if self.headers.get("Content-Type", "").startswith("application/json"):
            given = json.loads(data)
        else:
            given = dict(parse_qsl(data))
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            names = ("client_id", "client_secret")
            parts = base64.b64decode(pair).decode().partition(":")
            given |= dict(zip(names, parts[::2], strict=True))
        try:
            if issuer is None:
                raise Refused(404, {"error": "RecordNotFound"})
            status, found = 200, issuer.answer(given)
        except Refused as refused:
            status, found = refused.status, refused.body
        body = json.dumps(found).encode()
        self.server.requests.append((self.path, status))
        if fault is not None and fault.kind == "reset":  # used up, and nobody was told
            self.close_connection = True
            self.connection.close()
            return
        if fault is not None and fault.kind == "status":
            status, body = fault.status, fault.text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        is_desk = path.startswith("/api/v2/")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        headers |= _desk_limits(path) if is_desk else _x_limits(self.server.present)
        try:
            self._check_rights(is_desk)
            status, found = 200, self.server.body(path, query)
        except Refused as refused:
            status, found = refused.status, refused.body
        return status, headers, json.dumps(found, allow_nan=False).encode()

    def _check_rights(self, is_desk: bool) -> None:
        given = self.headers.get("Authorization", "")
        issuer = self.server.issuers.get("zendesk" if is_desk else "x")
        if issuer is not None:
            if not issuer.is_good(given):
                raise Refused(401, {"error": "invalid_token"})
            return
        if is_desk:
            pair = f"{company.ZENDESK_LOGIN}/token:{company.ZENDESK_TOKEN}".encode()
            if given not in (
                "Basic " + base64.b64encode(pair).decode(),
                f"Bearer {company.ZENDESK_TOKEN}",
            ):
                raise Refused(401, {"error": "Couldn't authenticate you"})
        elif given != f"Bearer {company.X_TOKEN}":
            raise Refused(
                401,
                {
                    "title": "Unauthorized",
                    "type": "about:blank",
                    "status": 401,
                    "detail": "Unauthorized",
                },
            )


def _desk_limits(path: str) -> dict[str, str]:
    """The spellings that one answer of Zendesk carries at once."""
    headers = {
        "X-Rate-Limit": "700",
        "X-Rate-Limit-Remaining": "640",
        "ratelimit-limit": "700",
        "ratelimit-remaining": "640",
        "ratelimit-reset": "31",
    }
    if "/incremental/" in path:
        headers["Zendesk-RateLimit-incremental-exports"] = "total=600; remaining=540; resets=31"
    return headers


def _x_limits(present: int) -> dict[str, str]:
    return {
        "x-rate-limit-limit": "450",
        "x-rate-limit-remaining": "441",
        "x-rate-limit-reset": str(present + 900),
    }


@dataclass(frozen=True, slots=True)
class Handle:
    """A running sandbox. `close` ends it; as a context manager it ends by itself."""

    server: Sandbox
    thread: threading.Thread

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def bill(self) -> set[tuple[str, str]]:
        """What X has charged for: day and resource, each once a day."""
        return self.server.bill

    @property
    def requests(self) -> list[tuple[str, int]]:
        """Target and status of every request so far; status 0: reset without an answer."""
        return self.server.requests

    def move_to(self, present: datetime | str) -> None:
        """Show the world at another present from now on."""
        self.server.present = _instant(present)

    def airflow_connections(self) -> dict[str, str]:
        """Environment variables that point both sources at this sandbox."""
        told: dict[str, dict[str, Any]] = {
            "zendesk": {
                "login": company.ZENDESK_LOGIN,
                "password": company.ZENDESK_TOKEN,
                "extra": {"scheme": "http"},
            },
            "x": {
                "password": company.X_TOKEN,
                "extra": {"scheme": "http", **company.X_EXTRA},
            },
        }
        for kind, issuer in self.server.issuers.items():
            del told[kind]["password"]
            told[kind]["extra"]["oauth"] = {
                "client_id": issuer.client_id,
                "client_secret": issuer.client_secret,
                "refresh_token": issuer.first,
            }
        return {
            f"AIRFLOW_CONN_{kind.upper()}": json.dumps(
                {"conn_type": kind, "host": "127.0.0.1", "port": self.port, **account}
            )
            for kind, account in told.items()
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self) -> "Handle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    seed: int = company.DEFAULT_SEED,
    size: float = company.DEFAULT_SIZE,
    present: datetime | str = "2026-03-01",
    port: int = 0,
    faults: Faults | None = None,
    is_capped: bool = False,
    largest_page: int | None = None,
    credits: int | None = None,
    issuers: Mapping[str, Issuer] | None = None,
) -> Handle:
    """Start a sandbox that shows nothing at or after `present` (UTC); port 0 takes a free one.

    `is_capped`: X reaches back no further than it really does. `largest_page`: at most so many
    records on a page, whatever is asked for. `credits`: X answers 402 once so many resources were
    charged for. `issuers`: sources (zendesk, x) that take tokens which expire, in place of their
    fixed one.
    """
    server = Sandbox(
        *(port, seed, size, _instant(present), faults or [], is_capped, largest_page, credits),
        issuers or {},
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    return Handle(server, thread)


def _instant(present: datetime | str) -> int:
    given = datetime.fromisoformat(present) if isinstance(present, str) else present
    return int((given.replace(tzinfo=UTC) if given.tzinfo is None else given).timestamp())
