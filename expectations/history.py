"""What must not change from one night to the next, and what must follow from the rest."""

import re
from collections.abc import Sequence
from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Made, Night
from answerable.quality.rule import Rule
from expectations.shared import since
from expectations.sla import DAILY_KEY

# What may differ from what is published, of a row of a table that no dirty list of its own is for;
# `{rows}` is the row, as it is or as it was.
CASE = "{rows}.case_key in (select case_key from {build}.int_dirty_cases)"
CONVERSATION = (
    "{rows}.conversation_key in (select conversation_key from {build}.int_dirty_conversations)"
)
CUSTOMER = "{rows}.customer_key in (select customer_key from {build}.int_dirty_customers)"
# a record that was read since, or of which something happened since
RECORD = (
    "{{rows}}.{key} in (select source || ':' || {id} from {{build}}.{records}"
    " where read_run_no > {{published_up_to}} or {happened})"
)
SINCE = "{at} >= {{published_as_of}} and {at} < {{as_of}}"
MAY_CHANGE = {
    "case_key": CASE,
    "conversation_key": CONVERSATION,
    "customer_key": CUSTOMER,
    "fct_cases": CASE,
    "fct_handoffs": f"{CASE} or {CUSTOMER}",
    "rpt_unprompted_mentions": f"{CONVERSATION} or {CASE}",
    "fct_calls": RECORD.format(
        key="call_key",
        id="call_id",
        records="stg_file__calls",
        happened=SINCE.format(at="told_at"),
    ),
    "fct_sales": RECORD.format(
        key="sale_key",
        id="sale_id",
        records="stg_file__sales",
        happened=" or ".join(
            SINCE.format(at=at)
            for at in ("found_at", "qualified_at", "won_at", "lost_at", "status_at")
        ),
    ),
    "fct_ratings": " or ".join(
        RECORD.format(
            key="rating_key", id="rating_id", records=records, happened=SINCE.format(at="rated_at")
        )
        for records in ("stg_file__ratings", "stg_zendesk__satisfaction_ratings")
    ),
    "rpt_sla_compliance_daily": "("
    + ", ".join(f"{{rows}}.{column}" for column in DAILY_KEY.split(", "))
    + f") in (select {DAILY_KEY} from {{build}}.int_dirty_sla_groups)",
}

# what a row learns of others, and long after: whose it is, whether they came back, how many saw it
NOT_COMPARED = {
    "fct_calls": ("customer_key",),
    "fct_cases": ("has_repeat_contact",),
    "fct_ratings": (
        "case_key",
        "customer_key",
        "channel",
        "brand",
        "department",
        "team",
        "agent_key",
    ),
    "fct_sales": ("case_key", "customer_key", "channel", "brand"),
    "rpt_unprompted_mentions": (
        "has_later_contact",
        "impression_count",
        "author_follower_count",
        "rating_verdict",
    ),
}


class ExpectWhatNothingHappenedToToStay(Rule):
    """What nothing happened to since it was last published says what it said then."""

    advice: ClassVar[str] = (
        "rows changed, came or went of which no record, event, customer or policy did: a model or a"
        " table that it stands on lost its history. `make nightly REBUILD=raw` builds everything"
        " anew; where that differs too, compare the examples with what is published"
    )
    unexpected_rows_query: str = """
        select {keys} from {batch} as now
        full join {published} as before on {same_key}
        where not coalesce(record_image_eq(row({now_columns}), row({before_columns})), false)
            and not coalesce({now_may_change}, false)
            and not coalesce({before_may_change}, false)
    """


class ExpectWhatItsModelGives(Rule):
    """What was made in this night is what its model gives of what it stands on."""

    advice: ClassVar[str] = (
        "{table} was not made in this night, or what it stands on changed after it was made: see"
        " ops.dbt_results, and call again"
    )
    unexpected_rows_query: str = """
        select {key} from (
            (select {key}, {columns} from {batch} as made where {is_of_this_night} except all
                select {key}, {columns} from ({definition}) as given)
            union all
            (select {key}, {columns} from ({definition}) as given except all
                select {key}, {columns} from {batch} as made where {is_of_this_night})
        ) as differing
    """


def add(suite: ExpectationSuite, night: Night, table: str) -> None:
    """Both rules, as far as they are about this table in this night."""
    made = night.tables.get(table)
    if made is None:
        return
    which = MAY_CHANGE.get(table) or MAY_CHANGE.get(made.dirty or "")
    if made.published is not None and which is not None:
        columns = [name for name in made.columns if name not in NOT_COMPARED.get(table, ())]
        suite.add_expectation(_to_stay(night, made, columns, which))
    if made.definition is not None and made.definition.is_whole:
        suite.add_expectation(_as_given(night, made, made.definition.query, "true"))
    elif made.definition is not None and which is not None:
        of_this_night = _of(which, "made", night)
        suite.add_expectation(_as_given(night, made, made.definition.query, of_this_night))


def _of(which: str, rows: str, night: Night) -> str:
    """The condition for rows of that alias."""
    condition = which.format(
        rows=rows,
        build=night.schemas.build,
        published_up_to=night.published_up_to,
        published_as_of=since(night),
        as_of=f"timestamp '{night.as_of}'",
    )
    return f"({condition})"


def _to_stay(night: Night, made: Made, columns: Sequence[str], which: str) -> Rule:
    return ExpectWhatNothingHappenedToToStay(
        night,
        given={
            "keys": ", ".join(f"coalesce(now.{key}, before.{key}) as {key}" for key in made.key),
            "published": made.published,
            "same_key": " and ".join(f"now.{key} = before.{key}" for key in made.key),
            "now_columns": ", ".join(f"now.{column}" for column in columns),
            "before_columns": ", ".join(f"before.{column}" for column in columns),
            "now_may_change": _of(which, "now", night),
            "before_may_change": _of(which, "before", night),
        },
        severity="critical",
    )


def _as_given(night: Night, made: Made, query: str, of_this_night: str) -> Rule:
    # sums of floats depend on the order of the rows, in their last digits
    columns = [
        f"round({column}::numeric, 6) as {column}" if kind == "double precision" else column
        for column, kind in made.columns.items()
        if column not in made.key
    ]
    return ExpectWhatItsModelGives(
        night,
        given={
            "key": ", ".join(made.key),
            "columns": ", ".join(columns) or "1 as nothing_else",
            "definition": _as_it_stands(query),
            "is_of_this_night": of_this_night,
        },
        severity="critical",
    )


COMMENT_OR_LITERAL = re.compile(r"--[^\n]*|'(?:[^']|'')*'")


def _as_it_stands(query: str) -> str:
    """The query past those who look for names in it: braces are Great Expectations', and a colon
    before a word, which our queries have in literals alone, is SQLAlchemy's."""

    def without_colons(found: re.Match[str]) -> str:
        text = found[0]
        if text.startswith("--"):
            return ""
        parts = re.split(r"(?<!:):(?=\w)", text)
        return text if len(parts) == 1 else "(" + "' || chr(58) || '".join(parts) + ")"

    literal = COMMENT_OR_LITERAL.sub(without_colons, query)
    return literal.replace("{", "{{").replace("}", "}}")
