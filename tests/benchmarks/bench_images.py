"""One pass over an image beside the tools of the system, in turns, so that a busy moment hits both.

A pass uses two cores and ``sha512sum`` one, so that others on the machine take more from the one than from
the other. Where the system allows it (root), both run ahead of everything else (SCHED_FIFO).

``python -m tests.benchmarks --only images``
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.figures import Figure

_MIB = 1 << 20
_COMMAND = [sys.executable, "-c", "from marketplace.cli import main; main()"]
#: A pass in a process that runs already, as a cloud site makes it: begins with a line on standard input.
_PASS = """
import sys, time
from pathlib import Path
from marketplace.images import file_chunks, measure
print(flush=True); input()
began = time.process_time()
measure(file_chunks(Path(sys.argv[1])))
print(time.process_time() - began)
"""
#: The command, and the peak of its memory as it tells it itself: whoever starts a process counts elsewhere.
_PEAK = """
import re, sys
from pathlib import Path
from marketplace.cli import run
assert run(["describe", *sys.argv[1:]]) == 0
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
_MEMORY_GOAL = 60


def run(mebibytes: int = 512, rounds: int = 5) -> list[Figure]:
    """Measure on an image of so many MiB, half of which compresses well."""
    with tempfile.TemporaryDirectory(prefix="bench-images-") as name, _ahead_of_others():
        image, packed = Path(name) / "image", Path(name) / "image.gz"
        _write_image(image, mebibytes)
        with packed.open("wb") as file:
            subprocess.run(["gzip", "-1c", str(image)], stdout=file, check=True)
        size = f"{mebibytes} MiB"
        return [
            _beside(
                f"four digests and format of {size}, one pass",
                lambda: _pass(image),
                image,
                "<= 1.15",
                1.15,
                rounds,
            ),
            _beside(
                f"`describe` of {size}, its start included", lambda: _describe(image), image, "", None, rounds
            ),
            _processor(f"processor time of that pass, on two cores, {size}", image, rounds),
            _compressed(packed, size, rounds),
            _memory(f"memory of `describe`, {size}", image),
            _memory(f"memory of `describe`, {size} as gz", packed),
        ]


@contextmanager
def _ahead_of_others() -> Iterator[None]:
    """Have processes that are started now come before all others on the machine, where that is allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except (AttributeError, PermissionError):
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _beside(
    what: str, ours: Callable[[], float], image: Path, goal: str, most: float | None, rounds: int
) -> Figure:
    measured, floor = _in_turns(ours, lambda: _timed(["sha512sum", str(image)]), rounds)
    ratio = measured / floor
    return Figure(
        what,
        f"{measured:.2f} s",
        f"`sha512sum` {floor:.2f} s",
        ratio,
        goal,
        None if most is None else ratio <= most,
    )


def _processor(what: str, image: Path, rounds: int) -> Figure:
    """What others on the machine do to a time by the clock they do much less to this one."""

    def peer() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _timed(["sha512sum", str(image)])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    measured, floor = _in_turns(lambda: _pass_of(image)[1] / 2, peer, rounds)
    ratio = measured / floor
    return Figure(what, f"{measured:.2f} s", f"`sha512sum` {floor:.2f} s", ratio, "<= 1.15", ratio <= 1.15)


def _compressed(packed: Path, size: str, rounds: int) -> Figure:
    def peer() -> float:
        return _timed(["sh", "-c", 'zcat "$1" | sha512sum', "sh", str(packed)])

    measured, floor = _in_turns(lambda: _describe(packed), peer, rounds)
    ratio = measured / floor
    what = f"`describe` of {size} as gz, its start included"
    return Figure(
        what, f"{measured:.2f} s", f"`zcat \\| sha512sum` {floor:.2f} s", ratio, "<= 1.20", ratio <= 1.2
    )


def _memory(what: str, image: Path) -> Figure:
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(image)], capture_output=True, text=True, check=True
    )
    megabytes = int(done.stderr.splitlines()[-1]) * 1024 / 1e6
    return Figure(what, f"{megabytes:.0f} MB", "", None, f"< {_MEMORY_GOAL} MB", megabytes < _MEMORY_GOAL)


def _in_turns(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> tuple[float, float]:
    """The shortest of each: a shared machine only ever makes them longer."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return min(one for one, _ in pairs), min(other for _, other in pairs)


def _pass(image: Path) -> float:
    return _pass_of(image)[0]


def _pass_of(image: Path) -> tuple[float, float]:
    """Seconds of a pass by the clock, and of all processors together."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PASS, str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    began = time.perf_counter()
    out, _ = process.communicate(b"\n")
    assert process.returncode == 0
    return time.perf_counter() - began, float(out)


def _describe(image: Path) -> float:
    return _timed([*_COMMAND, "describe", str(image)])


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _write_image(path: Path, mebibytes: int) -> None:
    numbers = random.Random(12)
    words = b"the quick brown fox jumps over the lazy dog " * (_MIB // 44 + 1)
    with path.open("wb") as file:
        for number in range(mebibytes):
            file.write(numbers.randbytes(_MIB) if number % 2 else words[:_MIB])
