"""Programs that tests start are as if an interpreter had been started for each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.launching import launch, run
from tests.waiting import HANGING

PYTHON = (sys.executable, "-c")
#: What a program finds; an interpreter that was started for it finds the same.
FOUND = """
import json, os, sys
print(json.dumps([
    sys.argv, sys.orig_argv, sys.path[0], os.getcwd(), dict(os.environ), __name__,
    sorted(os.listdir("/proc/self/fd")),
    sys.stdin.read(), sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors, sys.gettrace(), os.getpgrp(),
]))
print("complaint", file=sys.stderr)
sys.exit(3)
"""


@pytest.mark.parametrize("of_the_system", [{}, {"TZ": "Pacific/Auckland"}], ids=["forked", "started"])
def test_a_program_finds_what_a_new_interpreter_gives_it(
    tmp_path: Path, of_the_system: dict[str, str]
) -> None:
    command = [*PYTHON, FOUND, "one", "t w o"]
    environ = {**os.environ, "MARKETPLACE_DATA": "é", "HOME": str(tmp_path), **of_the_system}
    told = run(command, environ, folder=tmp_path, given="är\n".encode())
    plain = subprocess.run(command, env=environ, cwd=tmp_path, input="är\n".encode(), capture_output=True)
    assert (told.returncode, told.stdout.decode(), told.stderr) == (3, plain.stdout.decode(), plain.stderr)
    assert b"complaint" in told.stderr


#: What is left to do when the code of a program has ended. The thread sleeps so that it ends after the code.
LATE = """
import atexit, concurrent.futures, sys, threading, time
pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(sys.stdout.write, "the pool\\n").result()
threading.Thread(target=lambda: (time.sleep(0.05), sys.stdout.write("a thread\\n"))).start()
atexit.register(lambda: sys.stdout.write("the end\\n"))
"""


@pytest.mark.parametrize(
    "code",
    [
        LATE,
        "raise SystemExit",
        "raise SystemExit('why')",
        "raise SystemExit(True)",
        "import sys; sys.stdout.close()",
    ],
)
def test_a_program_ends_as_it_does_elsewhere(code: str) -> None:
    told = run([*PYTHON, code])
    plain = subprocess.run([*PYTHON, code], capture_output=True)
    assert (told.returncode, told.stdout, told.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_program_whose_output_cannot_be_written_says_so_with_its_exit_code() -> None:
    code = "import sys; sys.stdout = open(1, 'w', closefd=False); print('lost')"
    with Path("/dev/full").open("wb") as full:
        plain = subprocess.run([*PYTHON, code], stdout=full, stderr=subprocess.DEVNULL)
        assert launch([*PYTHON, code], os.environ, stdout=full, stderr=full).wait(HANGING) == plain.returncode


def test_an_error_ends_a_program_as_it_does_elsewhere() -> None:
    done = run([*PYTHON, "raise ValueError('no')"])
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "ValueError: no"


def test_a_program_can_be_waited_for_and_ended() -> None:
    with tempfile.TemporaryFile() as sink:
        process = launch([*PYTHON, "import signal; signal.pause()"], os.environ, stdout=sink, stderr=sink)
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait(HANGING) == process.poll() == -signal.SIGKILL
        process.terminate()  # nobody, and no other process


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run([*PYTHON, "import signal; signal.pause()"], timeout=0.01)
