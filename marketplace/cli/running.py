"""Runs a command and says what became of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from marketplace.cli.application import application
from marketplace.cli.colours import coloured
from marketplace.cli.failures import ExitCode, explain
from marketplace.cli.streams import flush_or_drop, let_readers_leave, show_every_character


def run_and_end(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code; whatever fails is one sentence on stderr."""
    let_readers_leave()
    code = run(arguments)
    try:
        flush_or_drop()
    except OSError as error:
        if code == ExitCode.OK:  # else the failure was told when it happened
            message, code = explain(error)
            _complain(message)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: what follows the command's name; by default those of the process.
    """
    show_every_character()
    try:
        application.main(args=arguments, prog_name="marketplace", standalone_mode=False)
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.exceptions.NoArgsIsHelpError as request:
        click.echo(request.format_message(), err=True)
        return ExitCode.USAGE
    except click.Abort:
        click.echo("stopped.", err=True)
        return ExitCode.OTHER
    except Exception as error:  # no user sees a traceback: told in words, with an exit code
        message, code = explain(error)
        _complain(message)
        return code
    return ExitCode.OK


def _complain(message: str) -> None:
    click.echo(f"{coloured('marketplace:', 'red', sys.stderr)} {message}", err=True)
