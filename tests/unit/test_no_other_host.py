"""Two servers: whatever a body of the first says, the second is never asked for anything."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from answerable.sources import KINDS, Connection, stream
from answerable.sources.errors import SourceError
from answerable.sources.http import Client, Limits
from answerable.sources.paging import Start, walk

WALKED = [(kind, s.name) for kind, its in KINDS.items() for s in its if not s.walked_with]
LINKS = {
    "another port": "http://127.0.0.1:{other}/api/v2/next.json?page[after]=zzz&cursor=zzz",
    "without a scheme": "//127.0.0.1:{other}/api/v2/next.json?page[after]=zzz",
    "userinfo": "http://127.0.0.1:{port}@127.0.0.1:{other}/?page[after]=zzz",
    "a user of our name": "http://nightly%2Ftoken:x@127.0.0.1:{other}/?page[after]=zzz",
    "a lower scheme": "http://127.0.0.1:{other}/?page[after]=http://127.0.0.1:{other}/",
    "backslashes": "http:\\\\127.0.0.1:{other}\\?page[after]=zzz",
    "line ends": "/x\r\nHost: 127.0.0.1:{other}\r\n\r\n?page[after]=z\r\nHost: 127.0.0.1:{other}",
    "link-local": "http://169.254.169.254/latest/meta-data?page[after]=zzz",
    "at": "@127.0.0.1:{other}/?page[after]=zzz",
}


class Server:
    def __init__(self, answer=None):
        self.seen, outer = [], self
        self.answer = answer or (lambda number: (200, {}, {}))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                status, headers, body = outer.answer(len(outer.seen))
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

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
def two():
    both = Server(), Server()
    yield both
    for each in both:
        each.close()


def page(described, number, link):
    """A page with the link wherever a page can name what comes next, and then a last one."""
    numbered = f"{link}&page={number + 1}" if "?" in link else link
    is_last = number >= 3
    next_link = None if is_last else link
    meta = {"has_more": not is_last, "after_cursor": None if number % 2 else f"{link}#{number}"}
    if not is_last:
        meta["next_token"] = f"{link}#{number}"
    return {
        described.items: [],
        "end_of_stream": is_last,
        "after_cursor": f"{link}#{number}",
        "after_url": next_link,
        "next_page": next_link and numbered,  # a list by pages takes the number, and only that
        "url": link,
        "end_time": number * 1000,
        "count": 0,
        "meta": meta,
        "links": {"next": f"{link}&n={number}", "prev": link},
    }


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("kind, name", WALKED)
def test_no_link_in_a_body_leads_to_another_server(two, kind, name, link):
    server, other = two
    described = stream(kind, name)
    named = link.format(port=server.port, other=other.port)
    server.answer = lambda number: (200, {"Link": f'<{named}>; rel="next"'.replace("\r\n", " "),
                                          "Content-Location": "http://127.0.0.1:1/"},
                                    page(described, number, named))  # fmt: skip
    try:
        for _ in walk(described, start(), client(server, kind).get):
            pass
    except SourceError:
        pass
    assert other.seen == []
    assert server.seen and all(path.startswith(("/api/v2/", "/2/")) for path, _ in server.seen)
    assert {headers["Host"] for _, headers in server.seen} == {f"127.0.0.1:{server.port}"}


ID_TRICKS = ["//127.0.0.1:{other}/x", "../../../@127.0.0.1:{other}/x", "?http://127.0.0.1:{other}",
             "\r\nHost: 127.0.0.1:{other}\r\n", "%2F%2F127.0.0.1:{other}"]  # fmt: skip
BESIDE = [(kind, s) for kind, its in KINDS.items() for s in its if s.beside]


@pytest.mark.parametrize("trick", ID_TRICKS)
@pytest.mark.parametrize("kind, described", BESIDE, ids=lambda value: getattr(value, "name", value))
def test_an_id_in_a_body_that_becomes_a_path_stays_within_it(two, kind, described, trick):
    server, other = two
    id_ = trick.format(other=other.port)
    body = {described.items: [{"id": id_}], "next_page": None}
    body |= {items: [] for _, items in described.beside.values()}
    server.answer = lambda number: (200, {}, body)
    for _ in walk(described, start(), client(server, kind).get):
        pass
    assert other.seen == []
    _, *beside = [path for path, _ in server.seen]
    assert len(beside) == len(described.beside)
    for path, (template, _) in zip(beside, described.beside.values(), strict=True):
        before, _, after = template.partition("{id}")
        assert path.startswith(before) and path.endswith(after)
        assert path.count("/") == template.count("/") and "?" not in path
    assert {headers["Host"] for _, headers in server.seen} == {f"127.0.0.1:{server.port}"}


STYLES = list({s.paging: (kind, s.name) for kind, its in KINDS.items()
               for s in its if not s.walked_with}.values())  # fmt: skip


@pytest.mark.parametrize("status", [302, 308])
@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("kind, name", STYLES)
def test_no_redirect_is_followed_however_its_target_is_written(two, kind, name, link, status):
    """Another port, no scheme, userinfo, link-local: one request, and an error in words."""
    server, other = two
    target = link.format(port=server.port, other=other.port).replace("\r\n", " ")
    server.answer = lambda number: (status, {"Location": target, "Refresh": f"0; url={target}"}, {})
    with pytest.raises(SourceError, match="a redirect; it is not followed") as error:
        list(walk(stream(kind, name), start(), client(server, kind).get))
    assert len(server.seen) == 1 and other.seen == []
    assert str(other.port) not in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind, name", WALKED)
def test_no_redirect_in_mid_walk_is_followed(two, kind, name, status):
    server, other = two
    described = stream(kind, name)

    def answer(number):
        if number == 1:
            return 200, {}, page(described, 1, "x")
        return status, {"Location": f"http://127.0.0.1:{other.port}/api/v2/x.json"}, {}

    server.answer = answer
    try:
        for _ in walk(described, start(), client(server, kind).get):
            pass
        assert len(server.seen) == 1  # a stream that comes in one answer
    except SourceError as problem:
        assert "a redirect; it is not followed" in str(problem) and len(server.seen) == 2
    assert other.seen == []


def start():
    extra = {"own_user_ids": ["11"], "search": "tidewell", "refresh_days": 1}
    return Start(extra=extra, recent=lambda days: ["7"])


def client(server, kind):
    connection = Connection(
        name=kind, kind=kind, scheme="http", host="127.0.0.1", port=server.port,
        login="nightly@example.com", password="canary-token-55e2",
    )  # fmt: skip
    return Client(connection, Limits(attempts=2, first_wait=0.01), sleep=lambda _: None)
