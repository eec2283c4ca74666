"""One customer from the published marts: by what they are known, why, and all that was said.

For the role `private`. `customer` finds them, `lines` tells it in words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from answerable.explain import ExplainError, instants_in, published_as_of, table
from answerable.foreign import one_line
from answerable.identity.identifiers import email, handle, phone
from answerable.warehouse.names import Schemas

Row = dict[str, Any]
_HANDLE = re.compile(r"\w{1,50}")
SHORT = 90  # characters of a text, where not all of it was asked for

WHY_SHARED = {
    "rule": "a row of identity_rules.csv says that it is shared",
    "accounts": "more accounts of one source carry it than may",
    "unreadable": "it cannot be read, so it may be anybody's",
    "kept_apart": "it would tie two whom a row of identity_rules.csv keeps apart",
}


class CustomerError(ExplainError):
    """Nobody, or more than one, is known by that; the text says what was looked for and found."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer, as of `as_of`: rows as in the tables of the schema private, in order."""

    as_of: datetime
    customer: Row
    identities: Sequence[Row]
    evidence: Sequence[Row]
    changes: Sequence[Row]
    history: Sequence[Row]


def meanings(text: str, region: str | None) -> list[tuple[str, str]]:
    """What an identifier may be that somebody types, as kinds and values.

    >>> meanings("020 7946 0123", "GB")
    [('phone', '+442079460123')]
    >>> meanings("Cora@Mail.example", None), meanings("@Cora", None)
    ([('email', 'cora@mail.example')], [('x_handle', 'cora')])
    """
    text = text.strip()
    if "@" in text[1:]:
        return [("email", email(text))]
    found = []
    if number := phone(text, region):
        found.append(("phone", number))
    if _HANDLE.fullmatch(name := handle(text)):
        found.append(("x_handle", name))
    return found


def customer(
    conn: psycopg.Connection, text: str, *, region: str | None = None, prefix: str = ""
) -> Customer:
    """Who is known by an address, a number, a handle, a key of an identifier or of a customer.

    A number without a country's code is read in `region`. `prefix` is that of a replay, '' for what
    is published. Raises CustomerError where that is nobody, or not one.
    """
    schemas = Schemas.of(prefix)
    names = {
        "marts": sql.Identifier(schemas.marts),
        "private": sql.Identifier(schemas.private),
    }
    with conn.cursor(row_factory=dict_row) as cursor:

        def ask(query: str, *values: object) -> list[Row]:
            return cursor.execute(sql.SQL(query).format(**names), values).fetchall()

        as_of = published_as_of(ask, prefix)
        key = _key(ask, text, region, as_of)
        (head,) = ask("select * from {marts}.dim_customers where customer_key = %s", key)
        return Customer(
            as_of=as_of,
            customer=head,
            identities=ask(
                "select * from {private}.customer_identities where customer_key = %s"
                " order by first_seen_at, identifier_key",
                key,
            ),
            # also of accounts of others that carry what is shared
            evidence=ask(
                "select * from {private}.customer_evidence where customer_key = %s"
                " or identifier_key in (select identifier_key from {private}.customer_identities"
                " where customer_key = %s) order by first_seen_at, account_identifier_key,"
                " identifier_key, source, evidence",
                key,
                key,
            ),
            changes=ask(
                "select * from {private}.customer_changes where customer_key = %s"
                " or became_customer_key = %s order by changed_on, customer_key,"
                " became_customer_key",
                key,
                key,
            ),
            history=ask(
                "select history.*, cases.status, cases.topic from {private}.customer_history"
                " as history left join {marts}.fct_cases as cases using (case_key)"
                " where history.customer_key = %s order by interaction_no",
                key,
            ),
        )


