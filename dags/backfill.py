"""
### backfill: pull a window of the past again, beside the nights

By hand only: `source`, `since` and `until` (days of the company, half-open), `streams` where not
all are meant. The next night compares what it landed with what is stored and reads what was
missing; nothing doubles and no watermark moves. It may run while a night does.

**Owner** customer-data. **When it is red:** the error names the streams whose window did not come
whole; the others are landed. Trigger it again for those, with `streams` set to their names.
"""

import os
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context

from steps import RETRIES, connect_to, step


@dag(
    schedule=None,
    catchup=False,
    default_args={
        "owner": "customer-data",
        "retries": RETRIES,
        "retry_delay": timedelta(seconds=30),
    },
    params={
        "source": Param(None, type=["null", "string"], description="An account, as zendesk."),
        "since": Param(
            None, type=["null", "string"], format="date", description="The first day, 2026-02-01."
        ),
        "until": Param(
            None, type=["null", "string"], format="date", description="The day after the last."
        ),
        "streams": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            description="Some streams; empty: all that can be asked for a window.",
        ),
    },
    doc_md=__doc__,
    tags=["customer-data"],
)
def backfill():
    @step()
    def plan() -> str:
        from answerable import pipeline

        asked = get_current_context()["params"]
        return pipeline.plan_backfill(
            asked["source"] or "",
            asked["since"] or "",
            asked["until"] or "",
            asked["streams"] or (),
            connect_to=connect_to,
        )["run_id"]

    @step()
    def pull(run: str) -> dict:
        from answerable import pipeline

        return pipeline.backfill(run, connect_to=connect_to)

    pull(plan())


the_dag = backfill()

if __name__ == "__main__":  # how `make backfill` runs it: here and now, in this process
    asked = {name: os.environ.get(f"ANSWERABLE_BACKFILL_{name.upper()}") or None
             for name in ("source", "since", "until")}  # fmt: skip
    some = (os.environ.get("ANSWERABLE_BACKFILL_STREAMS") or "").split()
    ended = the_dag.test(run_conf={**asked, "streams": some or None})
    raise SystemExit(0 if ended.state == "success" else 1)
