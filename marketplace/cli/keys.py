"""The key that a command signs with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from marketplace.cli.files import MAX_KEY_FILE, read_bounded
from marketplace.cli.options import as_one
from marketplace.cli.passwords import VARIABLE, open_identity
from marketplace.cli.streams import say
from validators.signing import SigningIdentity, load_pem, load_pkcs12
from validators.signing_identity import MAX_INTERMEDIATES


@dataclass(frozen=True)
class KeyFiles:
    """The files that a command is told to sign with."""

    p12: Path | None
    cert: Path | None
    key: Path | None
    password_file: Path | None

    @property
    def named(self) -> bool:
        """Whether the options name a key."""
        return any((self.p12, self.cert, self.key))

    def load(self) -> SigningIdentity:
        """The identity that the options name.

        Raises:
            UsageError: they name none, or two.
            OSError: a file cannot be read.
            SigningError: the identity cannot be used.
        """
        identity = open_identity(self._loader(), self.password_file)
        if identity.left_out:
            say(
                f"note: {identity.left_out} of the issuers above the certificate are left out: "
                f"an entry carries {MAX_INTERMEDIATES}; a site that trusts the one at the top needs the "
                "others in its trust.intermediates"
            )
        return identity

    def _loader(self) -> Callable[[str | None], SigningIdentity]:
        p12, cert, key = self.p12, self.cert, self.key
        if p12 is not None and cert is None and key is None:
            store = read_bounded(p12, MAX_KEY_FILE)
            return lambda password: load_pkcs12(store, password)
        if p12 is None and cert is not None and key is not None:
            certificates, private_key = read_bounded(cert, MAX_KEY_FILE), read_bounded(key, MAX_KEY_FILE)
            return lambda password: load_pem(certificates, private_key, password)
        raise click.UsageError("give either --p12, or --cert and --key", click.get_current_context())


def _file(option: str, told: str) -> Callable[..., Any]:
    return click.option(option, metavar="FILE", type=click.Path(path_type=Path), help=told)


#: Adds ``--p12``, ``--cert``, ``--key`` and ``--password-file`` to a command; its parameter is ``keys``.
key_options = as_one(
    "keys",
    KeyFiles,
    _file("--p12", "PKCS#12 key store to sign with."),
    _file("--cert", "PEM certificate, with --key."),
    _file("--key", "PEM private key, with --cert."),
    _file(
        "--password-file",
        f"File whose first line is the key's password; else {VARIABLE}, else asked for on a terminal.",
    ),
)
