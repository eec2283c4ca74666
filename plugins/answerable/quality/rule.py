"""The form that our expectations have. Importing it imports Great Expectations: seconds."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when Great Expectations is imported

import great_expectations.expectations as gxe

from answerable.quality.night import Night

EXAMPLES = 3


class Rule(gxe.UnexpectedRowsExpectation):
    """A query for the keys of rows that should not be. Its first line says what should hold.

    The query selects keys only, never what a customer wrote or who they are, since its first
    rows are stored, logged and printed. `{batch}` is the table; `{as_of}`, `{build}`, `{private}`,
    `{run_no}` come from the night, and whatever else it names from `given`. One statement gives
    both the number of such rows and the examples.
    """

    advice: ClassVar[str] = "look at the examples and at what changed since the last good night"
    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def __init__(
        self, night: Night | None = None, *, given: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        given = given or {}
        if night is not None:  # else Great Expectations makes a copy, with the query in it
            query = (
                type(self)
                .__fields__["unexpected_rows_query"]
                .default.format(
                    batch="batch_rows",
                    as_of=f"timestamp '{night.as_of}'",
                    run_no=night.run_no,
                    build=night.schemas.build,
                    private=night.schemas.private,
                    **given,
                )
            )
            # Great Expectations gives the batch a name of its own, except where it finds a join;
            # so there is one, and our queries may name and use the batch as often as they like.
            kwargs["unexpected_rows_query"] = (
                "with batch_rows as not materialized ("
                "select whole.* from {batch} as whole cross join (select 1) as one) "
                f"select unexpected.*, count(*) over () as unexpected_count from ({query}) "
                f"as unexpected order by 1 limit {EXAMPLES}"
            )
            # what a rule that several tables share is about, beside its name
            if about := given.get("column") or given.get("child_key"):
                kwargs["meta"] = {"about": about}
        super().__init__(**kwargs)

    def _validate(
        self,
        metrics: dict,
        runtime_configuration: dict | None = None,
        execution_engine: Any = None,
    ) -> dict:
        rows = metrics["unexpected_rows_query.table"]
        return {
            "success": not rows,
            "result": {
                "observed_value": rows[0]["unexpected_count"] if rows else 0,
                "details": {
                    "keys": [
                        " / ".join(str(key) for key in list(row.values())[:-1]) for row in rows
                    ]
                },
            },
        }
