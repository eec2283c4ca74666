"""What the reads of a night cost, kept in the warehouse: several streams draw on one account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import psycopg

from answerable.sources.body import Body
from answerable.sources.budget import Budget, Spent, resources
from answerable.sources.page import Get

KEPT_DAYS = 3  # of single reads; what a night cost stays in ops.stream_runs


@dataclass
class Ledger:
    """Pays for each answer before anybody uses it. Guards the turn of this walk.

    A resource that was read before on the same UTC day is free, as at the source. Where there is a
    limit, walks of one account take turns, a page at a time, so that none spends what another
    counts on.
    """

    conn: psycopg.Connection
    source: str
    stream: str
    run_id: str
    budget: Budget
    ask: Get
    mine: Spent = field(default_factory=Spent)  # of this walk
    _has_turn: bool = False

    def room(self, path: str, least: int, beside: int) -> int:
        """See `Start.room`."""
        if not self.budget.is_limited:
            return self.budget.room(Spent(), path, least, beside)
        if not self._has_turn:
            self.conn.execute(
                "select pg_advisory_lock(hashtextextended(%s, 0))", [f"answerable {self.source}"]
            )
            self.conn.commit()
            self._has_turn = True
        return self.budget.room(self._spent(), path, least, beside)

    def get(self, path: str, params: Mapping[str, str]) -> Body:
        body = self.ask(path, params)
        day = self._day(body)
        found = resources(body)
        rows = self.conn.execute(
            "insert into ops.reads (source, read_on, resource, run_id, stream, price)"
            " select %s, %s, resource, %s, %s, price"
            " from unnest(%s::text[], %s::numeric[]) as paid (resource, price)"
            " on conflict do nothing returning price",
            [
                self.source,
                day,
                self.run_id,
                self.stream,
                list(found),
                [self.budget.price_of(path, kind) for kind in found.values()],
            ],
        ).fetchall()
        self.conn.commit()
        self.mine.reads += len(rows)
        self.mine.money += sum(price for (price,) in rows)
        return body

    def end_turn(self) -> None:
        if self._has_turn:
            self.conn.execute(
                "select pg_advisory_unlock(hashtextextended(%s, 0))", [f"answerable {self.source}"]
            )
            self.conn.commit()
            self._has_turn = False

    def forget_old(self) -> None:
        self.conn.execute(
            "delete from ops.reads where source = %s and read_on <"
            " (select max(read_on) from ops.reads where source = %s) - %s::int and run_id <> %s",
            [self.source, self.source, KEPT_DAYS, self.run_id],
        )
        self.conn.commit()

    def _spent(self) -> Spent:
        row = self.conn.execute(
            "select count(*), coalesce(sum(price), 0) from ops.reads"
            " where source = %s and run_id = %s",
            [self.source, self.run_id],
        ).fetchone()
        self.conn.commit()
        return Spent(*row) if row else Spent()

    @staticmethod
    def _day(body: Body) -> date:
        """The UTC day by the source's own clock."""
        return (
            datetime.now(UTC) if body.at is None else datetime.fromtimestamp(body.at, UTC)
        ).date()
