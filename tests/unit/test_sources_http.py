"""The HTTP client against a real server on loopback, and another that must never be asked."""

import base64
import contextlib
import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from answerable.sources import Connection, SpecError
from answerable.sources.errors import (
    CredentialsRefused,
    NotAvailable,
    RequestRejected,
    SourceError,
)
from answerable.sources.http import Client, Limits

CANARY = "canary-token-81c1"


class Server:
    """Answers with what `script` holds, one entry a request, the last for ever."""

    def __init__(self):
        self.script, self.seen = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                step = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                step(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    it = Server()
    yield it
    it.close()


@pytest.fixture
def other():
    it = Server()
    it.script = [answer({"secret": True})]
    yield it
    it.close()


def answer(body=None, status=200, headers=(), raw=None, length=None):
    def step(handler):
        data = json.dumps(body).encode() if raw is None else raw
        handler.send_response(status)
        for name, value in dict(headers).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        handler.end_headers()
        handler.wfile.write(data)
        if length is not None and length > len(data):
            handler.close_connection = True

    return step


OK = answer({"end": True})


class Waits(list):
    def __call__(self, seconds):
        self.append(seconds)


def client(server, waits=None, may_be_withheld=False, **limits):
    connection = Connection(
        name="zendesk",
        kind="zendesk",
        scheme="http",
        host="127.0.0.1",
        port=server.port,
        login="nightly@example.com",
        password=CANARY,
    )
    return Client(
        connection,
        Limits(**{"first_wait": 1.0, "read": 2.0, "connect": 2.0, **limits}),
        may_be_withheld=may_be_withheld,
        sleep=Waits() if waits is None else waits,
        jitter=lambda: 0.0,
    )


def test_asks_with_credentials_and_a_name(server):
    server.script = [OK]
    body = client(server).get("/api/v2/x.json", {"page[size]": "100"})
    assert body.value("end") is True
    path, headers = server.seen[0]
    assert path == "/api/v2/x.json?page%5Bsize%5D=100"
    assert headers["User-Agent"] == "answerable"
    pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == f"nightly@example.com/token:{CANARY}"


def test_environment_has_no_say(server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password stolen")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.script = [OK]
    client(server).get("/", {})
    assert "Basic" in server.seen[0][1]["Authorization"]
    assert CANARY in base64.b64decode(server.seen[0][1]["Authorization"][6:]).decode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(server, other, status):
    where = f"http://127.0.0.1:{other.port}/api"
    server.script = [answer({}, status, {"Location": where})]
    with pytest.raises(SourceError, match="redirect"):
        client(server).get("/api", {})
    assert len(server.seen) == 1 and other.seen == []


@pytest.mark.parametrize("path", ["//127.0.0.1:{}/x", "http://127.0.0.1:{}/x", "@127.0.0.1:{}/x"])
def test_no_path_leads_to_another_host(server, other, path):
    server.script = [OK]
    with contextlib.suppress(SpecError):
        client(server).get(path.format(other.port), {})
    assert other.seen == []


@pytest.mark.parametrize(
    "host", ["a@b", "a/b", "a?b", "a#b", "user:pw@h", "h:80", " h", "", "h\\x", "http://u@h"]
)
def test_hosts_that_hold_more_than_a_host_are_refused(host):
    with pytest.raises(SpecError):
        Connection.from_dict({"name": "x", "kind": "x", "host": host, "password": "p"})


def test_retry_after_in_seconds_as_a_date_and_absent(server):
    date = {"Date": "Mon, 02 Mar 2026 00:00:00 GMT"}

    def later(handler):
        handler.send_response_only(429)
        handler.send_header("Date", date["Date"])
        handler.send_header("Retry-After", "Mon, 02 Mar 2026 00:01:30 GMT")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def reset(handler):
        handler.send_response_only(429)
        handler.send_header("Date", date["Date"])
        handler.send_header("x-rate-limit-reset", "1772409645")  # 2026-03-02 00:00:45
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.script = [
        answer({}, 429, {"Retry-After": "7"}),
        later,
        reset,
        answer({}, 429, {"Retry-After": "soon"}),
        answer({}, 503),
        OK,
    ]
    waits = Waits()
    assert client(server, waits).get("/", {}).value("end") is True
    # without a word the wait doubles with each attempt: the fourth and the fifth here
    assert waits == [7.0, 90.0, 45.0, 4.0, 8.0]


NOW = 1772409600  # 2026-03-02 00:00:00, what the server's clock says


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "7.5"}, 7.5),
        ({"Retry-After": '"7"'}, 7),
        ({"Retry-After": " 7 s"}, 7),
        ({"Retry-After": "1500ms"}, 1.5),
        ({"Retry-After": "5, 9"}, 9),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": str(NOW + 30)}, 30),  # an instant where a duration should be
        ({"Retry-After": "Mon, 02 Mar 2026 00:01:30 GMT"}, 90),
        ({"Retry-After": "Monday, 02-Mar-26 00:01:30 GMT"}, 90),
        ({"Retry-After": "Mon Mar  2 00:01:30 2026"}, 90),
        ({"Retry-After": "2026-03-02T00:01:30Z"}, 90),
        ({"Retry-After": "Sun, 01 Mar 2026 00:00:00 GMT"}, 0),  # past: now
        ({"Retry-After": "2026-99-99T00:00:00Z"}, 1),  # no sense: as if absent
        ({"Retry-After": "-3"}, 1),
        ({"Retry-After": "nan"}, 1),
        ({"Retry-After": ""}, 1),
        ({}, 1),
        ({"X-RateLimit-Reset": str(NOW + 12)}, 12),
        ({"ratelimit-reset": "31"}, 31),
        ({"Zendesk-RateLimit-incremental-exports": "total=10; remaining=0; resets=31"}, 31),
        ({"RateLimit": '"default";r=0;t=8'}, 8),
        ({"Retry-After": "2", "ratelimit-reset": "31"}, 2),
    ],
)
def test_when_to_come_back_is_read_in_every_spelling(server, headers, seconds):
    def too_many(handler):
        handler.send_response_only(429)
        handler.send_header("Date", "Mon, 02 Mar 2026 00:00:00 GMT")
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.script = [too_many, OK]
    waits = Waits()
    # our own clock is hours off: the server's counts
    assert client(server, waits, stream=1e9).get("/", {}).value("end") is True
    # without a word: the first wait, the lower half of it
    assert waits == pytest.approx([0.5 if seconds == 1 else seconds])


