"""What our people did and what came of it, as the reports on departments and agents count it."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import ExpectOneRowPerKey


class ExpectEachReplyAsItWasSent(Rule):
    """Each reply in a case is counted once, for whom and of which team fct_interactions says."""

    advice: ClassVar[str] = "compare int_replies with the message in fct_interactions"
    unexpected_rows_query: str = """
        select coalesce(counted.interaction_key, sent.interaction_key) as interaction_key
        from {batch} as counted
        full join (
            select * from {build}.fct_interactions where is_reply and case_key is not null
        ) as sent
            on counted.interaction_key = sent.interaction_key
        where (counted.case_key, counted.occurred_at, counted.agent_key, counted.team,
                counted.department)
            is distinct from
            (sent.case_key, sent.occurred_at, sent.agent_key, sent.team, sent.department)
    """


class ExpectResponseTimesSinceTheCustomerWrote(Rule):
    """A reply took as long as the oldest message had waited that came after the reply before."""

    advice: ClassVar[str] = (
        "see waiting_since_at and response_seconds of the case in int_replies, and its messages in"
        " fct_interactions"
    )
    # a message of the same second as the reply before is answered by that one
    unexpected_rows_query: str = """
        select replied.interaction_key
        from (
            select *, lag(occurred_at) over (
                partition by case_key order by occurred_at, interaction_key
            ) as replied_before_at
            from {batch}
        ) as replied
        left join {build}.fct_interactions as asked
            on replied.case_key = asked.case_key
            and asked.direction = 'inbound'
            and asked.occurred_at <= replied.occurred_at
            and (replied_before_at is null or asked.occurred_at > replied_before_at)
        group by replied.interaction_key, replied.occurred_at, replied.waiting_since_at,
            replied.response_seconds
        having min(asked.occurred_at) is distinct from replied.waiting_since_at
            or extract(epoch from replied.occurred_at - min(asked.occurred_at))
                is distinct from replied.response_seconds
    """


class ExpectOneFirstReply(Rule):
    """One reply at most of a case, the earliest to what was asked first, is its first."""

    advice: ClassVar[str] = "see is_first in int_replies"
    unexpected_rows_query: str = """
        select case_key from {batch}
        group by case_key
        having count(*) filter (where is_first)
            <> (min(waiting_since_at) is not null)::integer
            or min(occurred_at) filter (where is_first)
                <> min(occurred_at) filter (where waiting_since_at is not null)
    """


class ExpectEachSolutionInTheTimeline(Rule):
    """What was solved, when and in whose hands, and whether it was opened again, is as the case's
    timeline says."""

    advice: ClassVar[str] = "compare int_solutions with the case's rows in fct_case_timeline"
    unexpected_rows_query: str = """
        select coalesce(counted.case_key, solved.case_key) as case_key
        from (
            select case_key, solved_at, department, team, agent_key, count(*) as solutions,
                count(*) filter (where is_reopened) as reopened, min(reopened_at) as reopened_at
            from {batch}
            group by 1, 2, 3, 4, 5
        ) as counted
        full join (
            select case_key, from_at, department, team, agent_key, count(*) as solutions,
                count(*) filter (where ended_as <> 'deleted') as reopened,
                min(ended_at) filter (where ended_as <> 'deleted') as reopened_at
            from (
                select stretches.*, ending.status as ended_as, ending.from_at as ended_at
                from (
                    select *, lag(status) over (
                        partition by case_key order by row_no
                    ) as previous_status
                    from {build}.fct_case_timeline
                ) as stretches
                left join lateral (
                    select status, from_at from {build}.fct_case_timeline as later
                    where later.case_key = stretches.case_key
                        and later.row_no > stretches.row_no
                        and later.status not in ('solved', 'closed')
                    order by row_no limit 1
                ) as ending on true
                where stretches.status in ('solved', 'closed')
                    and coalesce(previous_status, 'new') not in ('solved', 'closed')
            ) as found
            group by 1, 2, 3, 4, 5
        ) as solved
            on (counted.case_key, counted.solved_at) = (solved.case_key, solved.from_at)
            and (counted.department, counted.team, counted.agent_key)
                is not distinct from (solved.department, solved.team, solved.agent_key)
        where (counted.solutions, counted.reopened, counted.reopened_at)
            is distinct from (solved.solutions, solved.reopened, solved.reopened_at)
    """


class ExpectRepeatContactsToBeThere(Rule):
    """A resolved case has a repeat contact where its customer came with another within a week."""

    advice: ClassVar[str] = "see int_repeat_contacts, and the customer's other cases in fct_cases"
    unexpected_rows_query: str = """
        select resolved.case_key
        from {build}.fct_cases as resolved
        left join {batch} as contacts
            on resolved.case_key = contacts.case_key
        left join {build}.fct_cases as others
            on resolved.customer_key = others.customer_key
            and resolved.case_key <> others.case_key
            and others.is_counted
            and others.opened_at > resolved.resolved_at
            and others.opened_at <= resolved.resolved_at + interval '7 days'
        where resolved.is_counted
            and resolved.resolved_at is not null
            and resolved.customer_key is not null
        group by resolved.case_key, resolved.resolved_at, resolved.has_repeat_contact,
            contacts.case_key, contacts.has_repeat_contact
        having contacts.case_key is null
            or contacts.has_repeat_contact is distinct from resolved.has_repeat_contact
            or contacts.has_repeat_contact is distinct from case
                when count(others.case_key) > 0 then true
                when resolved.resolved_at + interval '7 days' < {as_of} then false
            end
    """


def suites(night: Night) -> dict[str, ExpectationSuite]:
    """By table; none of them is published, so only what dbt made is asked."""
    if not night.tables:
        return {}
    return {
        "int_replies": ExpectationSuite(
            name="replies",
            expectations=[
                ExpectOneRowPerKey(night, given={"key": "interaction_key"}, severity="critical"),
                ExpectEachReplyAsItWasSent(night, severity="critical"),
                ExpectResponseTimesSinceTheCustomerWrote(night, severity="critical"),
                ExpectOneFirstReply(night, severity="critical"),
            ],
        ),
        "int_repeat_contacts": ExpectationSuite(
            name="repeat contacts",
            expectations=[
                ExpectOneRowPerKey(night, given={"key": "case_key"}, severity="critical"),
                ExpectRepeatContactsToBeThere(night, severity="critical"),
            ],
        ),
        "int_solutions": ExpectationSuite(
            name="solutions",
            expectations=[
                ExpectOneRowPerKey(
                    night, given={"key": "case_key, solution_no"}, severity="critical"
                ),
                ExpectEachSolutionInTheTimeline(night, severity="critical"),
            ],
        ),
    }
