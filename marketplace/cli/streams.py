"""The standard streams as the command writes them: every character can be shown, and a reader may go away."""

from __future__ import annotations

import io
import os
import sys

import click

from marketplace.logs import printable


class _Leaving(io.FileIO):
    """A stream whose reader may leave, as that of ``marketplace list | head`` does.

    What nobody reads any more is dropped, and the command goes on: what it does and how it
    ends must not depend on who listens.
    """

    def write(self, data: object) -> int:
        """Write, or drop what nobody reads."""
        try:
            return super().write(data)  # type: ignore[arg-type]  # any buffer, as the base class takes it
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]  # likewise


def say(text: str) -> None:
    """Tell people something in a line on standard error; standard output is for results."""
    click.echo(printable(f"marketplace: {text}"), err=True)


def let_readers_leave() -> None:
    """Make standard output and standard error of this process forget a reader that is gone."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            raw = _Leaving(stream.fileno(), "w", closefd=False)
            again = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=stream.line_buffering,
            )
            setattr(sys, name, again)


def flush_or_drop() -> None:
    """Write what waits on standard output; where that fails, drop it, so that the process can end.

    Raises:
        OSError: it cannot be written.
    """
    if not isinstance(sys.stdout, io.TextIOBase):  # closed before the command began
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise


def show_every_character() -> None:
    """Write what a terminal has no character for as its escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def can_show(text: str) -> bool:
    """Whether standard output has every character of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
