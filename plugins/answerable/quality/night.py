"""What expectations may know of the night that they judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from answerable.warehouse.names import Schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A run as expectations see it: no clock, no connection."""

    run_no: int
    as_of: datetime  # UTC, without zone
    schemas: Schemas
    published_rows: Mapping[str, int] = field(default_factory=dict)  # by table, what readers see
    streams: tuple[str, ...] = ()  # raw tables that this night brought something into
