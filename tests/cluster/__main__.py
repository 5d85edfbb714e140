"""``make cluster-test``: each failure once, told as it happens, with one line at the end that sums up."""

from __future__ import annotations

import sys

from tests.cluster.cluster import cluster
from tests.cluster.rounds import run


def main() -> None:
    """Run the short form."""
    with cluster() as made:
        outcome = run(made, tell=lambda line: print(line, flush=True))  # noqa: T201 - the command's output
    print(outcome.line)  # noqa: T201 - likewise
    sys.exit(0 if outcome.is_right else 1)


if __name__ == "__main__":
    main()
