"""
### nightly: pull, build, check, publish, report

Every night at 02:00 UTC: pulls what is new from each source, builds the warehouse as of 00:00 of
the company's day, checks it, publishes it in one transaction and writes the SLA report.

**Owner** customer-data. **When it is red:** readers still see the last published night, whole.
Look at the red task's log; its last lines say what was found, what was expected and what to do.
Then trigger the DAG again (or `make nightly`): it goes on with the same night, and only that.
`check_raw` and `check` are gates: red there means that the data is not fit to report from, and the
failed rules are in `ops.check_results`. To build a published night again beside the present one,
trigger with `as_of` set to its day.
"""

import os
from datetime import UTC, datetime, timedelta

import pendulum
from airflow.sdk import (
    Asset,
    CronDataIntervalTimetable,
    Param,
    dag,
    get_current_context,
)
from airflow.sdk.exceptions import AirflowSkipException

from steps import RETRIES, connect_to, step

WAREHOUSE = Asset(name="answerable_warehouse", uri="answerable://warehouse/marts")


def note_failure(context: dict) -> None:
    from answerable import pipeline

    for night in pipeline.fail_running():
        pipeline.tell(night, connect_to)


@dag(
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "customer-data",
        "retries": RETRIES,
        "retry_delay": timedelta(seconds=30),
    },
    params={
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            description="A day of the company (2026-03-01): the warehouse as of its 00:00. "
            "Empty: the next night. A day that is published already: a replay beside it.",
        )
    },
    on_failure_callback=note_failure,
    doc_md=__doc__,
    tags=["customer-data"],
)
def nightly():
    @step(multiple_outputs=False)
    def plan() -> list[dict]:
        """Decide which night this is: nothing after it reads the param, the interval or a clock."""
        from answerable import pipeline

        context = get_current_context()
        is_scheduled = context["dag_run"].run_type == "scheduled"
        with pipeline.connections(connect_to) as (connections, is_sandbox):
            planned = pipeline.plan(
                context["params"]["as_of"],
                now=context["data_interval_end"] if is_scheduled else datetime.now(UTC),
                connections=connections,
                is_sandbox=is_sandbox,
            )
        if planned["run_id"] is None:
            raise AirflowSkipException(planned["reason"])
        context["ti"].xcom_push(key="night", value=planned["run_id"])
        return pipeline.by_source(planned["streams"])

    # a task a source: its streams share its limits, and go at the same time within the task
    @step(map_index_template="{{ source_name }}", max_active_tis_per_dagrun=4)
    def land(night: str, source: str, kind: str, streams: list[dict]) -> dict:
        from answerable import pipeline

        get_current_context().update(source_name=source)
        with pipeline.connection_of(night, source, kind, connect_to) as connection:
            return pipeline.land_source(
                night, source=source, kind=kind, streams=streams, connection=connection
            )

    # in a replay nothing is landed; where no night is due there is no plan either
    @step(trigger_rule="none_failed_min_one_success")
    def load(night: str) -> dict:
        from answerable import pipeline

        return pipeline.load(night)

    @step()
    def check_raw(night: str) -> dict:
        from answerable import pipeline

        return pipeline.check_raw(night)

    @step()
    def build(night: str, part: str) -> dict:
        from answerable import pipeline

        return pipeline.build(night, part=part)

    @step()
    def identity(night: str) -> dict:
        from answerable import pipeline

        return pipeline.identity(night)

    @step()
    def check(night: str) -> dict:
        from answerable import pipeline

        return pipeline.check(night)

    @step(outlets=[WAREHOUSE])
    def publish(night: str) -> dict:
        from answerable import pipeline

        return pipeline.publish(night)

    @step()
    def report(night: str) -> dict:
        from answerable import pipeline

        written = pipeline.report(night)
        pipeline.tell(night, connect_to)
        return written

    planned = plan()
    night = planned["night"]
    (
        land.partial(night=night).expand_kwargs(planned)
        >> load(night)
        >> check_raw(night)
        >> build.override(task_id="build_first")(night, part="first")
        >> identity(night)
        >> build.override(task_id="build_rest")(night, part="rest")
        >> check(night)
        >> publish(night)
        >> report(night)
    )


the_dag = nightly()

if __name__ == "__main__":  # how `make nightly` runs it: here and now, in this process
    ended = the_dag.test(run_conf={"as_of": os.environ.get("ANSWERABLE_DATE") or None})
    raise SystemExit(0 if ended.state == "success" else 1)
