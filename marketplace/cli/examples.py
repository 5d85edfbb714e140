"""Examples of commands: at the end of their help, and in the manual page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

#: In front of them.
HEADING = "Examples:"
_C = TypeVar("_C", bound=click.Command)


def examples(*commands: str) -> Callable[[_C], _C]:
    """Give a command examples of its use.

    Args:
        commands: what a user types, each beginning with ``marketplace``; a long one has several lines.
    """

    def give(command: _C) -> _C:
        lines = [f"  {line}" for text in commands for line in text.splitlines()]
        # The library would fill paragraphs up; \b keeps the lines as they are.
        command.epilog = "\n".join(("\b", HEADING, *lines))
        return command

    return give
