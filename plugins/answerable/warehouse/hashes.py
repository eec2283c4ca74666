"""What readers see as one hash a table: the same before and after a restore, on any server."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from answerable.warehouse import db
from answerable.warehouse.names import Schemas

# of the publication itself, not of what it shows
OF_THE_RUN = {"publication": ["published_at", "run_id", "sources"]}


@dataclass(frozen=True, slots=True)
class Hash:
    """A published table: how many rows, and a hash of all columns of all rows, in no order."""

    table: str
    rows: int
    hash: str


def published(conn: psycopg.Connection, prefix: str = "") -> list[Hash]:
    """Of each table of `marts` and `private`, in the order of their names, and of all together.

    Rows are hashed as JSON, whose keys have one order whatever the order of the columns is.
    """
    schemas = Schemas.of(prefix)
    found = []
    for schema, table in db.tables(conn, [schemas.marts, schemas.private]):
        # the list of hashes is hashed in the order of their bytes, which no locale changes
        query = """
            select count(*), md5(coalesce(string_agg(row_hash, '' order by row_hash), ''))
            from (
                select md5((to_jsonb(whole) - %s::text[])::text) collate "C" as row_hash
                from {} as whole
            ) as hashed
        """
        count, digest = conn.execute(
            sql.SQL(query).format(sql.Identifier(schema, table)), [OF_THE_RUN.get(table, [])]
        ).fetchone()
        found.append(Hash(f"{schema}.{table}", count, digest))
    whole = conn.execute(
        "select md5(%s)", ["".join(f"{each.table}{each.hash}" for each in found)]
    ).fetchone()
    return [*found, Hash("all of them", sum(each.rows for each in found), whole[0])]
