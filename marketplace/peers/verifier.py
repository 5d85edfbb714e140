"""The process that proves peers' entries: bounded in memory and time, without files, network or programs.

Requests are bodies, answers what acceptance made of each, in frames on standard
input and output. Whatever a body does to a parser, it does it here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from marketplace.peers.verdicts import Refusal, read_bodies, write_verdicts
from marketplace.sparql.confinement import confine
from marketplace.sparql.frames import pack, read_frame
from validators import accept
from validators.document import AcceptedEntry
from validators.errors import RefusedError


def verdict(data: bytes) -> AcceptedEntry | Refusal:
    """What acceptance says."""
    try:
        return accept(data)
    except RefusedError as error:
        return Refusal(error.code, error.message)


def main() -> None:
    """Answer until the parent is gone. Arguments: bytes of memory."""
    incoming, outgoing = sys.stdin.buffer, sys.stdout.fileno()
    # Libraries load parts of themselves when they are first needed, so the interpreter's path stays readable.
    libraries = [path for path in map(Path, sys.path) if path.is_dir()]
    missing = confine(libraries, int(sys.argv[1]))
    os.write(outgoing, pack(",".join(missing).encode()))
    while True:
        try:
            bodies = read_bodies(read_frame(incoming))
        except EOFError:
            return
        answer = pack(write_verdicts([verdict(body) for body in bodies]))
        while answer:
            answer = answer[os.write(outgoing, answer) :]
