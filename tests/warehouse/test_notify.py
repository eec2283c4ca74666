"""What people are told of a night, by mail and by a webhook, and that it costs no night."""

import base64
import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import hostile
import psycopg
import pytest
from marts_by_hand import AS_OF, add, start_run

from answerable import notify
from answerable.settings import Settings


class Post(socketserver.StreamRequestHandler):
    """As much SMTP as a mail needs; what was said in the clear is noted."""

    def handle(self) -> None:
        if self.server.tls and self.server.is_wrapped:
            self.wrap()
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            if not isinstance(self.connection, ssl.SSLSocket):
                self.server.in_the_clear.append(line)
            if line.upper().startswith("EHLO"):
                offered = ["here", "AUTH PLAIN"]
                if self.server.tls and not self.server.is_wrapped:
                    offered.insert(1, "STARTTLS")
                self.say("\r\n".join([*(f"250-{each}" for each in offered), "250 HELP"]))
                continue
            elif line.upper().startswith("STARTTLS"):
                self.say("220 go on")
                self.wrap()
                continue
            elif line.upper().startswith("AUTH PLAIN"):
                self.server.logins.append(base64.b64decode(line.split()[2]))
                self.say("235 welcome")
                continue
            elif line.upper().startswith("DATA"):
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines))
            elif line.upper().startswith("RCPT"):
                self.server.recipients.append(line)
                if self.server.refuses:
                    self.say("550 no such user SECRET")
                    continue
            elif line.upper().startswith("QUIT"):
                self.say("221 bye")
                return
            self.say("250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def wrap(self) -> None:
        self.request = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.setup()


class Hook(BaseHTTPRequestHandler):
    """A webhook that answers with what it is told to, then with 200."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, json.loads(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mailbox() -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post) as server:
        server.daemon_threads = True
        server.mails, server.recipients, server.refuses = [], [], False
        server.tls, server.is_wrapped, server.logins, server.in_the_clear = None, False, [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def certified(mailbox, tmp_path, need_tool) -> Path:
    """The certificate that the mailbox shows where it is asked to encrypt."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([need_tool("openssl"), *asked.split(), *more], check=True, capture_output=True)
    mailbox.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mailbox.tls.load_cert_chain(certificate, key)
    return certificate


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setattr(notify, "WAIT_SECONDS", 0.0)
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.posts, server.answers = [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def by_mail(server: socketserver.BaseServer, **extra: object) -> dict:
    return {
        "name": "ops_mail",
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": server.server_address[1],
        "extra": {"security": "none", "from": "night@example.com", "to": ["ada@example.com"]}
        | extra,
    }


def by_hook(server: HTTPServer, **extra: object) -> dict:
    return {
        "name": "ops_hook",
        "kind": "slackwebhook",
        "host": "127.0.0.1",
        "scheme": "http",
        "port": server.server_address[1],
        "password": "/services/T0/B0/SECRET",
        "extra": extra,
    }


def night(
    conn: psycopg.Connection,
    number: int,
    status: str,
    *results: tuple[str, str],
    keys: tuple[str, ...] = ("zendesk:1 / 2",),
) -> str:
    run_id = f"run-{number}"
    start_run(conn, run_id, AS_OF + timedelta(days=number))
    conn.execute(
        "update ops.runs set status = %s, report_path = '/reports/sla.html' where run_id = %s",
        [status, run_id],
    )
    add(
        conn,
        "ops.check_results",
        [
            {"run_id": run_id, "stage": "build", "suite": "s", "table_name": "fct_cases"}
            | {"rule": rule, "severity": severity, "is_success": False, "unexpected_count": 3}
            | {"example_keys": json.dumps(keys), "advice": "look at the case"}
            for rule, severity in results
        ],
    )
    conn.commit()
    return run_id


def tell(settings: Settings, run_id: str, *channels: dict) -> dict[str, str]:
    known = {each["name"]: each for each in channels}
    return notify.tell(run_id, list(known), known.__getitem__, settings=settings)


def test_a_red_gate_is_told_by_mail_with_table_rule_count_keys_and_advice(
    settings, warehouse, mailbox
):
    run_id = night(warehouse, 1, "failed", ("ExpectX", "critical"), ("ExpectY", "warning"))
    assert tell(settings, run_id, by_mail(mailbox)) == {"ops_mail": "told of red"}
    mail = message_from_bytes(mailbox.mails[0], policy=policy.default)
    assert mail["Subject"] == "[Answerable] red: the night as of 2026-03-02 00:00 UTC, 1 rule"
    assert (mail["From"], mail["To"]) == ("night@example.com", "ada@example.com")
    text = mail.get_content()
    assert "fct_cases: ExpectX (critical): 3 found, e.g. zendesk:1 / 2" in text
    assert "look at the case" in text and "readers see the last published night" in text
    assert "ExpectY" not in text


def test_the_same_is_told_once_and_something_else_again(settings, warehouse, mailbox, hook):
    run_id = night(warehouse, 1, "failed", ("ExpectX", "critical"))
    channels = by_mail(mailbox), by_hook(hook)
    assert set(tell(settings, run_id, *channels).values()) == {"told of red"}
    assert set(tell(settings, run_id, *channels).values()) == {"told before"}
    assert (len(mailbox.mails), len(hook.posts)) == (1, 1)
    warehouse.execute("update ops.check_results set unexpected_count = 4")
    warehouse.commit()
    assert set(tell(settings, run_id, *channels).values()) == {"told of red"}
    assert (len(mailbox.mails), len(hook.posts)) == (2, 2)


def test_a_failed_night_and_the_way_back_are_told_and_a_green_one_is_not(settings, warehouse, hook):
    channel = by_hook(hook)
    assert tell(settings, night(warehouse, 1, "published"), channel) == {
        "ops_hook": "nothing to tell"
    }
    assert tell(settings, night(warehouse, 2, "failed"), channel) == {"ops_hook": "told of failed"}
    assert tell(settings, night(warehouse, 3, "published"), channel) == {
        "ops_hook": "told of recovered"
    }
    assert tell(settings, night(warehouse, 4, "published"), channel) == {
        "ops_hook": "nothing to tell"
    }
    path, body = hook.posts[1]
    assert path == "/services/T0/B0/SECRET"
    assert "back to green" in body["text"] and "Report: /reports/sla.html" in body["text"]


def test_warnings_are_told_where_they_are_asked_for(settings, warehouse, hook, mailbox):
    run_id = night(warehouse, 1, "published", ("ExpectY", "warning"))
    assert tell(settings, run_id, by_hook(hook, on=["warnings"]), by_mail(mailbox)) == {
        "ops_hook": "told of warnings",
        "ops_mail": "not asked for warnings",
    }
    assert "ExpectY (warning): 3 found" in hook.posts[0][1]["text"]


def test_what_was_accepted_is_no_news(settings, warehouse, hook):
    run_id = night(warehouse, 1, "published", ("ExpectX", "critical"))
    warehouse.execute(
        "insert into ops.accepted_exceptions (table_name, rule, most_rows, from_night, until_night,"
        " reason, owner) values ('fct_cases', 'ExpectX', 3, '2026-03-02', '2026-03-09', 'r', 'o');"
        "update ops.check_results set exception_no = 1"
    )
    warehouse.commit()
    assert tell(settings, run_id, by_hook(hook, on="warnings")) == {"ops_hook": "nothing to tell"}


def test_foreign_words_act_in_no_header_and_no_chat(settings, warehouse, mailbox, hook):
    key = "zendesk:1\r\nBcc: eve@example.com\r\n\x1b[2J <!channel> & <http://evil.example|x>"
    run_id = night(warehouse, 1, "failed", ("ExpectX", "critical"), keys=(key,))
    tell(settings, run_id, by_mail(mailbox), by_hook(hook))
    mail = message_from_bytes(mailbox.mails[0], policy=policy.default)
    assert mail["Bcc"] is None and len(mailbox.recipients) == 1
    assert "\x1b" not in mail.get_content()
    assert "\nBcc" not in mail.get_content()
    text = hook.posts[0][1]["text"]
    assert "&lt;!channel&gt; &amp; &lt;http://evil.example|x&gt;" in text
    assert "<" not in text and "\x1b" not in text


def test_every_hostile_text_is_told_as_a_text(settings, warehouse, mailbox, hook):
    keys = tuple(  # what PostgreSQL holds
        text.replace("\x00", "").encode("utf-8", "replace").decode() for text in hostile.corpus()
    )
    run_id = night(warehouse, 1, "failed", ("ExpectX", "critical"), keys=keys)
    told = tell(settings, run_id, by_mail(mailbox), by_hook(hook))
    assert set(told.values()) == {"told of red"}
    assert len(mailbox.mails) == len(mailbox.recipients) == len(hook.posts) == 1
    mail = message_from_bytes(mailbox.mails[0], policy=policy.default)
    assert set(mail.keys()) == {
        "Subject", "From", "To", "Auto-Submitted", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
    }  # fmt: skip
    assert (mail.get_content_type(), mail.defects) == ("text/plain", [])
    for text in (mail.get_content().replace("\r\n", "\n"), hook.posts[0][1]["text"]):
        assert not hostile.ACTING.search(text)
        assert text.count(hostile.CANARY) > 200
        # a key brings no line of its own
        assert len(text.splitlines()) < 15
    assert not set("<>") & set(hook.posts[0][1]["text"])


def test_an_address_with_a_line_break_is_refused(settings, warehouse, mailbox):
    run_id = night(warehouse, 1, "failed")
    channel = by_mail(mailbox, to="ada@example.com\r\nBcc: eve@example.com")
    assert tell(settings, run_id, channel) == {"ops_mail": "failed: `from` or `to` is no address"}
    assert mailbox.mails == []


LOGIN = {"login": "ops", "password": "SECRET"}


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_mail_goes_encrypted_to_who_shows_a_certificate_that_is_trusted(
    settings, warehouse, mailbox, certified, security, monkeypatch
):
    mailbox.is_wrapped = security == "ssl"
    channel = by_mail(mailbox, security=security) | LOGIN
    run_id = night(warehouse, 1, "failed")
    said = tell(settings, run_id, channel)["ops_mail"]
    assert said.startswith("failed: mail: SSLCertVerificationError")
    assert (mailbox.logins, mailbox.mails) == ([], [])
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    assert tell(settings, run_id, channel) == {"ops_mail": "told of failed"}
    assert mailbox.logins == [b"\0ops\0SECRET"]
    assert len(mailbox.mails) == 1
    assert {line.split()[0].upper() for line in mailbox.in_the_clear} <= {"EHLO", "STARTTLS"}


def test_nothing_is_told_in_the_clear_where_encryption_was_asked_for(settings, warehouse, mailbox):
    channel = by_mail(mailbox) | LOGIN
    del channel["extra"]["security"]  # STARTTLS unless something else is asked for
    said = tell(settings, night(warehouse, 1, "failed"), channel)
    assert said == {"ops_mail": "failed: mail: SMTPNotSupportedError"}
    assert (mailbox.logins, mailbox.mails) == ([], [])


def test_a_webhook_is_asked_again_and_a_refusal_is_not(settings, warehouse, hook):
    hook.answers = [503, 429]
    first, second = night(warehouse, 1, "failed"), night(warehouse, 2, "failed")
    assert tell(settings, first, by_hook(hook)) == {"ops_hook": "told of failed"}
    assert len(hook.posts) == 3
    hook.answers = [404]
    assert tell(settings, second, by_hook(hook)) == {"ops_hook": "failed: webhook: HTTP 404"}
    hook.answers = [302]
    assert tell(settings, second, by_hook(hook)) == {"ops_hook": "failed: webhook: HTTP 302"}
    assert len(hook.posts) == 5


def test_what_did_not_get_through_is_tried_again_the_next_time(settings, warehouse, mailbox):
    run_id = night(warehouse, 1, "failed")
    mailbox.refuses = True
    said = tell(settings, run_id, by_mail(mailbox))
    assert said == {"ops_mail": "failed: mail: SMTPRecipientsRefused"}
    mailbox.refuses = False
    assert tell(settings, run_id, by_mail(mailbox)) == {"ops_mail": "told of failed"}
    assert tell(settings, run_id, by_mail(mailbox)) == {"ops_mail": "told before"}


def test_no_notifier_fails_a_night_or_tells_a_secret(settings, warehouse, hook, caplog):
    run_id = night(warehouse, 1, "failed")
    gone = by_hook(hook) | {"port": 1}
    assert tell(settings, run_id, gone) == {"ops_hook": "failed: webhook: ConnectionError"}
    other = by_hook(hook) | {"kind": "pigeon"}
    assert tell(settings, run_id, other)["ops_hook"].startswith("failed: kind 'pigeon'; expected")
    odd = by_hook(hook, on="everything")
    assert "on 'everything'; there are red" in tell(settings, run_id, odd)["ops_hook"]
    assert notify.tell(run_id, ["nobody"], {}.__getitem__, settings=settings) == {
        "nobody": "failed: KeyError"
    }
    assert notify.tell("no run", ["ops"], {}.__getitem__, settings=settings) == {"ops": "failed"}
    kept = warehouse.execute("select cast(one as text) from ops.notifications as one").fetchall()
    assert "SECRET" not in caplog.text + str(kept)


def test_it_is_off_until_somebody_is_named(settings):
    assert notify.names({}) == ()
    assert notify.names({"ANSWERABLE_NOTIFY": "ops_mail, ops_hook"}) == ("ops_mail", "ops_hook")
    assert notify.tell("no run", [], {}.__getitem__, settings=settings) == {}
