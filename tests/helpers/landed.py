"""Sources that answer from a list, and nights to land and load what they say."""

from collections.abc import Callable

import psycopg

from answerable.sources.body import Body


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of ours catches it."""


class Pages:
    """A client that answers from a list, and dies or fails where an exception stands."""

    def __init__(self, *pages):
        self.pages, self.asked, self.requests_sent = list(pages), [], 0

    def get(self, path, params):
        self.asked.append((path, dict(params)))
        self.requests_sent += 1
        page = self.pages.pop(0)
        if isinstance(page, BaseException):
            raise page
        return Body.read(page) if isinstance(page, str) else Body.of(page)


def ticket(id, at, **more):
    created = "2026-01-01T00:00:00Z"
    return {"id": id, "generated_timestamp": at, "created_at": created, **more}


def tickets(*records, cursor, end=True):
    return {"tickets": list(records), "after_cursor": cursor, "end_of_stream": end}


def groups(count, start=1):
    """A whole list of groups on one page."""
    return {
        "groups": [
            {"id": start + n, "name": f"g{n}", "updated_at": "2026-01-01T00:00:00Z"}
            for n in range(count)
        ],
        "meta": {"has_more": False},
    }


def nights(conn: psycopg.Connection) -> Callable[[], str]:
    """Gives what begins a night, ending the one before; each call gives its run_id."""
    days = iter(range(1, 29))

    def begin() -> str:
        day = next(days)
        conn.execute("update ops.runs set status = 'published' where status = 'running'")
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input) values (%s, 'nightly', %s, 'files')",
            [f"night-{day}", f"2026-03-{day:02d}"],
        )
        conn.commit()
        return f"night-{day}"

    return begin


def rows(conn: psycopg.Connection, query: str, *values):
    found = conn.execute(query, values).fetchall()
    conn.commit()
    return found
