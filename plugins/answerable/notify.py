"""Telling people of a night: by mail, or by a webhook such as Slack's. Off until it is configured.

What is told is what ops knows: table, rule, count, keys and advice; never a text, an identity or a
secret. The same is told once. What cannot be told is noted, and no night fails of it.
"""

import hashlib
import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Literal

import psycopg
import requests

from answerable import runs
from answerable.reports.words import plain
from answerable.settings import Settings
from answerable.sources.connection import Connection
from answerable.sources.errors import SpecError
from answerable.warehouse.db import connect

log = logging.getLogger(__name__)

Event = Literal["red", "failed", "warnings", "recovered"]
EVENTS: tuple[Event, ...] = ("red", "failed", "warnings", "recovered")
UNASKED: tuple[Event, ...] = ("red", "failed", "recovered")  # warnings are told where asked for
MOST_RULES = 20
SECONDS = 20  # for an answer
TRIES, WAIT_SECONDS = 3, 2.0


class NotTold(RuntimeError):
    """A message did not get through; the text names no address and no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told of a night."""

    event: Event
    subject: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(f"{self.subject}\n{self.text}".encode()).hexdigest()


# --- deciding ----------------------------------------------------------------------------------


def message_of(
    conn: psycopg.Connection, run: runs.Run, *, steps: Sequence[str] = ()
) -> Message | None:
    """What there is to tell of a night as it is now; None where nothing is. `steps` are those that
    failed, where that is known."""
    night = f"{run.as_of:%Y-%m-%d %H:%M} UTC"
    title = "Answerable" if not run.schema_prefix else f"Answerable, {run.schema_prefix}"
    rows = conn.execute(
        "select table_name, rule, severity, unexpected_count, example_keys, advice"
        " from ops.check_results as results where run_id = %(run_id)s and not is_success"
        " and exception_no is null and checked_at = ("
        " select max(checked_at) from ops.check_results as newest"
        " where newest.run_id = %(run_id)s and newest.stage = results.stage)"
        " order by severity, table_name, rule",
        {"run_id": run.run_id},
    ).fetchall()
    if run.status in ("running", "failed"):
        red = [row for row in rows if row[2] == "critical"]
        ending = [
            "Nothing was published: readers see the last published night, whole.",
            "What to do: docs/operations.md. Then `make nightly` goes on with this night.",
        ]
        if red and (not steps or any("check" in step for step in steps)):
            return Message(
                event="red",
                subject=f"[{title}] red: the night as of {night}, {_rules(len(red))}",
                text=_text(
                    [f"{_rules(len(red))} stopped the night as of {night}.", *_told(red), *ending]
                ),
            )
        named = f" in {', '.join(plain(step) for step in dict.fromkeys(steps))}" if steps else ""
        return Message(
            event="failed",
            subject=f"[{title}] failed: the night as of {night}",
            text=_text([f"The night as of {night} failed{named}; its log says why.", *ending]),
        )
    if run.status != "published":
        return None
    report = [f"Report: {plain(run.report_path, 500)}"] if run.report_path else []
    last = conn.execute(
        "select event from ops.notifications where told_at is not null"
        " order by notification_no desc limit 1"
    ).fetchone()
    warned = [f"{_rules(len(rows))} warn.", *_told(rows)] if rows else []
    if last is not None and last[0] in ("red", "failed"):
        return Message(
            event="recovered",
            subject=f"[{title}] back to green: the night as of {night}",
            text=_text([f"The night as of {night} is published.", *warned, *report]),
        )
    if not rows:
        return None
    return Message(
        event="warnings",
        subject=f"[{title}] published: the night as of {night}, {_rules(len(rows))} warn",
        text=_text([f"The night as of {night} is published.", *warned, *report]),
    )


def _rules(count: int) -> str:
    return f"{count} rule" if count == 1 else f"{count} rules"


def _told(rows: Sequence[tuple]) -> list[str]:
    said = []
    for table, rule, severity, count, keys, advice in rows[:MOST_RULES]:
        found = "could not be asked" if count is None else f"{count} found"
        examples = "; ".join(plain(key) for key in keys)
        said.append(
            f"{plain(table)}: {plain(rule)} ({severity}): {found}"
            + (f", e.g. {examples}" if examples else "")
            + f"\n  {plain(advice, 500)}"
        )
    if len(rows) > MOST_RULES:
        said.append(f"and {len(rows) - MOST_RULES} more: ops.check_results")
    return said


