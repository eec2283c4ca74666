"""`python -m answerable.runtime.healthy URL`: ends with 0 where a part of Airflow answers and is
well, with 1 where not. For healthchecks of containers, which have no curl."""

import json
import sys
import urllib.error
import urllib.request


def is_healthy(url: str, *, patience_seconds: float = 8) -> bool:
    """Whether the answer is 200 and, where it tells of Airflow's database, that is well."""
    try:
        with urllib.request.urlopen(url, timeout=patience_seconds) as answer:
            body = answer.read()
    except (urllib.error.URLError, OSError):
        return False
    try:
        told = json.loads(body)
    except ValueError:
        return True  # the scheduler's says nothing but its status
    database = told.get("metadatabase") if isinstance(told, dict) else None
    return database is None or database.get("status") == "healthy"


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1]) else 1)
