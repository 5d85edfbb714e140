"""The ``marketplace`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

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
    try:
        application.main(args=arguments, prog_name="marketplace", standalone_mode=False)
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.Abort:
        click.echo("stopped.", err=True)
        return ExitCode.OTHER
    except BrokenPipeError:
        # The reader of our output has gone, as `marketplace list | head` does; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OTHER
    except Exception as error:
        message, code = explain(error)
        click.echo(f"marketplace: {message}", err=True)
        return code
    return ExitCode.OK
