"""What a killable process does first, before it reads what strangers wrote."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from marketplace.processes.confinement import confine
from marketplace.processes.frames import pack


def begin(readable: Sequence[Path], memory: int) -> tuple[BinaryIO, BinaryIO]:
    """Confine this process and tell its parent that it is ready.

    Args:
        readable: the directories that stay readable.
        memory: most bytes of data, stacks and heap.

    Returns:
        the streams of requests and of answers, both of frames.
    """
    requests, answers = _streams()
    send(answers, json.dumps(confine(readable, memory)).encode("ascii"))
    return requests, answers


def begin_trusted() -> tuple[BinaryIO, BinaryIO]:
    """Tell the parent that this process is ready; it may do what its parent may.

    For work that needs files and is done in pure Python: nothing that strangers wrote can take it over.

    Returns:
        as of ``begin``.
    """
    requests, answers = _streams()
    send(answers, json.dumps([]).encode("ascii"))
    return requests, answers


def send(answers: BinaryIO, message: bytes) -> None:
    """Write one frame, whole."""
    answers.write(pack(message))
    answers.flush()


def _streams() -> tuple[BinaryIO, BinaryIO]:
    # The interrupt key reaches every process of a terminal; the parent decides about this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the frames.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, answers
