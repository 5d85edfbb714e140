"""The key that a command signs with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from marketplace.cli.files import MAX_KEY_FILE, read_bounded
from marketplace.cli.passwords import VARIABLE, open_identity
from validators.signing import SigningIdentity, load_pem, load_pkcs12
from validators.signing_identity import MAX_INTERMEDIATES


def key_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--p12``, ``--cert``, ``--key`` and ``--password-file`` to a command that signs."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option(
        "--p12", metavar="FILE", type=click.Path(path_type=Path), help="PKCS#12 key store to sign with."
    ),
    click.option(
        "--cert", metavar="FILE", type=click.Path(path_type=Path), help="PEM certificate, with --key."
    ),
    click.option(
        "--key", metavar="FILE", type=click.Path(path_type=Path), help="PEM private key, with --cert."
    ),
    click.option(
        "--password-file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=f"File whose first line is the key's password; else {VARIABLE}, else asked for on a terminal.",
    ),
)


def load_identity(
    p12: Path | None, cert: Path | None, key: Path | None, password_file: Path | None
) -> SigningIdentity:
    """The identity that the options name.

    Raises:
        UsageError: they name none, or two.
        OSError: a file cannot be read.
        SigningError: the identity cannot be used.
    """
    identity = open_identity(_loader(p12, cert, key), password_file)
    if identity.left_out:
        click.echo(
            f"marketplace: note: {identity.left_out} of the issuers above the certificate are left out: an "
            f"entry carries {MAX_INTERMEDIATES}; a site that trusts the one at the top needs the others in "
            "its trust.intermediates",
            err=True,
        )
    return identity


def _loader(p12: Path | None, cert: Path | None, key: Path | None) -> Callable[[str | None], SigningIdentity]:
    if p12 is not None and cert is None and key is None:
        store = read_bounded(p12, MAX_KEY_FILE)
        return lambda password: load_pkcs12(store, password)
    if p12 is None and cert is not None and key is not None:
        certificates, private_key = read_bounded(cert, MAX_KEY_FILE), read_bounded(key, MAX_KEY_FILE)
        return lambda password: load_pem(certificates, private_key, password)
    raise click.UsageError("give either --p12, or --cert and --key", click.get_current_context())
