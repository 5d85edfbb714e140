"""The process that proves peers' entries: bounded in memory and time, without files, network or programs.

Requests are bodies, answers what acceptance made of each, in frames on standard
input and output. Whatever a body does to a parser, it does it here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from marketplace.peers.acceptance.protocol import Refusal, read_bodies, write_verdicts
from marketplace.processes.frames import read_frame
from marketplace.processes.inside import begin, send
from validators import accept
from validators.document import AcceptedEntry
from validators.errors import RefusedError


def verdict(data: bytes) -> AcceptedEntry | Refusal:
    """The verdict of acceptance on a document."""
    try:
        return accept(data)
    except RefusedError as error:
        return Refusal(error.code, error.message)


def main() -> None:
    """Answer until the parent is gone. Arguments: bytes of memory."""
    # Libraries load parts of themselves when they are first needed, so the interpreter's path stays readable.
    libraries = [path for path in map(Path, sys.path) if path.is_dir()]
    requests, answers = begin(libraries, int(sys.argv[1]))
    while True:
        try:
            bodies = read_bodies(read_frame(requests))
        except EOFError:
            return
        send(answers, write_verdicts([verdict(body) for body in bodies]))
