"""The ``marketplace`` command.

Everything else is imported when the command runs: loading takes longer than many commands do, and whoever
stops it meanwhile is not to see where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code; whatever fails is one sentence on stderr."""
    try:
        from marketplace.cli.running import run_and_end

        run_and_end(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("stopped.\n")
        sys.exit(1)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: what follows the command's name; by default those of the process.
    """
    from marketplace.cli import running

    return running.run(arguments)
