"""The one module that knows `requests`: asking one host, its own, with patience and with limits.

Every request goes to the connection's scheme, host and port; redirects are not followed, the
environment (proxies, .netrc) has no say, and of what comes back only texts leave this module.
What is transient is tried again with backoff and jitter, what is not fails at once.
"""

import json
import random
import re
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
import urllib3

from answerable.sources.account import Account, Fixed
from answerable.sources.body import Body, NotJson
from answerable.sources.connection import Connection
from answerable.sources.errors import (
    CAPPED,
    CredentialsRefused,
    NotAvailable,
    OutOfCredits,
    RequestRejected,
    SourceError,
    SpecError,
)

# where a 429 without Retry-After may tell when the limit is reset
RESETS = (
    "x-rate-limit-reset",
    "x-ratelimit-reset",
    "ratelimit-reset",
    "Zendesk-RateLimit-incremental-exports",
    "ratelimit",
)
LATEST_DATE = 4_102_444_800  # seconds since 1970; no source is in another century
AN_INSTANT = 1_000_000_000  # so many seconds are no duration but an instant since 1970
_duration = re.compile(r"(\d+(?:\.\d*)?)\s*(ms|s|sec|secs|seconds)?", re.IGNORECASE)

RENEWALS = 3  # of credentials for one request
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long we try. The times are seconds."""

    attempts: int = 8
    first_wait: float = 0.5
    longest_wait: float = 60.0
    connect: float = 10.0
    read: float = 60.0  # without a single byte
    body: float = 300.0  # a whole answer, however busily it drips
    stream: float = 3600.0  # everything that one walk asks for, waiting included
    body_bytes: int = 64 * 1024 * 1024  # as unpacked: a small answer may unpack to a large one

    @classmethod
    def of(cls, connection: Connection) -> "Limits":
        """The defaults, with those that the connection's extra `limits` names."""
        given = connection.extra.get("limits") or {}
        try:
            return cls(**given)
        except TypeError:
            known = ", ".join(cls.__slots__)
            raise SpecError(f"connection {connection.name!r}: limits has {known}") from None


class _Transient(Exception):
    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


