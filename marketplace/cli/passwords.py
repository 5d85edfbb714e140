"""Where the password of a key comes from: never from the command line, which other users can read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from validators.signing import SigningIdentity
from validators.signing_errors import PasswordRequiredError

VARIABLE = "MARKETPLACE_KEY_PASSWORD"

_MAX_PASSWORD_FILE = 4096


def open_identity(
    load: Callable[[str | None], SigningIdentity], password_file: Path | None
) -> SigningIdentity:
    """Load an identity with the password that is configured, or ask for one where that is possible.

    Args:
        load: reads the identity with a password, or with none.

    Raises:
        PasswordRequiredError: one is needed, none is configured and nobody is there to ask.
        SigningError: the identity cannot be loaded.
    """
    password = configured_password(password_file)
    try:
        return load(password)
    except PasswordRequiredError as error:
        if password is not None or not sys.stdin.isatty():
            raise PasswordRequiredError(f"{error}: use --password-file or set {VARIABLE}") from None
    return load(click.prompt("Password of the key", hide_input=True, err=True))


def configured_password(password_file: Path | None) -> str | None:
    """The password from the file, else from the environment, else None.

    Raises:
        OSError: the file cannot be read.
        CommandError: the file holds no text.
    """
    if password_file is None:
        return os.environ.get(VARIABLE)
    try:
        text = read_bounded(password_file, _MAX_PASSWORD_FILE).decode()
    except UnicodeDecodeError:
        raise CommandError(f"{password_file}: holds no text", ExitCode.USAGE) from None
    return text.split("\n", 1)[0].removesuffix("\r")
