"""The command, called in this process as a user would call it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from marketplace.cli import run
from tests.databases import upgrade


@dataclass(frozen=True)
class Outcome:
    """What a call of the command left behind."""

    code: int
    out: bytes
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    def is_sentence(self) -> bool:
        """Whether standard error holds one line and nothing like a traceback."""
        return (
            self.err.count("\n") == 1 and self.err.startswith("marketplace: ") and "Traceback" not in self.err
        )


@pytest.fixture
def cli(capfdbinary, monkeypatch, tmp_path):
    """Call the command in an empty directory, without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(("MARKETPLACE_", "STRATUSLAB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Outcome:
        capfdbinary.readouterr()
        # The one that most systems have; commands of operators change it for the rest of their process.
        before = os.umask(0o022)
        try:
            code = run([str(argument) for argument in arguments])
        finally:
            os.umask(before)
        out, err = capfdbinary.readouterr()
        return Outcome(code, out, err.decode())

    return call


@pytest.fixture
def data(cli, tmp_path) -> Path:
    """A data directory with an empty database."""
    directory = tmp_path / "data"
    directory.mkdir()
    upgrade(f"sqlite:///{directory / 'marketplace.sqlite'}")
    return directory
