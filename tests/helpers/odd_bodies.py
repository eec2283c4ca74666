"""What goes wrong with a page whose answer is sound as far as HTTP goes: changes of its body."""

import base64
import json
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Change = Callable[[Body], Any]


def records(body: Body) -> list[Any]:
    """The list of records of a page, whatever its name."""
    lists = [
        v for k, v in body.items() if isinstance(v, list) and k not in ("identities", "errors")
    ]
    assert len(lists) == 1, sorted(body)
    return lists[0]


def reversed_(body: Body) -> Body:
    records(body).reverse()
    return body


def empty_at_the_start(body: Body) -> Body:
    """No records, a cursor that leads to them, and no end: as exports have it now and then."""
    records(body).clear()
    start = base64.b64encode(b"0.0||0").decode()
    return body | {"after_cursor": start, "end_of_stream": False}


def halved(body: Body) -> Body:
    """Half of the page's rows, with the cursor that belongs to the last of them."""
    rows = records(body)
    del rows[len(rows) // 2 :]
    last = rows[-1]
    cursor = base64.b64encode(f"{last['generated_timestamp']}.0||{last['id']}".encode()).decode()
    return body | {"after_cursor": cursor, "end_of_stream": False}


class Repeating:
    """The records of the page before come again, ahead of the page's own."""

    def __init__(self) -> None:
        self._before: list[Any] = []

    def __call__(self, body: Body) -> Body:
        rows = records(body)
        before, self._before = self._before, list(rows)
        rows[:0] = before
        return body


def more_without_a_cursor(body: Body) -> Body:
    return body | {"meta": {"has_more": True, "after_cursor": None}, "links": {"next": None}}


def stuck_in_one_second(body: Body) -> Body:
    """A full page whose rows share the second that was asked for: it ends where it began."""
    rows = records(body)
    del rows[1:]
    return body | {"end_time": 0, "end_of_stream": False, "count": 1000}


def lying(count: int) -> Change:
    """Every total that the body names says something else."""

    def change(body: Body) -> Body:
        if "count" in body:
            body["count"] = count
        if isinstance(body.get("meta"), dict) and "result_count" in body["meta"]:
            body["meta"]["result_count"] = count
        return body

    return change


class WithoutTheNewest:
    """As if posts were written while the walk went on: a first page lacks them, once."""

    def __init__(self) -> None:
        self.lacked: list[str] = []

    def __call__(self, body: Body) -> Body:
        rows = body.get("data", [])
        if len(rows) > 1 and not self.lacked:
            self.lacked.append(rows.pop(0)["id"])
            body["meta"] |= {"newest_id": rows[0]["id"], "result_count": len(rows)}
        return body


def not_an_object(body: Body) -> str:
    return json.dumps([body])


def with_errors(kind: str) -> Change:
    """200 with data and an error beside it."""
    return lambda body: body | {"errors": [{"type": f"https://api.twitter.com/2/problems/{kind}"}]}
