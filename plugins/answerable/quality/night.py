"""What expectations may know of the night that they judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from answerable.warehouse.dbt import Definition
from answerable.warehouse.names import Schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A table that this night made, and what it may be compared with."""

    key: tuple[str, ...]
    columns: Mapping[str, str]  # name -> type
    dirty: str | None  # the column by which it is kept up to date
    published: str | None  # the table that readers see, where this night adds to it
    definition: Definition | None  # what its model says of what was made in this night


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A run as expectations see it: no clock, no connection."""

    run_no: int
    as_of: datetime  # UTC, without zone
    schemas: Schemas
    published_rows: Mapping[str, int] = field(default_factory=dict)  # by table, what readers see
    streams: tuple[str, ...] = ()  # raw tables that this night brought something into
    read: tuple[str, ...] = ()  # raw tables of which it reads something
    reads_up_to: int = 0  # the newest run_no whose batches this night reads
    published_up_to: int = 0  # the newest run_no whose batches what readers see has read
    tables: Mapping[str, Made] = field(default_factory=dict)  # that dbt made in this night
    # the company's day that begins at as_of; the newest that the night may know is the one before
    day: date | None = None
    is_holiday: bool = False  # of one of the policy's schedules, on the newest day
    published_as_of: datetime | None = None  # of what readers see, where this night takes its place
    has_same_models: bool = False  # as what readers see: the same models, macros and policies
    # what these bring may be less than they have
    unfinished_sources: frozenset[str] = frozenset()  # a stream of them did not come to its end
    export_sources: frozenset[str] = frozenset()  # files, which may be delivered days later

    @property
    def newest_day(self) -> date:
        return (self.day or self.as_of.date()) - timedelta(days=1)
