"""The ``marketplace`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from marketplace.cli.application import application
from marketplace.cli.failures import ExitCode, explain


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code; whatever fails is one sentence on stderr."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: what follows the command's name; by default those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a character gets its escape instead of a failure.
            stream.reconfigure(errors="backslashreplace")
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
    except BrokenPipeError:
        # The reader of our output has gone, as `marketplace list | head` does; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OTHER
    except Exception as error:  # no user sees a traceback: told in words, with an exit code
        message, code = explain(error)
        click.echo(f"marketplace: {message}", err=True)
        return code
    return ExitCode.OK
