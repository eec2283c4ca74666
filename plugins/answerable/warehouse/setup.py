"""Make the warehouse's permanent schemas and tables; safe to call at any time."""

from pathlib import Path

import psycopg
from psycopg import sql

SETUP_SQL = Path(__file__).with_name("setup.sql")
SETUP_LOCK = 0x616E737765720002

# source kind -> its streams; each is one table raw.<kind>_<stream>
RAW_STREAMS: dict[str, tuple[str, ...]] = {
    "zendesk": (
        "tickets",
        "ticket_events",
        "users",
        "groups",
        "group_memberships",
        "organizations",
        "brands",
        "ticket_metric_events",
        "satisfaction_ratings",
        "sla_policies",
        "group_sla_policies",
        "schedules",
        "ticket_audits",
    ),
    "x": ("mentions", "search", "posts", "referenced_posts", "refreshed_posts"),
    "file": (
        "interactions",
        "cases",
        "case_events",
        "field_changes",
        "users",
        "calls",
        "ratings",
        "sales",
    ),
}

# One row per version of a source's record. `version` orders versions of a record: higher is
# newer, then the later batch, then the later position in it.
RAW_TABLE = """
create table if not exists raw.{table} (
    source text not null,
    record_key text not null,
    version numeric not null,
    batch_id bigint not null,
    position bigint not null,
    record_hash text not null,
    payload jsonb not null,
    primary key (batch_id, position)
);
create index if not exists {index} on raw.{table} (record_key, source);
"""


def raw_table(kind: str, stream: str) -> str:
    """Name, without schema, of the table that holds a stream's records."""
    if stream not in RAW_STREAMS.get(kind, ()):
        raise ValueError(f"no stream {stream!r} of kind {kind!r}; known: {RAW_STREAMS}")
    return f"{kind}_{stream}"


def prepare(conn: psycopg.Connection) -> None:
    """Create what is missing of raw, ops and the other permanent schemas. Commits."""
    conn.execute("select pg_advisory_xact_lock(%s)", [SETUP_LOCK])
    conn.execute(SETUP_SQL.read_text(encoding="utf-8"))
    for kind, streams in RAW_STREAMS.items():
        for stream in streams:
            table = raw_table(kind, stream)
            conn.execute(
                sql.SQL(RAW_TABLE).format(
                    table=sql.Identifier(table), index=sql.Identifier(f"{table}_record")
                )
            )
    conn.commit()
