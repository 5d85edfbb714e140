"""The manual page, and completion by real shells."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from tests.unit.cli.test_help import ALL, GROUPS
from tests.waiting import HANGING

REQUIRED = "REQUIRE_SHELLS"


def need(program: str) -> str:
    """Where a program is; without it the test is skipped, and fails where the variable says so."""
    found = shutil.which(program)
    if found is None:
        complain = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        complain(f"needs {program}: apt-get install {'groff-base' if program == 'groff' else program}")
    return str(found)


def test_the_manual_page_has_every_command_and_option_and_no_fault(cli) -> None:
    page = cli("manual").out
    done = subprocess.run(
        [need("groff"), "-man", "-ww", "-Tutf8", "-Kutf8", "-P-c"],
        input=page,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    text = re.sub("(?:.\b)", "", done.stdout.decode())
    words = " ".join(text.split())
    for path, context in ALL.items():
        if path in GROUPS:
            continue
        assert f"{path} " in words
        for option in context.command.params:
            if isinstance(option, click.Option):
                assert option.opts[-1] in words, (path, option.opts)
        assert (context.command.epilog or "").splitlines()[-1].split()[-1] in words


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the command on its path, for shells."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    program = home / "bin" / "marketplace"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from marketplace.cli import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    return home


def environment(home: Path) -> dict[str, str]:
    root = Path(__file__).parent.parent.parent.parent
    kept = {"HOME": str(home), "PYTHONPATH": str(root), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    return kept | {"PATH": f"{home / 'bin'}:{os.environ['PATH']}"}


def shell(home: Path, *words: str) -> str:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        cwd=home,
        env=environment(home),
        timeout=HANGING,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


#: What is typed, and what has to be offered for its last word.
TYPED = (("marketplace peer gr", "grant"), ("marketplace search --endor", "--endorser"))


def test_bash_completes_as_the_documentation_sets_it_up(home: Path) -> None:
    script = 'eval "$(_MARKETPLACE_COMPLETE=bash_source marketplace)"\n'
    for typed, _ in TYPED:
        words = typed.split()
        script += f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()\n"
        script += '_marketplace_completion marketplace; printf "%s\\n" "${COMPREPLY[*]}"\n'
    offered = shell(home, need("bash"), "-c", script).splitlines()
    assert [line.split() for line in offered] == [[meant] for _, meant in TYPED]


def test_fish_completes_as_the_documentation_sets_it_up(home: Path) -> None:
    script = "_MARKETPLACE_COMPLETE=fish_source marketplace | source\n"
    script += "\n".join(f"complete --do-complete {typed!r}" for typed, _ in TYPED)
    offered = shell(home, need("fish"), "--no-config", "-c", script).splitlines()
    assert [line.split("\t")[0] for line in offered] == [meant for _, meant in TYPED]


def test_zsh_completes_as_the_documentation_sets_it_up(home: Path) -> None:
    """In its line editor: the word is completed at the key."""
    (home / ".zshrc").write_text(
        'autoload -U compinit; compinit -u; PS1="ready> "\n'
        'eval "$(_MARKETPLACE_COMPLETE=zsh_source marketplace)"\n'
    )
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", need("zsh"), "--no-globalrcs", "-i"],
        stdin=terminal, stdout=terminal, stderr=terminal, cwd=home,
        env=environment(home) | {"ZDOTDIR": str(home)},
    )  # fmt: skip
    os.close(terminal)
    try:
        typed, meant = TYPED[0]
        answer(controller, b"ready> ", f"{typed}\t".encode())
        answer(controller, meant.removeprefix(typed.split()[-1]).encode(), b"\x15exit\r")
        assert process.wait(HANGING) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def answer(controller: int, awaited: bytes, typed: bytes) -> None:
    """Type something once the terminal shows what is awaited."""
    shown, end = b"", time.monotonic() + HANGING
    while awaited not in shown:
        assert time.monotonic() < end, shown
        if select.select([controller], [], [], 0.2)[0]:
            shown += os.read(controller, 4096)
    os.write(controller, typed)
