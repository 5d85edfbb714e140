"""Load by wrk, a generator in C that leaves the processor to the servers. Debian: ``apt-get install wrk``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

MISSING = "not measured: wrk is missing (apt-get install wrk)"
_DONE = re.compile(r"(\d+) requests in ")
#: What wrk says where answers failed or connections broke.
_FAULTS = re.compile(r"(Non-2xx or 3xx responses|Socket errors): (.*)")


@dataclass(frozen=True)
class Answers:
    """What a run got.

    Args:
        count: answers with a status of success.
        spent: seconds of the processor that the generator itself took.
    """

    count: int
    spent: float


def find_wrk() -> str | None:
    """The program; None where it is not installed."""
    return shutil.which("wrk")


def load(url: str, *, connections: int, seconds: float, headers: dict[str, str]) -> Answers:
    """Ask one address again and again, by one thread.

    Raises:
        AssertionError: some answer was no success.
    """
    program = find_wrk()
    assert program is not None, MISSING
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", *words, url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    done = _DONE.search(said)
    assert process.returncode == 0 and done is not None and not _FAULTS.search(said), said
    return Answers(int(done[1]), used.ru_utime + used.ru_stime)
