"""What streams of one account share: limits, refusals, credentials that are renewed, an end."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from answerable.sources import KINDS, LIMITS, Connection, SpecError, account_of, at_once
from answerable.sources.account import Account, Fixed, Pace
from answerable.sources.errors import CredentialsRefused, SourceError, Stopped
from answerable.sources.http import Client, Limits


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def desk(**extra):
    return Connection(name="desk", kind="zendesk", host="h", login="a", password="p", extra=extra)


@pytest.fixture
def server_of():
    """`server_of(step, ...)` answers with each step in turn, the last for ever; None: an object."""
    running = []

    def make(*steps):
        script = list(steps)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                http.seen.append(self.path)
                step = script.pop(0) if len(script) > 1 else script[0]
                status, headers, data = step(self) if step else (200, {}, b"{}")
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.daemon_threads = True
        http.seen = []
        port = http.server_address[1]
        http.connection = Connection(
            name="desk", kind="zendesk", scheme="http", host="127.0.0.1", port=port, login="a",
            password="p",
        )  # fmt: skip
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        running.append(http)
        return http

    yield make
    for http in running:
        http.shutdown()
        http.server_close()


def test_no_more_than_the_number_goes_out_in_any_minute():
    clock = Clock()
    pace = Pace({"exports": 10, "account": 12}, clock)
    sent = {"exports": [], "all": []}
    for number in range(60):
        limits = ("account",) if number % 3 == 0 else ("exports", "account")
        clock.sleep(pace.book(limits))
        sent["all"].append(clock())
        if len(limits) == 2:
            sent["exports"].append(clock())
    for name, most in (("exports", 10), ("all", 12)):
        times = sent[name]
        for first in times:
            assert sum(first <= each < first + 60 for each in times) <= most, name
    assert 180 <= clock() - 1000 <= 300  # 60 requests, 12 a minute; no slower than needed


def test_without_a_number_nothing_waits_until_one_is_refused():
    clock = Clock()
    pace = Pace({}, clock)
    assert [pace.book(("exports", "account")) for _ in range(100)] == [0.0] * 100
    pace.hold("exports", 30)
    pace.hold("exports", 10)  # a shorter one does not shorten it
    assert (pace.held(("exports", "account")), pace.held(("account",))) == (30, 0)
    clock.sleep(31)
    assert pace.held(("exports",)) == 0
    pace.hold("exports", 86_400)  # one stream's own trouble, whatever it is
    assert pace.held(("exports",)) == 0


def test_a_refusal_of_one_stream_holds_those_of_the_same_limit(server_of):
    def refuse(handler):
        return 429, {"Retry-After": "7"}, b"{}"

    server = server_of(refuse, None)
    account = account_of(server.connection)
    waits = {"first": [], "same": [], "other": []}

    def client(name, *limits):
        return Client(
            server.connection,
            Limits(),
            account=account,
            counts_against=limits,
            sleep=waits[name].append,
            jitter=lambda: 0.0,
        )

    # time stands still for the first, so what it waits for is still to come for the others
    account.pace._now = lambda: 0.0
    first = client("first", "exports", "account")
    with pytest.raises(SourceError, match="gave up after 1 attempts"):
        first.limits = Limits(attempts=1)
        first.get("/a", {})

    def then_go_on(seconds):
        waits["same"].append(seconds)
        account.pace._now = lambda: 8.0

    same = client("same", "exports", "account")
    same.sleep = then_go_on
    other = client("other", "account")
    other.get("/c", {})
    same.get("/b", {})
    assert waits == {"first": [], "same": [7.0], "other": []}


def test_waiting_for_our_turn_ends_at_the_streams_deadline(server_of):
    server = server_of(None)
    account = Account(server.connection, Fixed.of(server.connection), Pace({"exports": 1}))
    client = Client(
        server.connection, Limits(stream=30), account=account, counts_against=("exports",)
    )
    client.get("/a", {})
    with pytest.raises(SourceError, match="the stream has taken the 30 s"):
        client.get("/a", {})
    assert len(server.seen) == 1


def test_stopped_a_walk_asks_no_more_and_waits_no_longer(server_of):
    server = server_of(None)
    account = account_of(server.connection)
    client = Client(server.connection, Limits(), account=account)
    timer = threading.Timer(0.1, account.stop)
    timer.start()
    with pytest.raises(Stopped):
        account.sleep(60)
    with pytest.raises(Stopped):
        client.get("/a", {})
    assert server.seen == []


# --- credentials that are renewed ----------------------------------------------------------------


class Renewable:
    def __init__(self, *tokens):
        self.tokens, self.at, self.asked = tokens, 0, []

    def header(self):
        return f"Bearer {self.tokens[self.at]}"

    def renewed(self, refused):
        self.asked.append(refused)
        if self.at + 1 == len(self.tokens):
            return None
        self.at += 1
        return self.header()


def only(token):
    def step(handler):
        good = handler.headers["Authorization"] == f"Bearer {token}"
        return (200, {}, b"{}") if good else (401, {}, b"{}")

    return step


def test_refused_credentials_are_renewed_once_and_the_same_is_asked_again(server_of):
    server = server_of(only("b"))
    credentials = Renewable("a", "b", "c")
    client = Client(server.connection, Limits(), account=account_of(server.connection, credentials))
    client.get("/x", {"cursor": "7"})
    assert credentials.asked == ["Bearer a"]
    assert server.seen == ["/x?cursor=7", "/x?cursor=7"]
    client.get("/x", {"cursor": "8"})  # the new ones from here on
    assert len(server.seen) == 3


def test_what_is_new_and_refused_is_not_renewed_for_ever(server_of):
    server = server_of(only("never"))
    credentials = Renewable(*"abcdefgh")
    client = Client(server.connection, Limits(), account=account_of(server.connection, credentials))
    with pytest.raises(CredentialsRefused):
        client.get("/x", {})
    assert (len(server.seen), credentials.at) == (4, 3)


def test_fixed_credentials_have_no_successor():
    pair = base64.b64encode(b"a/token:p").decode()
    assert Fixed.of(desk()).header() == f"Basic {pair}"
    assert Fixed.of(desk(auth="bearer")).header() == "Bearer p"
    assert Fixed.of(desk()).renewed("Bearer p") is None
    assert "p" not in repr(Fixed.of(desk(auth="bearer"))).replace("Fixed()", "")


# --- what connections may say ---------------------------------------------------------------------


def test_a_connection_may_lower_or_raise_how_many_go_at_once():
    assert at_once(desk()) == 4
    assert at_once(desk(streams_at_once=1)) == 1
    assert at_once(desk(streams_at_once=16)) == 16
    for wrong in (0, 17, "2", True, 1.5):
        with pytest.raises(SpecError, match="expected a whole number from 1 to 16"):
            at_once(desk(streams_at_once=wrong))


def test_a_connection_may_set_limits_that_there_are():
    account = account_of(desk(requests_per_minute={"exports": 1}))
    assert account.pace.book(("exports", "account")) == 0
    assert account.pace.book(("exports", "account")) == pytest.approx(60, abs=1)
    with pytest.raises(SpecError, match=r"no limit 'export'; zendesk has \['account', 'exports'\]"):
        account_of(desk(requests_per_minute={"export": 10}))
    with pytest.raises(SpecError, match="above 0"):
        account_of(desk(requests_per_minute={"exports": 0}))
    with pytest.raises(SpecError, match="is an object"):
        account_of(desk(requests_per_minute=10))


def test_every_stream_counts_against_limits_of_its_kind_and_waits_for_streams_that_there_are():
    for kind, streams in KINDS.items():
        names = [each.name for each in streams]
        for each in streams:
            assert set(each.counts_against) <= LIMITS[kind].keys()
            for other in each.after:
                assert names.index(other) < names.index(each.name)  # so none wait for each other