@dataclass
class Client:
    """Asks one source. Guards the session and the deadline of one walk."""

    connection: Connection
    limits: Limits
    may_be_withheld: bool = False
    account: Account | None = None  # what walks of the same account have in common
    counts_against: tuple[str, ...] = ()  # limits of the account, the narrowest first
    sleep: Callable[[float], None] = None  # type: ignore[assignment]  # the account's
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time  # only to read dates where the answer bears none
    jitter: Callable[[], float] = random.random
    requests_sent: int = 0
    _account: Account = field(init=False, repr=False)
    _session: requests.Session = field(init=False, repr=False)
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._account = self.account or Account(self.connection, Fixed.of(self.connection))
        if self.sleep is None:
            self.sleep = self._account.sleep
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": "answerable", "Accept": "application/json"})
        self._deadline = self.monotonic() + self.limits.stream

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, params: Mapping[str, str]) -> Body:
        """The JSON object at `path` of the connection's host.

        Raises SourceError (or one of its kinds) when trying on makes no sense or takes too long.
        """
        return self._ask("GET", path, {"params": dict(params)})

    def post(self, path: str, **body: Mapping[str, str]) -> Body:
        """The JSON object that answers `data` (a form) or `json`; otherwise like `get`."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, what: Mapping[str, Mapping[str, str]]) -> Body:
        where = f"{self.connection.name}: {method} {path}"
        attempt = renewals = 0
        while True:
            attempt += 1
            self._wait_for_our_turn(where)
            authorization = self._account.credentials.header()
            try:
                return self._once(where, method, path, what, authorization)
            except CredentialsRefused:
                # what another walk got may have expired as well; what is new and refused is no use
                if renewals == RENEWALS or not self._account.credentials.renewed(authorization):
                    raise
                renewals += 1
            except _Transient as problem:
                if attempt >= self.limits.attempts:
                    raise SourceError(
                        f"{where}: {problem}; gave up after {attempt} attempts"
                    ) from None
                wait = problem.wait
                if wait is None:
                    step = min(
                        self.limits.longest_wait, self.limits.first_wait * 2 ** (attempt - 1)
                    )
                    wait = step * (0.5 + self.jitter() / 2)
                if self.monotonic() + wait > self._deadline:
                    raise SourceError(
                        f"{where}: {problem}; waiting {wait:.0f} s more goes beyond the "
                        f"{self.limits.stream:.0f} s that a stream may take"
                    ) from None
                self.sleep(wait)

    def _wait_for_our_turn(self, where: str) -> None:
        """Wait until the limits that the account's streams share allow a request."""
        pace = self._account.pace
        wait = pace.book(self.counts_against)
        while True:
            if self.monotonic() + wait > self._deadline:
                raise SourceError(
                    f"{where}: not asked any more; the stream has taken the "
                    f"{self.limits.stream:.0f} s that it may take"
                )
            self._account.refuse_when_stopped()
            if wait > 0:
                self.sleep(wait)
            wait = pace.held(self.counts_against)
            if wait <= 0:
                return

    def _once(
        self,
        where: str,
        method: str,
        path: str,
        what: Mapping[str, Mapping[str, str]],
        authorization: str,
    ) -> Body:
        url = self.connection.base + path
        mine, asked = urlsplit(self.connection.base), urlsplit(url)
        if not path.startswith("/") or (mine.scheme, mine.netloc) != (asked.scheme, asked.netloc):
            raise SpecError(f"{where}: the path leads away from {self.connection.base}")
        self.requests_sent += 1
        try:
            response = self._session.request(
                method,
                url,
                **what,  # type: ignore[arg-type]
                headers={"Authorization": authorization} if authorization else {},
                allow_redirects=False,
                stream=True,
                timeout=(self.limits.connect, self.limits.read),
            )
        except requests.RequestException as error:
            if problem := _certificate_problem(error):
                raise SourceError(
                    f"{where}: {self.connection.host} shows a certificate that does not hold "
                    f"({problem}); nothing was sent there. Is the host's name right, and this "
                    "machine's clock? Else somebody is in between"
                ) from None
            # the error's own text holds the URL with its query: its name has to do
            raise _Transient(f"no answer ({type(error).__name__})") from None
        with response:
            self._judge(where, response)
            data = self._read(where, response)
        kind = response.headers.get("Content-Type", "no content type").split(";")[0]
        try:
            at = _date(response.headers.get("Date"))
            at = at if at is not None and 0 <= at < LATEST_DATE else None  # a clock gone wrong
            return Body.read(data.decode("utf-8", "surrogateescape"), at)
        except NotJson as error:
            raise _Transient(
                f"answered 200 with {len(data)} bytes of {kind!r}, not a JSON object ({error})"
            ) from None

    def _judge(self, where: str, response: requests.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status == 402 or (status in (403, 429) and self._is_capped(where, response)):
            raise OutOfCredits(f"{where}: answered {status}; the account's credits or cap are used")
        if status in TRANSIENT:
            wait = self._wait(response)
            if status == 429 and wait is not None and self.counts_against:
                self._account.pace.hold(self.counts_against[0], wait)
            raise _Transient(f"answered {status}", wait)
        if status == 401:
            raise CredentialsRefused(
                f"{where}: answered 401; login or token of connection "
                f"{self.connection.name!r} are refused"
            )
        if status in (403, 404) and self.may_be_withheld:
            raise NotAvailable(f"{where}: answered {status}; plan or permission withhold it")
        if 300 <= status < 400:
            raise SourceError(
                f"{where}: answered {status}, a redirect; it is not followed, because it would "
                "take our credentials elsewhere. If the address moved, change the connection's host"
            )
        advice = "; does the account have the right to read it?" if status == 403 else ""
        raise RequestRejected(f"{where}: answered {status}{advice}", status)

    def _is_capped(self, where: str, response: requests.Response) -> bool:
        """Whether a refusal is about money: then no waiting helps."""
        try:
            told = json.loads(self._read(where, response))
        except (_Transient, SourceError, ValueError, RecursionError):
            return False
        if not isinstance(told, dict):
            return False
        return str(told.get("type", "")).rpartition("/")[2] in CAPPED

    def _wait(self, response: requests.Response) -> float | None:
        """What the answer says about when to come back; None where it does not say."""
        here = _date(response.headers.get("Date")) or self.now()
        seconds = _retry_after(response.headers.get("Retry-After"), here)
        if seconds is not None:
            return seconds + self.jitter() / 10
        if response.status_code == 429:
            for name in RESETS:
                seconds = _reset(response.headers.get(name), here)
                if seconds is not None:
                    return seconds + self.jitter()
        return None

    def _read(self, where: str, response: requests.Response) -> bytes:
        """The whole body, unpacked. requests' own reading waits for ever on a body that drips."""
        ends_at = min(self.monotonic() + self.limits.body, self._deadline)
        chunks: list[bytes] = []
        size = 0
        raw = response.raw
        try:
            while True:
                chunk = raw.read1(65536, decode_content=True)
                if not chunk:
                    break
                chunks.append(chunk)
                size += len(chunk)
                if size > self.limits.body_bytes:
                    raise SourceError(
                        f"{where}: the answer is larger than {self.limits.body_bytes} bytes"
                    )
                if self.monotonic() > ends_at:
                    raise _Transient(f"the answer was not complete after {self.limits.body:.0f} s")
        except (urllib3.exceptions.HTTPError, OSError, zlib.error) as error:
            raise _Transient(f"the answer broke off ({type(error).__name__})") from None
        if getattr(raw, "length_remaining", None):
            raise _Transient("the answer broke off (shorter than it said)")
        return b"".join(chunks)


def _certificate_problem(error: BaseException | None) -> str | None:
    """What is wrong with the certificate, if that is what `error` comes from."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        inner = getattr(error, "reason", None) or next(iter(error.args), None)
        error = inner if isinstance(inner, BaseException) else error.__cause__
    return None


def _retry_after(text: str | None, here: float) -> float | None:
    """Seconds from `here` on of a Retry-After header, in any of the spellings that are met.

    >>> [_retry_after(text, 0) for text in ("7", '"7.5"', "7s", "7, 9", "-1", "soon", None)]
    [7.0, 7.5, 7.0, 9.0, None, None, None]
    """
    if not text:
        return None
    found: list[float] = []
    bare = text.strip().strip('"')
    for part in bare.split(","):  # a header sent twice is joined by commas: wait for the later
        match = _duration.fullmatch(part.strip())
        if match is None:
            then = _date(bare)
            return None if then is None else max(0.0, then - here)
        seconds = float(match[1]) / (1000 if (match[2] or "").lower() == "ms" else 1)
        found.append(max(0.0, seconds - here) if seconds >= AN_INSTANT else seconds)
    return max(found)


def _reset(text: str | None, here: float) -> float | None:
    """Seconds until a rate limit is reset: told as an instant, a duration, or within a list."""
    for part in re.split(r"[;,]", text or ""):
        match = re.fullmatch(r"(?:(?:resets?|t)=)?(\d{1,12}(?:\.\d+)?)", part.strip())
        if match:
            seconds = float(match[1])
            return max(0.0, seconds - here) if seconds >= AN_INSTANT else seconds
    return None


def _date(text: str | None) -> float | None:
    """An instant in words (RFC 9110, also its old forms) or as ISO 8601."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        if not re.match(r"\d{4}-\d\d-\d\dT", text):
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
