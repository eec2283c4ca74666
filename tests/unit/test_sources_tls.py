"""Certificates that do not hold: nothing is sent, nothing is tried again, nothing goes without."""

import pytest
import requests
from certificates import Authority, over_tls

from answerable.sandbox import company
from answerable.sandbox.server import Fault, serve
from answerable.sources import Connection
from answerable.sources.errors import SourceError
from answerable.sources.http import Client, Limits


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.new(tmp_path_factory.mktemp("certificates"))


def ask(handle, authority, monkeypatch):
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(authority.trusted))
    connection = Connection(
        name="desk", kind="zendesk", scheme="https", host="127.0.0.1", port=handle.port,
        login=company.ZENDESK_LOGIN, password=company.ZENDESK_TOKEN,
    )  # fmt: skip
    waits = []
    client = Client(connection, Limits(attempts=3, first_wait=0), sleep=waits.append)
    try:
        return client.get("/api/v2/groups.json", {"page[size]": "5"}), client, waits
    except SourceError as error:
        return error, client, waits
    finally:
        client.close()


def test_a_certificate_that_holds_is_taken(authority, monkeypatch):
    with serve(size=0.02) as handle:
        over_tls(handle, authority.context("good"))
        body, _, _ = ask(handle, authority, monkeypatch)
        assert len(body.texts("groups")) == 5
        assert [status for _, status in handle.requests] == [200]


@pytest.mark.parametrize(
    "kind, words",
    [
        ("expired", "certificate has expired"),
        ("another host's", "certificate is not valid for '127.0.0.1'"),
        ("self-signed", "self-signed certificate"),
    ],
)
def test_one_that_does_not_hold_ends_the_walk_at_once(authority, monkeypatch, kind, words):
    with serve(size=0.02) as handle:
        over_tls(handle, authority.context(kind))
        error, client, waits = ask(handle, authority, monkeypatch)
        assert isinstance(error, SourceError) and words in str(error)
        assert company.ZENDESK_TOKEN not in str(error) and "page" not in str(error)
        assert client.requests_sent == 1 and waits == []
        assert handle.requests == []  # neither over TLS nor in the clear


def test_a_server_that_speaks_no_tls_gets_no_request(authority, monkeypatch):
    """Nor is a lower scheme tried instead."""
    with serve(size=0.02) as handle:
        error, client, _ = ask(handle, authority, monkeypatch)
        assert isinstance(error, SourceError) and "no answer" in str(error)
        assert client.requests_sent == 3  # it may be one that is being started
        assert handle.requests == []


def test_a_redirect_to_a_lower_scheme_is_not_followed(authority, monkeypatch):
    """The same host in the clear: the token would be there for everybody to read."""
    with serve(size=0.02) as plain:
        down = {"Location": f"http://127.0.0.1:{plain.port}/api/v2/groups.json"}
        with serve(size=0.02, faults=[Fault(".", status=301, headers=down, times=9)]) as handle:
            over_tls(handle, authority.context("good"))
            error, client, _ = ask(handle, authority, monkeypatch)
        assert "a redirect; it is not followed" in str(error) and client.requests_sent == 1
        assert plain.requests == []
