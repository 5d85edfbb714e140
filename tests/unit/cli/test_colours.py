"""Colour of verdicts: on terminals only, and the word stands there without it too."""

from __future__ import annotations

import os
import pty
import re
from pathlib import Path

import pytest

from tests.factories.documents import signed
from tests.launching import COMMAND, launch
from tests.waiting import HANGING

ESCAPE = re.compile(rb"\x1b\[[0-9;]*m")


def shown(folder: Path, *words: str, terminal: bool = True, **environ: str) -> bytes:
    """What a command writes to standard output and standard error, on a terminal or into a pipe."""
    reading, writing = pty.openpty() if terminal else os.pipe()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARKETPLACE_", "NO_"))}
    with os.fdopen(writing, "wb") as sink:
        environ = kept | {"TERM": "xterm"} | environ
        process = launch([*COMMAND, *words], environ, folder=folder, stdout=sink, stderr=sink)
    text = b""
    try:
        while piece := os.read(reading, 65_536):
            text += piece
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    finally:
        process.wait(HANGING)
        os.close(reading)
    return text.replace(b"\r\n", b"\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colours")
    document = signed()
    (folder / "good.xml").write_bytes(document)
    (folder / "bad.xml").write_bytes(document.replace(b"</dcterms:title>", b"!</dcterms:title>"))
    return folder


def test_a_verdict_is_coloured_on_a_terminal_and_its_word_stays(folder: Path) -> None:
    coloured = shown(folder, "verify", "good.xml", "bad.xml")
    assert b"good.xml: \x1b[32mok\x1b[0m" in coloured
    assert b"bad.xml: \x1b[31mFAILED\x1b[0m" in coloured
    assert b"\x1b[31mmarketplace:\x1b[0m 1 of 2" in coloured
    assert ESCAPE.sub(b"", coloured) == shown(folder, "verify", "good.xml", "bad.xml", terminal=False)


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_nothing_is_coloured_where_the_user_says_so(folder: Path, environ: dict[str, str]) -> None:
    plain = shown(folder, "verify", "good.xml", "bad.xml", **environ)
    assert b"FAILED" in plain and b"\x1b" not in plain


def test_columns_stay_in_line_under_colour(folder: Path) -> None:
    shown(folder, "db", "upgrade", "--data", "data")
    for owner, scope in (("ann", "read"), ("bo", "upload")):
        shown(folder, "token", "create", "--data", "data", "--owner", owner, "--scope", scope)
    name = shown(folder, "token", "list", "--data", "data", "-o", "id", terminal=False).split()[0].decode()
    shown(folder, "token", "revoke", "--data", "data", name)
    table = shown(folder, "token", "list", "--data", "data")
    assert re.search(rb"\x1b\[31mrevoked *\x1b\[0m", table) and re.search(rb"\x1b\[32mvalid *\x1b\[0m", table)
    assert ESCAPE.sub(b"", table) == shown(folder, "token", "list", "--data", "data", terminal=False)
