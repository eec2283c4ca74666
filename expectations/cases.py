"""Cases and their timelines."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectIntervalsInOrder,
    ExpectKnownValues,
    ExpectNoAddressInMaskedText,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    if_many,
    many_and_few,
    parent_to_be_there,
    quoted,
    since,
)

STATUSES = quoted("new", "open", "pending", "hold", "solved", "closed", "deleted")


class ExpectCaseTimesInOrder(Rule):
    """A case is opened before it is resolved, and resolved before it is closed."""

    advice: ClassVar[str] = (
        "the source itself may say so (its own times are kept in raw); such a case has odd times"
    )
    unexpected_rows_query: str = """
        select case_key from {batch}
        where resolved_at < opened_at or closed_at < opened_at or closed_at < resolved_at
    """


class ExpectAReasonWhereACaseIsNotCounted(Rule):
    """Every case is counted, or says why it is not."""

    advice: ClassVar[str] = "see not_counted_reason in int_cases"
    unexpected_rows_query: str = """
        select case_key from {batch}
        where is_counted is null or is_counted <> (not_counted_reason is null)
    """


class ExpectAMergedCaseToGoOnSomewhere(Rule):
    """Of a case that was merged it is known into which."""

    advice: ClassVar[str] = (
        "the note of the merge says it in words that dbt_project.yml does not know"
        " (zendesk_merge_words), or the other case is older than what was pulled; such a case and"
        " its messages count nowhere"
    )
    unexpected_rows_query: str = """
        select case_key from {batch}
        where not_counted_reason = 'merged' and merged_into_case_key is null
    """


class ExpectCountsOfACaseToAddUp(Rule):
    """A case has as many messages as fct_interactions has for it."""

    advice: ClassVar[str] = (
        "the two were not built from the same events: replay the day, which builds in full"
    )
    unexpected_rows_query: str = """
        select cases.case_key
        from {batch} as cases
        left join (
            select
                case_key,
                count(*) filter (where direction = 'inbound') as inbound_count,
                count(*) filter (where direction = 'outbound') as outbound_count,
                count(*) filter (where is_reply) as reply_count
            from {build}.fct_interactions
            where case_key is not null
            group by case_key
        ) as found
            on cases.case_key = found.case_key
        where cases.inbound_count is distinct from coalesce(found.inbound_count, 0)
            or cases.outbound_count is distinct from coalesce(found.outbound_count, 0)
            or cases.reply_count is distinct from coalesce(found.reply_count, 0)
            or least(cases.handoff_count, cases.reopen_count) < 0
    """


class ExpectAFirstReplyClockWhereACustomerWrote(Rule):
    """Every counted case in which a customer wrote has a clock for the first reply."""

    advice: ClassVar[str] = "see int_sla_clocks: a case without a clock is missing from the report"
    unexpected_rows_query: str = """
        select cases.case_key from {batch} as cases
        where is_counted and inbound_count > 0
            and not exists (
                select from {build}.fct_sla_clocks as clocks
                where clocks.case_key = cases.case_key and clocks.metric = 'first_reply_time'
            )
    """


class ExpectEveryCaseToHaveAHolderOrNobody(Rule):
    """Every counted case has spans, even if nobody holds it."""

    advice: ClassVar[str] = "see int_case_events: the case has no event that opens it"
    unexpected_rows_query: str = """
        select cases.case_key from {batch} as cases
        where is_counted
            and not exists (
                select from {build}.fct_ownership_spans as spans
                where spans.case_key = cases.case_key
            )
    """


# How tickets stand that changed since what is published, told by themselves and by the last rows of
# the timelines that their events make. What was closed by the help desk's own clock has no event;
# where history begins later than a ticket, its first events are not here, and nobody can tell.
STANDING = """
    with tickets as (
        select
            tickets.source || ':' || tickets.ticket_id as case_key,
            case when tickets.status = 'closed' then 'solved' else tickets.status end as status,
            coalesce(tickets.priority, '') as priority,
            coalesce(groups.group_name, tickets.group_id, '') as team,
            coalesce(tickets.source || ':' || tickets.assignee_id, '') as agent_key
        from {build}.stg_zendesk__tickets as tickets
        left join {build}.stg_zendesk__groups as groups
            on tickets.source = groups.source and tickets.group_id = groups.group_id
        where tickets.updated_at >= {since} and tickets.updated_at < {as_of}
            and tickets.source not in ({unfinished})
            and exists (
                select from {build}.stg_zendesk__ticket_changes as changes
                where changes.source = tickets.source and changes.ticket_id = tickets.ticket_id
                    and changes.event_kind = 'created'
            )
    ),
    otherwise as (
        select tickets.case_key
        from tickets
        join {batch} as timeline on tickets.case_key = timeline.case_key
        where timeline.to_at is null
            and (tickets.status, tickets.priority, tickets.team, tickets.agent_key) is distinct from
                (
                    case when timeline.status = 'closed' then 'solved' else timeline.status end,
                    coalesce(timeline.priority, ''),
                    coalesce(timeline.team, ''),
                    coalesce(timeline.agent_key, '')
                )
    )
    select case_key from otherwise
