"""Rules that several tables share."""

from collections.abc import Mapping
from typing import ClassVar

from answerable.quality.night import Night
from answerable.quality.rule import Rule

# An address is recognised by its shape alone; `x@y` without a dot is how handles are written.
ADDRESS = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]"


class ExpectOneRowPerKey(Rule):
    """A key names one row, and each of its columns has a value."""

    advice: ClassVar[str] = (
        "look for a join that doubles rows, or for a source that gives one id twice"
    )
    unexpected_rows_query: str = """
        select {key} from {batch}
        group by {key}
        having count(*) > 1 or num_nulls({key}) > 0
    """


class ExpectNotToShrinkByHalf(Rule):
    """A table does not lose half of what readers see in it from one night to the next."""

    advice: ClassVar[str] = (
        "see which stream or model lost rows (ops.stream_runs, ops.dbt_results); if the drop is "
        "real, accept it"
    )
    unexpected_rows_query: str = """
        select '{published} rows are published, this night has ' || count(*) as rows_found
        from {batch}
        having count(*) * 2 < {published}
    """


# what may be so of few rows: beyond both of a share and a few nothing goes on
MANY_SHARE, MANY_FEW = 0.05, 10


def if_many(unlike: str, of: str) -> str:
    """The end of a query for the rows of `unlike`: none of them where they are few of `of`."""
    return (
        f" where (select count(*) from {unlike})"
        f" > greatest({MANY_FEW}, {MANY_SHARE} * (select count(*) from {of}))"
    )


def many_and_few(
    many: type[Rule], few: type[Rule], night: Night, given: Mapping[str, str]
) -> list[Rule]:
    """A rule that finds rows where they are many, and one that finds each: that is a warning."""
    return [
        many(night, given=given, severity="critical"),
        few(night, given=given, severity="warning"),
    ]


# what came since what is published and says, but for its key, what another row says
AGAIN = """
    with recent as (
        select {key}, dense_rank() over (partition by {same} order by {key}) as copy_no
        from {told}
        where {at} >= {since} and {such_that}
    ),
    copies as (
        select {key} from recent where copy_no > 1
    )
    select {key} from copies
"""
TOLD_AGAIN = (
    "somebody did the same twice in one second, or the source told it again under another id (a "
    "migration, an export run twice): look one up there; such rows count twice"
)


class ExpectNothingToldAgain(Rule):
    """Nothing is told a second time under another key."""

    advice: ClassVar[str] = TOLD_AGAIN
    unexpected_rows_query: str = AGAIN


class ExpectLittleToldAgain(ExpectNothingToldAgain):
    """What is told a second time under another key is little."""

    unexpected_rows_query: str = AGAIN + if_many("copies", "recent")


def told_once(night: Night, **given: str) -> list[Rule]:
    """That rows which are alike in `same` (columns) came once: of `told` (a table, or several
    joined), from what is published `at` on, `such_that`; named by `key`."""
    given["since"] = since(night)
    return many_and_few(ExpectLittleToldAgain, ExpectNothingToldAgain, night, given)


def since(night: Night) -> str:
    """As of when readers' night is, for SQL; in the first of all, everything came since."""
    return f"timestamp '{night.published_as_of or '-infinity'}'"


class ExpectNothingFromTheFuture(Rule):
    """A night knows nothing that happened at or after its as_of."""

    advice: ClassVar[str] = (
        "a model that forgot as_of, or a source whose clock runs ahead (see the record in raw)"
    )
    unexpected_rows_query: str = """
        select {key} from {batch} where greatest({instants}) >= {as_of}
    """


class ExpectKnownValues(Rule):
    """A column has only values that have a meaning."""

    advice: ClassVar[str] = (
        "map the new value in the source's staging model, or in the description of the export"
    )
    unexpected_rows_query: str = """
        select {column} as unknown_value, count(*) as row_count from {batch}
        where {column} is null or {column} not in ({values})
        group by {column}
    """


class ExpectParentToBeThere(Rule):
    """What a row refers to is there."""

    advice: ClassVar[str] = (
        "the two tables were not built from the same events: replay the day, which builds in full, "
        "and look for keys missing from the dirty set where the two differ"
    )
    unexpected_rows_query: str = """
        select child.{child_key} from {batch} as child
        where child.{child_key} is not null
            and not exists (
                select from {build}.{parent} as parent
                where parent.{parent_key} = child.{child_key}
            )
    """


def parent_to_be_there(
    night: Night, parent: str, key: str, child_key: str | None = None
) -> ExpectParentToBeThere:
    """The rule, critical: each `child_key` of the table (by default named alike) is a `key` of
    `parent`."""
    return ExpectParentToBeThere(
        night,
        given={"child_key": child_key or key, "parent": parent, "parent_key": key},
        severity="critical",
    )


class ExpectNoAddressInMaskedText(Rule):
    """Masked text holds no e-mail address: readers of marts may not see who customers are."""

    advice: ClassVar[str] = "extend the macro mask_text; nothing was published"
    unexpected_rows_query: str = f"""
        select {{key}} from {{batch}} where {{text}} ~ '{ADDRESS}'
    """


class ExpectIntervalsInOrder(Rule):
    """Intervals of a case follow each other without gap or overlap, none ends before it begins."""

    advice: ClassVar[str] = (
        "look at the case's events in int_case_events: two of them may share an instant and a "
        "sequence, or a late event was not carried into the timeline"
    )
    unexpected_rows_query: str = """
        select case_key, {number} from (
            select
                case_key, {number}, from_at, to_at,
                row_number() over (partition by case_key order by {number}) as counted,
                lag(to_at) over (partition by case_key order by {number}) as previous_to_at
            from {batch}
        ) as numbered
        where from_at is null
            or to_at < from_at
            or {number} <> counted
            or (counted > 1 and previous_to_at is distinct from from_at)
    """


def quoted(*values: str) -> str:
    """Values as a list for SQL."""
    return ", ".join(f"'{value}'" for value in values)