def test_a_walk_that_goes_on_for_ever_ends_at_the_deadline(server):
    server.script = [OK]
    now = [0.0]
    one = client(server, stream=100)
    one.monotonic, one._deadline = (lambda: now[0]), 100
    with pytest.raises(SourceError, match="the stream has taken the 100 s that it may take"):
        for now[0] in range(0, 1000, 10):
            one.get("/", {})
    assert len(server.seen) == 11


def test_a_wait_beyond_the_deadline_fails_at_once_and_says_so(server):
    server.script = [answer({}, 429, {"Retry-After": "86400"})]
    waits = Waits()
    with pytest.raises(SourceError, match="86400 s more"):
        client(server, waits).get("/", {})
    assert waits == [] and len(server.seen) == 1


def test_what_is_transient_is_tried_again(server):
    half = json.dumps({"end": True, "filler": "x" * 5000}).encode()
    packed = gzip.compress(half)
    server.script = [
        answer({}, 500),
        answer(raw=half[:100], length=len(half)),  # cut, shorter than it said
        answer(raw=half[:100]),  # cut, with a length that fits
        answer(raw=packed[:50], headers={"Content-Encoding": "gzip"}),
        answer(raw=b"<html>please log in</html>", headers={"Content-Type": "text/html"}),
        answer(raw=b""),
        lambda handler: handler.connection.close(),
        OK,
    ]
    waits = Waits()
    assert client(server, waits).get("/", {}).value("end") is True
    assert len(waits) == 7 and len(server.seen) == 8


def test_gives_up_after_as_many_attempts_as_allowed(server):
    server.script = [
        answer(raw=b"<html>my private page</html>", headers={"Content-Type": "text/html"})
    ]
    with pytest.raises(SourceError, match="gave up after 3 attempts") as caught:
        client(server, attempts=3).get("/", {})
    assert len(server.seen) == 3
    assert "text/html" in str(caught.value) and "private" not in str(caught.value)


@pytest.mark.parametrize(
    "status, kind",
    [
        (401, CredentialsRefused),
        (403, RequestRejected),
        (404, RequestRejected),
        (422, RequestRejected),
    ],
)
def test_what_does_not_get_better_fails_at_once(server, status, kind):
    server.script = [answer({}, status)]
    with pytest.raises(kind) as caught:
        client(server).get("/api", {"secret": CANARY})
    assert len(server.seen) == 1
    assert CANARY not in str(caught.value) and str(status) in str(caught.value)


@pytest.mark.parametrize("status", [403, 404])
def test_a_stream_that_the_plan_withholds_is_not_available(server, status):
    server.script = [answer({}, status)]
    with pytest.raises(NotAvailable):
        client(server, may_be_withheld=True).get("/", {})


def test_a_body_that_drips_hits_the_deadline(server):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _ in range(200):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)

    server.script = [drip]
    started = time.monotonic()
    with pytest.raises(SourceError, match="not complete"):
        client(server, attempts=1, body=0.3).get("/", {})
    assert time.monotonic() - started < 2


def test_a_body_that_unpacks_without_end_is_refused(server):
    bomb = gzip.compress(b'{"a": "' + b"0" * 5_000_000 + b'"}')
    server.script = [answer(raw=bomb, headers={"Content-Encoding": "gzip"})]
    with pytest.raises(SourceError, match="larger than"):
        client(server, body_bytes=1_000_000).get("/", {})
    assert len(server.seen) == 1


def test_nobody_at_home_is_an_error_without_the_query(server):
    server.script = [OK]
    server.close()
    with pytest.raises(SourceError) as caught:
        client(server, attempts=2).get("/api", {"token": CANARY})
    assert CANARY not in str(caught.value)


def test_bytes_that_are_no_text_arrive_as_they_are(server):
    server.script = [answer(raw=b'{"a": ["\xff\xfe", "\\ud83d"]}')]
    texts = client(server).get("/", {}).texts("a")
    assert [text.encode("utf-8", "surrogateescape") for text in texts] == [
        b'"\xff\xfe"',
        b'"\\ud83d"',
    ]


def test_secrets_are_in_no_repr(server):
    asked = client(server)
    assert CANARY not in repr(asked) and CANARY not in repr(asked.connection)
    given = {"name": "x", "kind": "x", "host": "h", "password": CANARY, "extra": {"k": CANARY}}
    assert CANARY not in repr(Connection.from_dict(given))


@pytest.mark.parametrize(
    "given, named",
    [
        ({"kind": "x", "host": "h"}, "name"),
        ({"name": "x", "kind": "x", "host": "h", "hots": 1}, "hots"),
        ({"name": "X", "kind": "x", "host": "h"}, "lower case"),
        ({"name": "x", "kind": "x", "host": "h", "scheme": "ftp"}, "ftp"),
        ({"name": "x", "kind": "x", "host": "h", "extra": "{"}, "extra"),
    ],
)
def test_connections_check_themselves(given, named):
    with pytest.raises(SpecError, match=named):
        Connection.from_dict(given)