def _text(paragraphs: Sequence[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


def wanted(connection: Connection) -> tuple[Event, ...]:
    """The events that a channel is told of: `on` in the connection's extra."""
    asked = connection.extra.get("on")
    if asked is None:
        return UNASKED
    asked = [asked] if isinstance(asked, str) else list(asked)
    if unknown := [each for each in asked if each not in EVENTS]:
        raise SpecError(
            f"connection {connection.name!r}: on {unknown[0]!r}; there are {', '.join(EVENTS)}"
        )
    return tuple(asked)


def names(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The connections that are told, as ANSWERABLE_NOTIFY names them."""
    return tuple(
        name.strip() for name in (environ.get("ANSWERABLE_NOTIFY") or "").split(",") if name.strip()
    )


# --- telling -----------------------------------------------------------------------------------


def tell(
    run_id: str,
    channels: Sequence[str],
    connect_to: Callable[[str], Mapping[str, Any]],
    *,
    steps: Sequence[str] = (),
    settings: Settings | None = None,
) -> dict[str, str]:
    """Tell each channel what there is of a night, once; gives what became of it, by channel. Raises
    nothing."""
    if not channels:
        return {}
    told: dict[str, str] = {}
    try:
        with connect(settings or Settings.from_environment(), autocommit=True) as conn:
            message = message_of(conn, runs.get(conn, run_id), steps=steps)
            for channel in channels:
                told[channel] = _tell(conn, run_id, channel, connect_to, message)
    except Exception as error:  # a night is what it is, whoever hears of it
        log.error("nobody could be told of %s: %s", run_id, type(error).__name__)
        told = dict.fromkeys(channels, "failed") | told
    log.info("told of %s: %s", run_id, told)
    return told


def _tell(
    conn: psycopg.Connection,
    run_id: str,
    channel: str,
    connect_to: Callable[[str], Mapping[str, Any]],
    message: Message | None,
) -> str:
    if message is None:
        return "nothing to tell"
    try:
        connection = Connection.from_dict(connect_to(channel))
        if message.event not in wanted(connection):
            return f"not asked for {message.event}"
        key = [run_id, message.event, channel, message.sha256]
        conn.execute(
            "insert into ops.notifications (run_id, event, channel, sha256)"
            " values (%s, %s, %s, %s) on conflict do nothing",
            key,
        )
        is_ours = conn.execute(
            "select pg_try_advisory_lock(hashtext(%s)) and exists (select from ops.notifications"
            " where (run_id, event, channel, sha256) = (%s, %s, %s, %s) and told_at is null)",
            [" ".join(key), *key],
        ).fetchone()[0]
        if not is_ours:
            return "told before"
        error = None
        try:
            send = SENDERS.get(connection.kind)
            if send is None:
                raise NotTold(f"kind {connection.kind!r}; expected one of {', '.join(SENDERS)}")
            send(connection, message)
        except NotTold as why:
            error = str(why)
        conn.execute(
            "update ops.notifications set error = %s, told_at = case when %s then now() end"
            " where (run_id, event, channel, sha256) = (%s, %s, %s, %s)",
            [error, error is None, *key],
        )
    except SpecError as wrong:
        error = str(wrong)
    except Exception as wrong:
        error = type(wrong).__name__  # its text may hold what the connection is made of
    if error:
        log.error("%s could not be told of %s: %s", channel, run_id, error)
        return f"failed: {error}"
    return f"told of {message.event}"


def _mail(connection: Connection, message: Message) -> None:
    """By SMTP: STARTTLS, or `"security": "ssl"` or `"none"` in the extra; `from` and `to` there."""
    extra = connection.extra
    security = extra.get("security", "starttls")
    to = extra.get("to") or []
    to = [to] if isinstance(to, str) else list(to)
    sender = extra.get("from") or connection.login
    if security not in ("starttls", "ssl", "none") or not to or not sender:
        raise NotTold("its extra needs `to`, `from`, and security: starttls, ssl or none")
    mail = EmailMessage(policy=SMTP)
    try:
        mail["Subject"] = plain(message.subject, 200)
        mail["From"] = sender
        mail["To"] = ", ".join(to)
    except (ValueError, TypeError, IndexError):
        raise NotTold("`from` or `to` is no address") from None
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    port = connection.port or {"starttls": 587, "ssl": 465, "none": 25}[security]
    try:
        context = ssl.create_default_context()
        make = smtplib.SMTP_SSL if security == "ssl" else smtplib.SMTP
        given = {"context": context} if security == "ssl" else {}
        with make(connection.host, port, timeout=SECONDS, **given) as server:
            if security == "starttls":
                server.starttls(context=context)
            if connection.login and connection.password:
                server.login(connection.login, connection.password)
            server.send_message(mail)
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        code = getattr(error, "smtp_code", "")
        raise NotTold(f"mail: {type(error).__name__} {code}".strip()) from None


def _post(connection: Connection, message: Message) -> None:
    """To a webhook: {"text": ...}. Its path, which is its secret, is the connection's password."""
    # what Slack reads as a mention or a link is told by these three
    text = f"{message.subject}\n\n{message.text}"
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, written)
    path = "/" + (connection.password or "").lstrip("/")
    for attempt in range(1, TRIES + 1):
        try:
            answer = requests.post(
                connection.base + path, json={"text": text}, timeout=SECONDS, allow_redirects=False
            )
            if 200 <= answer.status_code < 300:
                return
            why, is_final = f"webhook: HTTP {answer.status_code}", answer.status_code not in AGAIN
        except requests.RequestException as error:
            why, is_final = f"webhook: {type(error).__name__}", False
        if is_final or attempt == TRIES:
            raise NotTold(why)
        time.sleep(WAIT_SECONDS * attempt)


AGAIN = (408, 425, 429, 500, 502, 503, 504)
SENDERS: dict[str, Callable[[Connection, Message], None]] = {
    "smtp": _mail,
    "email": _mail,
    "http": _post,
    "webhook": _post,
    "slackwebhook": _post,
}
