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
    # The interrupt key reaches every process of a terminal; the parent decides about this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the frames.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    send(answers, json.dumps(confine(readable, memory)).encode("ascii"))
    return sys.stdin.buffer, answers


def send(answers: BinaryIO, message: bytes) -> None:
    """Write one frame, whole."""
    answers.write(pack(message))
    answers.flush()