def _key(ask: Any, text: str, region: str | None, as_of: datetime) -> str:
    looked_for = meanings(text, region)
    kinds, values = [kind for kind, _ in looked_for], [value for _, value in looked_for]
    found = ask(
        "select distinct customer_key from {private}.customer_identities"
        " where customer_key = %s or own_customer_key = %s or identifier_key = %s"
        " or (identifier_kind, identifier) in (select * from unnest(%s::text[], %s::text[]))",
        *[text] * 3,
        kinds,
        values,
    ) or ask(
        "select distinct customer_key from {private}.customer_identities where identifier = %s",
        text,
    )
    if len(found) == 1:
        return found[0]["customer_key"]
    if found:
        keys = ", ".join(sorted(row["customer_key"] for row in found))
        raise CustomerError(f"{text!r} is {len(found)} customers: {keys}; name one of these keys")
    there = ask(
        "select identifier_kind as kind, count(*) as count from {private}.customer_identities"
        " group by 1 order by 1"
    )
    kinds_there = ", ".join(f"{row['kind']} {row['count']:,}" for row in there) or "none"
    as_what = " or as ".join(["a key", *(f"{kind} {value}" for kind, value in looked_for)])
    hint = ""
    if text[:1] in "+0123456789(" and not any(kind == "phone" for kind, _ in looked_for):
        hint = "; as a number it needs + and the country's code" + (
            f" (default_region is {region})" if region else ""
        )
    raise CustomerError(
        f"nobody is known by {text!r} as of {as_of:%Y-%m-%d %H:%M} UTC: looked for it as"
        f" {as_what}{hint}. Identifiers there are: {kinds_there}. An account is named by source"
        " and id, as zendesk:user:380"
    )


def lines(told: Customer, zone: ZoneInfo, *, is_full: bool = False) -> Iterator[str]:
    """The customer in words, line by line; of texts the beginning, or all. Instants in `zone`."""
    at = instants_in(zone)
    head = told.customer
    yield f"{head['customer_key']} as of {at(told.as_of)} (times in {zone.key})"
    yield (
        f"  {head['interaction_count']:,} interactions, {head['case_count']:,} cases,"
        f" {head['channel_count']} channels, tier {head['customer_tier']},"
        f" {head['identifier_count']} identifiers, known since {at(head['first_seen_at'])}"
    )
    if head["is_shared"]:
        yield "  not one customer: an identifier that several share, and nobody knows who used it"

    yield from ("", "Known by")
    yield from table(
        ("kind", "identifier", "in the records", "source", "first seen", "last seen", "joins"),
        [
            (
                row["identifier_kind"],
                one_line(row["identifier"]),
                one_line(row["identifier_key"]),
                row["source"],
                at(row["first_seen_at"]),
                at(row["last_seen_at"]),
                f"no: {WHY_SHARED[row['shared_because']]}" if row["shared_because"] else "yes",
            )
            for row in told.identities
        ],
    )
    yield from ("", "Evidence: who carries what, and how we know")
    yield from table(
        ("account", "carries", "how", "source", "told in", "since", "until", "believed"),
        [
            (
                one_line(row["account_identifier_key"]),
                one_line(row["identifier_key"]),
                row["evidence"],
                row["source"],
                one_line(row["told_in"] or ""),
                at(row["first_seen_at"]),
                at(row["last_seen_at"]),
                f"no: {row['not_used_because']}" if row["not_used_because"] else "yes",
            )
            for row in told.evidence
        ],
    )
    if told.changes:
        yield from ("", "Merges and splits: the nights in which keys changed")
        yield from table(
            ("night", "change", "old key", "new key", "because"),
            [
                (
                    row["changed_on"].isoformat(),
                    row["change"],
                    row["customer_key"],
                    row["became_customer_key"],
                    _because(row),
                )
                for row in told.changes
            ],
        )
    yield from ("", "History")
    if not told.history:
        yield "  nothing was said to them or by them yet"
    for row in told.history:
        who = "customer" if row["direction"] == "inbound" else row["agent_key"] or "ours"
        where = f"{row['channel']}, {row['visibility']}"
        case = f", case {row['case_key']}" if row["case_key"] else ""
        case += f" ({row['status']}, {row['topic']})" if row["status"] else ""
        bot = " (bot)" if row["is_bot"] else ""
        moved = " -> " if row["is_other_channel"] else "    "
        yield f"{row['interaction_no']:>5} {at(row['occurred_at'])}{moved}{who}{bot}: {where}{case}"
        if row["call_outcome"]:
            spoke = row["call_talk_seconds"]
            yield (
                f"      call {row['call_outcome']}, waited {row['call_wait_seconds'] or 0} s"
                + (f", spoke {spoke} s" if spoke else "")
            )
        if row["text"]:
            text = one_line(row["text"])
            cut = len(text) > SHORT and not is_full
            yield f"      {text[:SHORT] + ' ...' if cut else text}"


def _because(row: Row) -> str:
    carried = ""
    if row["account_identifier_key"]:
        carried = (
            f"{one_line(row['account_identifier_key'])} carries {one_line(row['identifier_key'])}"
        )
    told = f"{row['cause']}: {one_line(row['rule'])}" if row["rule"] else row["cause"]
    return f"{told}{'; ' if carried else ''}{carried}"
