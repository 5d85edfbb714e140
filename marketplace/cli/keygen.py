"""``marketplace keygen``: a key and a certificate that sign here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.output import write_record
from marketplace.cli.passwords import VARIABLE, configured_password
from marketplace.cli.streams import say
from marketplace.files import create_whole
from marketplace.publishing.keys import (
    certificate_pem,
    key_pem,
    key_store,
    make_request,
    make_signing_identity,
)
from validators.constraints import EMAIL_SHAPE, is_email
from validators.document import format_time
from validators.signing import SigningIdentity

_SECRET, _PUBLIC = 0o600, 0o644
_FILE = click.Path(path_type=Path)


@examples(
    "marketplace keygen --email me@example.org --cert me.cert.pem --key me.key.pem",
    "marketplace keygen --email me@example.org --p12 me.p12",
)
@click.command()
@click.option(
    "--email",
    required=True,
    metavar="ADDRESS",
    help="The endorser's address, which the certificate contains.",
)
@click.option(
    "--cert", metavar="FILE", type=_FILE, help="Write the certificate to this file (PEM), with --key."
)
@click.option(
    "--key", metavar="FILE", type=_FILE, help="Write the private key to this file (PEM), with --cert."
)
@click.option("--p12", metavar="FILE", type=_FILE, help="Write both to this file, a PKCS#12 key store.")
@click.option("--csr", metavar="FILE", type=_FILE, help="Also write a request for an authority to this file.")
@click.option(
    "--password-file",
    metavar="FILE",
    type=_FILE,
    help=f"File whose first line becomes the key's password; else {VARIABLE}, else asked for on a terminal.",
)
def keygen(
    email: str,
    cert: Path | None,
    key: Path | None,
    p12: Path | None,
    csr: Path | None,
    password_file: Path | None,
) -> None:
    """Make a key and a self-signed certificate, which every marketplace accepts.

    Only the owner can read the private key. Existing files are never replaced. --csr also writes a
    request with which an authority can issue a certificate for the same key: sign with that
    certificate, and the same --key, from then on. A password that is set but empty leaves the key
    unencrypted.
    """
    paths = _paths(cert, key, p12, csr)
    if not is_email(email):
        raise CommandError(f"--email {email}: is not {EMAIL_SHAPE}", ExitCode.USAGE)
    password = _new_password(password_file)
    identity = make_signing_identity(email, datetime.now(UTC))
    _write(_contents(identity, password, paths))
    if not password:
        where = paths.get("p12") or paths["key"]
        say(f"note: {where} is not encrypted: anybody who can read it can sign as {email}")
    ends = format_time(identity.certificate.not_valid_after_utc)
    write_record({"email": email, "valid until": ends} | paths, "table")


def _paths(cert: Path | None, key: Path | None, p12: Path | None, csr: Path | None) -> dict[str, Path]:
    if (p12 is None) == (cert is None) or (cert is None) != (key is None):
        raise click.UsageError("give either --cert and --key, or --p12", click.get_current_context())
    named = {"cert": cert, "key": key, "p12": p12, "csr": csr}
    paths = {name: path for name, path in named.items() if path is not None}
    if len(set(paths.values())) < len(paths):
        raise click.UsageError("two options name the same file", click.get_current_context())
    for path in paths.values():
        if path.exists() or path.is_symlink():
            raise CommandError(f"{path}: exists already, and is not replaced", ExitCode.CONFLICT)
    return paths


def _new_password(password_file: Path | None) -> str:
    """The password of the new key; empty where it is to have none."""
    password = configured_password(password_file)
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise CommandError(
            f"the key needs a password: use --password-file or set {VARIABLE} (empty: no encryption)",
            ExitCode.USAGE,
        )
    return str(
        click.prompt(
            "Password of the new key (empty: not encrypted)",
            default="",
            show_default=False,
            hide_input=True,
            confirmation_prompt="Repeat the password",
            err=True,
        )
    )


def _contents(
    identity: SigningIdentity, password: str, paths: dict[str, Path]
) -> list[tuple[Path, bytes, int]]:
    made: dict[str, tuple[Callable[[], bytes], int]] = {
        "key": (lambda: key_pem(identity, password), _SECRET),
        "p12": (lambda: key_store(identity, password), _SECRET),
        "cert": (lambda: certificate_pem(identity), _PUBLIC),
        "csr": (lambda: make_request(identity), _PUBLIC),
    }
    return [(paths[name], make(), mode) for name, (make, mode) in made.items() if name in paths]


def _write(contents: list[tuple[Path, bytes, int]]) -> None:
    """Write all files or none: a certificate without its key is of no use, nor the other way round."""
    written: list[Path] = []
    try:
        for path, data, mode in contents:
            create_whole(path, data, mode)
            written.append(path)
    except BaseException:  # also when interrupted: no half a key stays
        for path in written:
            path.unlink(missing_ok=True)
        raise
