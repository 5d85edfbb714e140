"""What differs on a terminal: passwords are asked for there, and progress is shown only there."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from tests.factories.documents import signed, unsigned
from tests.factories.identities import make_identity
from validators import accept

COMMAND = [sys.executable, "-c", "from marketplace.cli import main; main()"]
SECONDS = 30


def on_terminal(arguments, answers, cwd):
    """Run the command on a terminal of its own; returns its exit code, what the terminal showed, stdout."""
    controller, terminal = pty.openpty()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MARKETPLACE_")}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=terminal,
        stderr=terminal,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=environ | {"TERM": "xterm"},
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    deadline = time.monotonic() + SECONDS
    waiting = dict(answers)
    try:
        while time.monotonic() < deadline:
            if not select.select([controller], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(controller, 4096)
            except OSError:  # how Linux says that nobody has the terminal open any more
                break
            if not piece:
                break
            shown += piece
            for question in [question for question in waiting if question in shown]:
                os.write(controller, waiting.pop(question))
        out, _ = process.communicate(timeout=10)
        return process.returncode, shown, out
    finally:
        process.kill()
        process.communicate()
        os.close(controller)


@pytest.mark.parametrize(("answer", "code"), [(b"XYZXYZ\n", 0), (b"wrong\n", 4), (b"\x04", 1)])
def test_the_password_is_asked_for_and_not_shown(tmp_path, answer, code):
    (tmp_path / "draft.xml").write_bytes(unsigned())
    (tmp_path / "jane.p12").write_bytes(make_identity().pkcs12("XYZXYZ"))
    exit_code, shown, out = on_terminal(
        ["sign", "--p12", "jane.p12", "draft.xml"], {b"Password": answer}, tmp_path
    )
    assert exit_code == code, shown
    assert b"XYZXYZ" not in shown
    assert b"Traceback" not in shown
    if code == 0:
        accept(out)


def test_progress_is_shown_on_a_terminal(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.xml").write_bytes(signed())
    assert on_terminal(["db", "upgrade", "--data", "data"], {}, tmp_path)[0] == 0
    for command in (["import", "--data", "data", "files"], ["fsck", "--data", "data"]):
        code, shown, out = on_terminal(command, {}, tmp_path)
        assert (code, out) == (0, b"")
        assert b"100%" in shown
