"""`python -m answerable.sandbox`: serve until interrupted, and say how to point sources at it."""

import argparse
import threading

from .company import DEFAULT_SEED, DEFAULT_SIZE
from .server import serve


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options.add_argument("--size", type=float, default=DEFAULT_SIZE)
    options.add_argument("--present", default="2026-03-01", help="UTC; nothing from then on shows")
    options.add_argument("--port", type=int, default=0)
    chosen = options.parse_args()
    handle = serve(chosen.seed, chosen.size, chosen.present, chosen.port)
    for name, value in handle.airflow_connections().items():
        print(f"export {name}='{value}'", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        handle.close()


if __name__ == "__main__":
    main()
