"""Numbers, lengths, names and foreign text, as people read them."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from answerable.foreign import one_line

NONE = "(none)"  # what the daily report writes where there is no value

METRICS = {
    "first_reply_time": "First reply",
    "next_reply_time": "Next reply",
    "periodic_update_time": "From update to update",
    "pausable_update_time": "From update to update, with pauses",
    "requester_wait_time": "Customer waiting for us",
    "agent_work_time": "Work by us",
    "resolution_time": "Resolution",
    "time_to_owner": "Time to the right owner",
    "ownership_time": "Time with one holder",
}
CHANNELS = {
    "x": "X",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "mastodon": "Mastodon",
    "email": "e-mail",
    "web_form": "web form",
    "voice": "telephone",
    "in_person": "in person",
}
VERDICTS = {
    "as_policy": "held as agreed",
    "misrouted": "held by another than agreed",
    "contested": "another department answered too",
    "orphaned": "held by nobody",
    "no_policy": "no agreement says who",
}
CAUSES = {
    "policy_differs": "another promise",
    "policy_edited_later": "a promise edited later",
    "bot_reply_counted": "a bot's reply counted",
    "clock_rule": "another rule of counting",
    "schedule_differs": "other opening hours",
}


def metric(name: str) -> str:
    return METRICS.get(name) or name.replace("_", " ").capitalize()


def channel(name: str | None) -> str | None:
    return CHANNELS.get(name, name)


def verdict(name: str) -> str:
    return VERDICTS.get(name) or name.replace("_", " ")


def cause(name: str) -> str:
    return CAUSES.get(name) or name.replace("_", " ")


def queue(row: Mapping[str, str]) -> str:
    """A queue of a telephone system, in the system where it has no name of its own.

    >>> queue({"source": "bank", "queue": "(none)"}), queue({"source": "bank", "queue": "loans"})
    ('bank', 'bank, loans')
    """
    return row["source"] if row["queue"] == NONE else f"{row['source']}, {row['queue']}"


def rule(name: str) -> str:
    """`ExpectReplyNotBeforeContact` as words.

    >>> rule("ExpectReplyNotBeforeContact"), rule("ExpectKnownValues (status)")
    ('reply not before contact', 'known values (status)')
    """
    return re.sub(
        r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", " ", name.removeprefix("Expect")
    ).lower()


def number(value: float | None) -> str:
    """
    >>> number(25000), number(None)
    ('25,000', '-')
    """
    return "-" if value is None else f"{value:,.0f}"


def share(part: float | None, whole: float | None = 1) -> str:
    """A share in percent; never rounded up to all, nor down to none.

    >>> share(0.5), share(1, 3), share(0, 0), share(9999, 10000), share(1, 100000), share(3, 3)
    ('50.0 %', '33.3 %', '-', '99.9 %', '0.1 %', '100 %')
    """
    if part is None or not whole:
        return "-"
    percent = 100 * float(part) / float(whole)
    if percent in (0, 100):
        return f"{percent:.0f} %"
    return f"{min(max(percent, 0.1), 99.9):.1f} %"


def duration(seconds: float | None) -> str:
    """How long something took, in its two largest units.

    >>> [duration(seconds) for seconds in (None, 0, 59, 773, 18720, 273600)]
    ['-', '0 s', '59 s', '12 min 53 s', '5 h 12 min', '3 d 4 h']
    """
    if seconds is None:
        return "-"
    sign, rest = ("-" if seconds < 0 else ""), abs(round(seconds))
    for (unit, size), (lower, lower_size) in (
        (("d", 86400), ("h", 3600)),
        (("h", 3600), ("min", 60)),
        (("min", 60), ("s", 1)),
    ):
        if rest >= size and not (unit == "d" and rest < 2 * size):
            whole, part = divmod(rest, size)
            part //= lower_size
            return f"{sign}{whole} {unit}" + (f" {part} {lower}" if part else "")
    return f"{sign}{rest} s"


def day(value: date) -> str:
    """
    >>> day(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{value.day} {value:%B %Y}"


def instant(utc: datetime, zone: str) -> str:
    """An instant in the company's zone.

    >>> instant(datetime(2026, 6, 30, 23, 0), "Europe/London")
    '1 July 2026, 00:00 BST'
    """
    local = _local(utc, zone)
    return f"{day(local)}, {local:%H:%M %Z}"


def short_instant(utc: datetime, zone: str) -> str:
    """
    >>> short_instant(datetime(2026, 6, 30, 23, 0), "Europe/London")
    '2026-07-01 00:00'
    """
    return f"{_local(utc, zone):%Y-%m-%d %H:%M}"


def _local(utc: datetime, zone: str) -> datetime:
    return utc.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))


def plain(text: object, longest: int = 120) -> str:
    """Foreign text on one line, without what cannot be seen. Escaping is the template's work.

    >>> plain("a\\u202eb\\n c")
    'a\\ufffdb c'
    """
    if text is None or text == "":
        return "-"
    tamed = one_line(str(text))
    return tamed if len(tamed) <= longest else tamed[: longest - 1].rstrip() + "…"
