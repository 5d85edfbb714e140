"""What a process has used, as the kernel counts it: this stays true while a machine does other things too."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.benchmarks.figures import percentile

_TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds between two wakings of the thread that tells how late threads wake up.
_STEP = 0.01


def processor_seconds(pid: int) -> float:
    """Processor time that a process and its children that run have used so far."""
    return sum(_used(one) for one in [pid, *_children(pid)])


def pin(pid: int, cores: set[int]) -> None:
    """Have a process, its threads and its children run on some cores only, and whatever they start."""
    for one in [pid, *_children(pid)]:
        for task in Path(f"/proc/{one}/task").iterdir():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setaffinity(int(task.name), cores)


def bytes_read() -> int:
    """Bytes that this process has read so far, of files and sockets."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


class Lateness:
    """How late a thread wakes up that wants to every 10 ms: what the machine itself adds to every wait."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Lateness:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(60)

    def percentile(self, share: float) -> float:
        """Seconds that at least that share of the wakings were not later than."""
        return percentile(self._late, share)

    def _run(self) -> None:
        while not self._end.is_set():
            before = time.monotonic()
            self._end.wait(_STEP)
            self._late.append(max(0.0, time.monotonic() - before - _STEP))


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(one) for task in tasks for one in (task / "children").read_text().split()]
