"""What the sandbox knows to be true, beside what a warehouse says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, fields
from datetime import UTC, date, datetime
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from answerable.sandbox.history import world
from answerable.sandbox.truth import truth
from answerable.sandbox.truth_of_identity import NOBODY

COMPANY_ZONE = ZoneInfo("Europe/London")
# what means the same everywhere by its value, however a source writes it
IDENTITIES = """
    select customer_key, case when identifier_kind in ('email', 'phone', 'x_handle')
        then identifier_kind || ':' || identifier else identifier_key end
    from {private}.customer_identities
"""


def differences(
    conn: psycopg.Connection,
    schema: str,
    as_of: datetime,
    size: float,
    shown_until: datetime | None = None,
    rest_since: date | None = None,
) -> dict:
    """By what was compared: each key whose facts differ, as (ours, true); None where one is not.

    `as_of` is UTC without zone; the default seed. Where the sources showed more than as_of, up to
    `shown_until`, a post of before as_of is known that only a later one refers to. `rest_since`:
    the day since which a rule gives what had no owner to customer service.
    """
    told = truth(world(size=size), as_of.replace(tzinfo=UTC), rest_since)
    shown = told
    if shown_until:
        shown = truth(world(size=size), shown_until.replace(tzinfo=UTC))
    referred_to = {
        key: one
        for key, one in shown.interactions.items()
        if key not in told.interactions and one.case_key is None and plain(one.occurred_at) < as_of
    }
    found_early = {key: one for key, one in referred_to.items() if one.is_unprompted}
    found_on = Counter(
        one.occurred_at.astimezone(COMPANY_ZONE).date() for one in found_early.values()
    )

    private = "private" if schema == "marts" else f"{schema}_private"

    def by_account(value: Any) -> Any:
        """A case that no ticket carries, by the account of whose it is: no key tells that."""
        if not isinstance(value, str) or value.count(":") != 2:
            return value
        conversation, _, own = value.rpartition(":")
        return f"{conversation}:{accounts[own]}" if own in accounts else value

    def ask(query: str) -> list[tuple]:
        names = {"marts": sql.Identifier(schema), "private": sql.Identifier(private)}
        rows = conn.execute(sql.SQL(query).format(**names)).fetchall()
        return [tuple(by_account(value) for value in row) for row in rows]

    accounts: dict[str, str] = {}  # the key that an account gives by itself -> its id
    for identifier, own in ask(
        "select identifier_key, own_customer_key from {private}.customer_identities"
        " where identifier_key like '%:user:%'"
    ):
        accounts[own] = identifier.partition(":user:")[2]

    # a customer is known by all their identifiers, for keys tell nothing
    groups = {one: frozenset(map(key_of, group)) for group in told.tied for one in group}
    early = {key_of(one) for one in shown.customers.keys() - told.customers.keys()}
    known_as: dict[str | None, frozenset[str] | None] = defaultdict(frozenset)
    for customer, identifier in ask(IDENTITIES):
        if identifier not in early:
            known_as[customer] = (known_as[customer] or frozenset()) | {identifier}
    known_as[None] = None

    spans = defaultdict(list)
    for key, *span in ask(
        "select case_key, span_no, from_at, to_at, department, team, agent_key"
        " from {marts}.fct_ownership_spans order by case_key, span_no"
    ):
        spans[key].append(tuple(span))
    handoffs = defaultdict(list)
    for key, *handoff in ask(
        "select case_key, level, came_by, released_at, handed_at, from_department, from_team,"
        " from_agent_key, to_department, to_team, to_agent_key, is_bounce, acted_at,"
        " is_asked_again, is_told_again from {marts}.fct_handoffs order by case_key, handoff_no"
    ):
        handoffs[key].append(
            (*handoff[:4], tuple(handoff[4:7]), tuple(handoff[7:10]), *handoff[10:])
        )
    others = defaultdict(set)
    for key, number, department, count in ask(
        "select case_key, span_no, other_department, reply_count from {marts}.rpt_contested"
    ):
        others[key, number].add((department, count))
    belongs_to = {
        (key, number): tuple(owner)
        for key, number, *owner in ask(
            "select case_key, span_no, policy_department, policy_team from {marts}.rpt_misrouted"
        )
    }
    attributed = defaultdict(dict)
    broken_with = {}
    for key, metric, department, seconds, is_holder in ask(
        "select case_key, metric, nullif(department, '(none)'), seconds, is_holder_at_breach"
        " from {marts}.rpt_breach_attribution"
        " where metric in ('first_reply_time', 'resolution_time')"
        " and outcome not in ('void', 'no_policy')"
    ):
        attributed[key, metric][department] = seconds
        if is_holder:
            broken_with[key, metric] = (department,)
    ours = {
        "interactions": {
            key: tuple(rest)
            for key, *rest in ask(
                "select interaction_key, case_key, occurred_at, direction, is_bot, is_reply,"
                " is_unprompted"
                " from {marts}.fct_interactions"
            )
        },
        "cases": {
            key: tuple(rest)
            for key, *rest in ask(
                "select case_key, opened_at, resolved_at, closed_at, channel, is_counted,"
                " not_counted_reason, merged_into_case_key,"
                " case when source <> 'x' then status end"
                " from {marts}.fct_cases"
            )
        },
        "spans": dict(spans),
        "handoffs": dict(handoffs),
        "orphans": dict(ask("select case_key, orphaned_at from {marts}.rpt_orphans")),
        "attributions": {
            key: (
                frozenset((who, seconds) for who, seconds in parts.items() if seconds),
                broken_with.get(key),
            )
            for key, parts in attributed.items()
        },
        "holdings": {
            (key, number): (
                *(came_by, hours, *rest, department and (department, team), verdict),
                frozenset(others[key, number]),
                belongs_to.get((key, number)),
            )
            for key, number, came_by, hours, *rest, department, team, verdict in ask(
                "select case_key, span_no, came_by, replace(schedule, '_hours', ''),"
                " business_seconds, reply_count, outside_reply_count, policy_department,"
                " policy_team, verdict from {marts}.fct_ownership_spans"
            )
        },
        "verdicts": {
            (key, metric): tuple(rest)
            for key, metric, *rest in ask(
                "select case_key, metric, outcome, started_at, fulfilled_at,"
                " case when outcome not in ('void', 'no_policy') then target_seconds end,"
                " case when outcome not in ('void', 'no_policy') then elapsed_seconds end"
                " from {marts}.fct_sla_clocks"
                # what the truth judges; the other metrics have the slow clock as their oracle
                " where metric in ('first_reply_time', 'resolution_time')"
            )
        },
        "ratings": {
            key: tuple(rest)
            for key, *rest in ask(
                "select rating_key, case_key, rated_at, verdict, department, team"
                " from {marts}.fct_ratings"
            )
        },
        "unprompted": {
            key: tuple(rest)
            for key, *rest in ask(
                "select interaction_key, outcome, case_key, reached_at, reached_by_department,"
                " reached_by_team, reached_by_agent_key from {marts}.rpt_unprompted_mentions"
            )
        },
        "mentions": {
            day: tuple(rest)
            for day, *rest in ask(
                "select day, sum(mention_count), sum(addressed_count), sum(unprompted_count),"
                " sum(addressed_answered_count), sum(reached_count), sum(missed_count)"
                " from {marts}.rpt_mentions_daily where channel = 'x' group by day"
            )
        },
        "calls": {
            key: (*rest, known_as[customer])
            for key, customer, *rest in ask(
                "select call_key, customer_key, direction, callback_of_call_key, queue, agent_key,"
                " brand, priority, started_at, outcome, outcome_raw, is_offered, ivr_seconds,"
                " wait_seconds, talk_seconds, queue_entered_at, answered_at, ended_at,"
                " service_level, answer_target_seconds, answer_outcome, answer_void_reason"
                " from {marts}.fct_calls"
            )
        },
        "intervals": {
            tuple(key): tuple(rest)
            for *key, offered, answered, met, abandoned, short, waited, talked, longest in ask(
                "select queue, brand, service_level, from_at, offered_count, answered_count,"
                " answered_in_target_count, abandoned_count, short_abandoned_count,"
                " answered_wait_seconds, talk_seconds, longest_wait_seconds"
                " from {marts}.rpt_service_level_intervals"
            )
            for rest in [(offered, answered, met, abandoned, short, waited, talked, longest)]
        },
        "sales": {
            key: (*rest, known_as[customer])
            for key, customer, *rest in ask(
                "select sale_key, customer_key, case_key, agent_key, channel, channel_raw, brand,"
                " product, status, is_open, found_at, qualified_at, won_at, lost_at, decided_on,"
                " (amount * 100)::bigint, currency, lost_reason from {marts}.fct_sales"
            )
        },
        "customers": {key: group for group in known_as.values() if group for key in group},
        # of metrics that the truth does not judge it tells the cause, where there is a difference
        "comparisons": {
            (case_key, metric, clock_no): (is_same if metric in JUDGED else None, cause)
            for case_key, metric, clock_no, is_same, cause in ask(
                "select case_key, metric, clock_no, is_same, cause"
                " from {marts}.rpt_sla_reconciliation where told_by <> 'word'"
            )
            if metric in JUDGED or not is_same
        },
    }
    true = {
        "interactions": {
            key: (
                i.case_key,
                plain(i.occurred_at),
                i.direction,
                i.is_bot,
                i.is_reply,
                i.is_unprompted,
            )
            for key, i in (told.interactions | referred_to).items()
        },
        "cases": {
            key: (
                plain(c.opened_at),
                plain(c.resolved_at),
                plain(c.closed_at),
                c.channel,
                c.is_counted,
                c.not_counted_reason,
                c.merged_into,
                c.status,
            )
            for key, c in told.cases.items()
        },
        "spans": {
            key: [
                (s.span_no, plain(s.from_at), plain(s.to_at), s.department, s.team, s.agent_key)
                for s in held
            ]
            for key, held in told.spans.items()
        },
        "handoffs": {key: [astuple(one) for one in all_] for key, all_ in told.handoffs.items()},
        "orphans": {key: plain(since) for key, since in told.orphans.items()},
        "attributions": {key: astuple(one) for key, one in told.attributions.items()},
        "holdings": {key: astuple(one) for key, one in told.holdings.items()},
        "verdicts": {
            key: (
                v.outcome,
                plain(v.started_at),
                plain(v.fulfilled_at),
                v.target_seconds,
                v.elapsed_seconds,
            )
            for key, v in told.verdicts.items()
        },
        "ratings": {
            key: (r.case_key, plain(r.rated_at), r.verdict, r.department, r.team)
            for key, r in told.ratings.items()
        },
        "unprompted": {
            key: (
                "missed" if m.reached_at is None else "reached",
                m.case_key,
                plain(m.reached_at),
                m.department,
                m.team,
                m.agent_key,
            )
            for key, m in told.unprompted.items()
        }
        | {key: ("missed", None, None, None, None, None) for key in found_early},
        "mentions": {
            day: (
                m.addressed + m.unprompted + found_on[day],
                m.addressed,
                m.unprompted + found_on[day],
                m.addressed_answered,
                m.reached,
                m.unprompted + found_on[day] - m.reached,
            )
            for day, m in told.mentions.items()
        },
        "calls": {
            key: (*facts_of(c, "call_key", "customer"), groups.get(c.customer))
            for key, c in told.calls.items()
        },
        "intervals": {key: astuple(one) for key, one in told.intervals.items()},
        "sales": {
            key: (*facts_of(s, "sale_key", "customer"), groups.get(s.customer))
            for key, s in told.sales.items()
        },
        "customers": {key_of(each): group for each, group in groups.items()},
        "comparisons": {
            key: astuple(one)
            for key, one in told.comparisons.items()
            if key[1] in JUDGED or key in ours["comparisons"]
        },
    }
    rare = ("ratings", "unprompted")
    told_of_nothing = [name for name, facts in true.items() if not facts and name not in rare]
    assert not told_of_nothing, "the truth tells of nothing"
    return {
        name: {
            key: (ours[name].get(key), facts.get(key))
            for key in ours[name].keys() | facts.keys()
            if ours[name].get(key) != facts.get(key)
        }
        for name, facts in true.items()
    }


def pairs_of(groups: Iterable[frozenset]) -> set[tuple]:
    """Each two that stand in one group."""
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def precision_and_recall(
    ours: Iterable[frozenset], whose: Mapping, permitted: Iterable[frozenset]
) -> tuple[float, float]:
    """Over pairs of identifiers: how many of ours are one person's, and how many of those that
    evidence permits are ours."""
    joined, findable = pairs_of(ours), pairs_of(permitted)
    good = {
        (one, other) for one, other in joined if whose[one] == whose[other] and whose[one] != NOBODY
    }
    return len(good) / len(joined), len(good & findable) / len(findable)


JUDGED = ("first_reply_time", "resolution_time", "ownership_time")


def facts_of(fact: Any, *without: str) -> tuple:
    """The values of a true thing, in order."""
    return tuple(getattr(fact, one.name) for one in fields(fact) if one.name not in without)


def key_of(identifier: tuple[str, str]) -> str:
    """How the warehouse calls an identifier that the truth tells of."""
    kind, value = identifier
    prefix = {
        "zendesk_user": "zendesk:user",
        "x_user": "x:user",
        "salesbook_customer": "salesbook:user",
        "workshop_user": "workshop:user",
    }.get(kind, kind)
    return f"{prefix}:{value}"


def plain(instant: datetime | None) -> datetime | None:
    """UTC without zone, as in the warehouse."""
    return instant and instant.astimezone(UTC).replace(tzinfo=None)


COMPARED = (
    *("interactions", "cases", "spans", "holdings", "handoffs", "orphans", "attributions"),
    *("verdicts", "ratings", "unprompted", "mentions", "calls", "intervals", "sales", "customers"),
    "comparisons",
)
NOTHING: dict[str, dict] = {name: {} for name in COMPARED}


def unlike_rows(conn: psycopg.Connection, left: str, right: str) -> dict[str, tuple[int, int]]:
    """By table of the schema `left`: rows that only it has, rows that only `right` has.

    Tables that are alike in every column of every row are left out. `publication` tells of the
    run itself and is not compared.
    """
    found = {}
    tables = conn.execute(
        "select tablename from pg_tables where schemaname = %s and tablename <> 'publication'",
        [left],
    ).fetchall()
    assert tables, f"no tables in {left}"
    for (table,) in tables:
        one, other = sql.Identifier(left, table), sql.Identifier(right, table)
        counts = tuple(
            conn.execute(
                sql.SQL(
                    "select count(*) from (select * from {} except all select * from {}) as rows"
                ).format(a, b)
            ).fetchone()[0]
            for a, b in ((one, other), (other, one))
        )
        if any(counts):
            found[table] = counts
    return found
