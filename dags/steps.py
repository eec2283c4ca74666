"""What DAG files share: no DAG is in here. The one place that reads Airflow's connections."""

import functools
import os

from airflow.sdk import Connection, task
from airflow.sdk.exceptions import AirflowFailException

RETRIES = int(os.environ.get("ANSWERABLE_RETRIES") or 2)


def connect_to(source: str) -> dict:
    """The Airflow connection of the source's name, as the package wants it."""
    known = Connection.get(source)
    extra = dict(known.extra_dejson)
    return {
        "name": source,
        "kind": (known.conn_type or "").replace("-", "_"),
        "scheme": extra.pop("scheme", "https"),
        "host": known.host,
        "port": known.port,
        "login": known.login,
        "password": known.password,
        "extra": extra,
    }


def step(**options):
    """A task that is tried again, unless the request or the data was refused: it would be again."""

    def decorate(function):
        @functools.wraps(function)
        def tried(*args, **kwargs):
            from answerable import pipeline

            try:
                return function(*args, **kwargs)
            except Exception as error:
                if pipeline.is_final(error):
                    raise AirflowFailException(str(error)) from error
                raise

        return task(**options)(tried)

    return decorate
