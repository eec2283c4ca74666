"""What resolving identities costs: evidence in the database to customers in the database.

The evidence is made like the sandbox's: help desk accounts with addresses, numbers in several
spellings and handles, accounts of X, contacts of a sales system, second accounts, shared numbers,
messages that give a number. ANSWERABLE_BENCH_IDENTIFIERS says how many identifiers (1,000,000). The
night that is measured finds the customers of the night before in its tables, as nights do; it is a
process of its own, so its peak of memory is its own.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from answerable.bench import BenchError, Figure, benchmark
from answerable.runtime import postgres
from answerable.settings import ROOT, Settings
from answerable.warehouse import setup
from answerable.warehouse.db import connect

IDENTIFIERS_DEFAULT = 1_000_000
RUN = "nightly-bench"
BEGAN = datetime(2025, 12, 1)
AS_OF = datetime(2026, 3, 1)
TABLES = """
create table build.int_identity_evidence (
    account_identifier_key text, identifier_key text, identifier_kind text, identifier text,
    source text, evidence text, first_seen_at timestamp, last_seen_at timestamp
);
create table build.int_identity_messages (
    account_identifier_key text, source text, interaction_key text, sent_at timestamp,
    region text, phrases text, text text
);
create table build.int_thread_evidence (
    interaction_key text, parent text, conversation_key text, direction text
);
create table build.stg_policy__identity_rules (
    rule text, kind text, identifier text, other_kind text, other_identifier text,
    most_accounts integer, rule_text text, valid_from_at timestamp, valid_until_at timestamp
);
insert into build.stg_policy__identity_rules values
    ('shared', 'email', 'info@*', null, null, null, 'shared', '2025-11-01', '9999-12-31'),
    ('shared', 'phone', '+441134960000', null, null, null, 'shared', '2025-11-01', '9999-12-31'),
    ('different', 'account', 'desk:user:1', 'account', 'desk:user:2', null, 'two',
        '2025-11-01', '9999-12-31');
"""


@benchmark("identity")
def identity(work: Path) -> Iterator[Figure]:
    """Evidence to customers for N identifiers: seconds, and the peak of memory."""
    count = int(os.environ.get("ANSWERABLE_BENCH_IDENTIFIERS") or IDENTIFIERS_DEFAULT)
    cluster = postgres.start(work, environ={}, is_durable=True)
    try:
        settings = Settings.from_environment(
            {"ANSWERABLE_HOME": str(work), "ANSWERABLE_WAREHOUSE_URL": cluster.url()}
        )
        yield Figure("evidence_rows", _fill(settings, count), "rows")
        _in_process(settings)
        told = _in_process(settings)
        if told["identifiers"] < count:
            raise BenchError(f"{told['identifiers']} identifiers came out of {count}")
        yield Figure("customers", told["customers"], "customers")
        yield Figure("changes", told["changes"], "merges and splits")
        yield Figure(f"wall_seconds.{count}", told["seconds"], "s")
        yield Figure(
            f"cpu_seconds.{count}", told["cpu_seconds"], "s of one core, without the server"
        )
        yield Figure("peak_rss_mib", told["peak_rss_mib"], "MiB")
    finally:
        postgres.stop(work)


def _fill(settings: Settings, count: int) -> int:
    with connect(settings) as conn:
        setup.prepare(conn)
        conn.execute(
            "insert into ops.runs (run_id, kind, as_of, input) values (%s, 'nightly', %s,"
            " 'sandbox')",
            [RUN, AS_OF],
        )
        conn.execute(TABLES)
        rows = 0
        with (
            conn.cursor() as cursor,
            cursor.copy("copy build.int_identity_evidence from stdin") as copy,
        ):
            for row in evidence(count):
                copy.write_row(row)
                rows += 1
        with (
            conn.cursor() as cursor,
            cursor.copy("copy build.int_identity_messages from stdin") as copy,
        ):
            for number in range(count // 40):
                text = f"Hello, the lid leaks. My number is {_number(number * 3)}, after five."
                copy.write_row(
                    (
                        f"desk:user:{number * 3}",
                        "desk",
                        f"desk:{number}",
                        BEGAN + timedelta(days=80, seconds=number),
                        "GB",
                        "my number is|call me on|reach me at",
                        text,
                    )
                )
        return rows + count // 40


def _number(person: int) -> str:
    """Of a range that no country gives out in full; in several spellings."""
    digits = f"{10_000_000 + person:08d}"
    spelling = person % 4
    if spelling == 0:
        return f"+44 20 {digits[:4]} {digits[4:]}"
    return f"+4420{digits}" if spelling < 3 else f"GB 020{digits}"


def evidence(count: int) -> Iterator[tuple]:
    """Rows of evidence with so many identifiers, or a few more, as dbt would have gathered them."""
    chance = random.Random(7)
    made = person = 0
    while made < count:
        seen = BEGAN + timedelta(seconds=chance.randrange(80 * 86_400))
        later, learned = (seen + timedelta(seconds=chance.randrange(9 * 86_400)) for _ in range(2))
        desk, mail = f"desk:user:{person}", f"email:cora.{person}@mail.example"
        has_desk, has_x = chance.random() < 0.78, chance.random() < 0.5

        def row(
            account: str,
            key: str,
            kind: str,
            source: str,
            at: datetime = seen,
            how: str = "account",
        ) -> tuple:
            text = key.partition(":")[2] if kind in ("email", "phone", "x_handle") else key
            return account, key, kind, text, source, how, at, at

        if has_desk:
            yield row(desk, desk, "help_desk_user", "desk")
            yield row(desk, mail, "email", "desk", how="verified_link")
            made += 2
            if chance.random() < 0.4:
                yield row(desk, f"phone:{_number(person)}", "phone", "desk", later)
                made += 1
            if chance.random() < 0.02:  # a couple's, or an office's
                shared = f"phone:+441134{960_000 + person // 50 % 40_000}"
                yield row(desk, shared, "phone", "desk", later)
            if chance.random() < 0.05:
                again = f"{desk}0000000"
                yield row(again, again, "help_desk_user", "desk", later)
                yield row(again, mail, "email", "desk", later)
                made += 1
            if has_x and chance.random() < 0.8:
                yield row(desk, f"x_handle:cora_{person}", "x_handle", "desk", learned)
        if has_x:
            x = f"x:user:{1_510_000_000_000_000_000 + person}"
            yield (x, x, "x_user", x[7:], "x", "account", later, later)
            yield row(x, f"x_handle:cora_{person}", "x_handle", "x", later)
            made += 2
        if chance.random() < 0.15:
            contact = f"sales:user:K{person}"
            yield row(contact, contact, "file_customer", "sales", later)
            yield row(contact, mail, "email", "sales", later)
            yield row(contact, f"phone:{_number(person)}", "phone", "sales", learned)
            made += 1 if has_desk else 2
        person += 1


def _in_process(settings: Settings) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "answerable.bench.identity"],
        env=os.environ
        | {
            "ANSWERABLE_HOME": str(settings.home),
            "ANSWERABLE_WAREHOUSE_URL": settings.warehouse_url,
            "PYTHONPATH": str(ROOT / "plugins"),
        },
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchError(f"identity ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def resolve_here() -> dict:
    from answerable.identity import resolve

    started = time.monotonic()
    told = resolve(RUN)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told | {
        "seconds": seconds,
        "cpu_seconds": time.process_time(),
        "peak_rss_mib": peak,
    }


if __name__ == "__main__":
    print(json.dumps(resolve_here()))
