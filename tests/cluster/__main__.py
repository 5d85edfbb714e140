"""``make cluster-test``: each failure once, told as it happens, with one line at the end that sums up."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import datetime

from tests.cluster.cluster import cluster
from tests.cluster.rounds import run


def _tell(line: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)  # noqa: DTZ005 - for who sits here


def main() -> None:
    """Run the short form, or more rounds of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each failure happens (default: 1)")
    rounds = parser.parse_args().rounds
    # Whoever has waited long enough is told what came out so far.
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with cluster() as made:
        outcome = run(made, rounds, tell=_tell, goes_on=lambda: not stopping.is_set())
    print(outcome.table, *outcome.odd, outcome.line, sep="\n")
    sys.exit(0 if outcome.is_right else 1)


if __name__ == "__main__":
    main()