"""
ASK_FOR_THE_TICKET = (
    "look at one of these tickets at the help desk, and at `answerable explain case` of it: status,"
    " priority, group or assignee differ. Its events are not whole or tell something else; or it is"
    " changed by what makes no events (an import), and nobody can say when"
)


class ExpectEachTicketAsItsTimelineEnds(Rule):
    """A ticket stands as its events say."""

    advice: ClassVar[str] = ASK_FOR_THE_TICKET
    unexpected_rows_query: str = STANDING


class ExpectMostTicketsAsTheirTimelinesEnd(ExpectEachTicketAsItsTimelineEnds):
    """Tickets stand as their events say, but for few."""

    unexpected_rows_query: str = STANDING + if_many("otherwise", "tickets")


def cases(night: Night) -> ExpectationSuite:
    key = {"key": "case_key"}
    return ExpectationSuite(
        name="cases",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectNothingFromTheFuture(
                night,
                given=key | {"instants": "opened_at, resolved_at, closed_at"},
                severity="critical",
            ),
            ExpectKnownValues(
                night, given={"column": "status", "values": STATUSES}, severity="critical"
            ),
            ExpectCaseTimesInOrder(night, severity="warning"),
            ExpectAReasonWhereACaseIsNotCounted(night, severity="critical"),
            ExpectAMergedCaseToGoOnSomewhere(night, severity="warning"),
            ExpectCountsOfACaseToAddUp(night, severity="critical"),
            ExpectAFirstReplyClockWhereACustomerWrote(night, severity="critical"),
            ExpectEveryCaseToHaveAHolderOrNobody(night, severity="critical"),
            ExpectNoAddressInMaskedText(
                night, given=key | {"text": "subject_masked"}, severity="critical"
            ),
        ],
    )


def timeline(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="case timeline",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": "case_key, row_no"}, severity="critical"),
            ExpectIntervalsInOrder(night, given={"number": "row_no"}, severity="critical"),
            ExpectNothingFromTheFuture(
                night,
                given={"key": "case_key, row_no", "instants": "from_at, to_at"},
                severity="critical",
            ),
            ExpectKnownValues(
                night, given={"column": "status", "values": STATUSES}, severity="critical"
            ),
            parent_to_be_there(night, "fct_cases", "case_key"),
            *_told_twice(night),
        ],
    )


def _told_twice(night: Night) -> list[Rule]:
    """Of a night that reads tickets, of the sources that came whole."""
    if "zendesk_tickets" not in night.read:
        return []
    given = {
        "since": since(night),
        "unfinished": quoted(*sorted(night.unfinished_sources)) or "''",
    }
    return many_and_few(
        ExpectMostTicketsAsTheirTimelinesEnd, ExpectEachTicketAsItsTimelineEnds, night, given
    )
