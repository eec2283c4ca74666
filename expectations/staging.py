"""What nights read has to be in staging, on which all else is built."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from answerable.warehouse.setup import raw_table

COMMENT = """records.payload @> '{"child_events": [{"event_type": "Comment"}]}'"""
# staging table -> the stream of which it has a row, or more, for each record; or each such that
STAGED: dict[str, tuple[str, str, str]] = {
    **{
        f"stg_file__{stream}": ("file", stream, "true")
        for stream in (
            "calls",
            "case_events",
            "cases",
            "field_changes",
            "interactions",
            "ratings",
            "sales",
            "users",
        )
    },
    **{
        f"stg_x__{stream}": ("x", stream, "true")
        for stream in ("mentions", "posts", "search", "referenced_posts", "refreshed_posts")
    },
    **{
        f"stg_zendesk__{stream}": ("zendesk", stream, "true")
        for stream in (
            "brands",
            "group_memberships",
            "groups",
            "organizations",
            "tickets",
            "users",
        )
    },
    "stg_zendesk__metric_events": ("zendesk", "ticket_metric_events", "true"),
    "stg_zendesk__comments": ("zendesk", "ticket_events", COMMENT),
}


class ExpectEachRecordToBeStaged(Rule):
    """What was read is in the staging model of its stream."""

    advice: ClassVar[str] = (
        "see {table} in ops.dbt_results: a condition in the model that leaves records out, or an"
        " increment that did not read the newest batches; `make nightly REBUILD=raw` builds anew"
    )
    unexpected_rows_query: str = """
        select distinct records.source, records.record_key
        from raw.{raw_table} as records
        join ops.batches as batches on records.batch_id = batches.batch_id
        where batches.first_read_run_no > {read_after}
            and batches.first_read_run_no <= {reads_up_to}
            and {condition}
            and not exists (
                select from {batch} as staged
                where staged.source = records.source and staged.record_key = records.record_key
            )
    """


def suites(night: Night) -> dict[str, ExpectationSuite]:
    """By table."""
    return {
        table: ExpectationSuite(
            name="staging",
            expectations=[
                ExpectEachRecordToBeStaged(
                    night,
                    given={
                        "raw_table": raw_table(kind, stream),
                        "condition": condition.replace("{", "{{").replace("}", "}}"),
                        # of what is published, keys alone are looked at
                        "read_after": str(0 if condition == "true" else night.published_up_to),
                        "reads_up_to": str(night.reads_up_to),
                    },
                    severity="critical",
                )
            ],
        )
        for table, (kind, stream, condition) in STAGED.items()
        if raw_table(kind, stream) in night.read
    }
