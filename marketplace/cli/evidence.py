"""``marketplace evidence`` and ``marketplace verify --evidence``."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded, write_document
from marketplace.cli.list_show import find_path
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.streams import say
from marketplace.evidence.bundle import MAX_BUNDLE, parse_evidence
from marketplace.evidence.errors import EvidenceError
from marketplace.evidence.recipe import RECIPE
from marketplace.evidence.verifying import verify_evidence
from marketplace.logs import printable
from marketplace.moments import exact
from marketplace.tlog.note import parse_verifier_key

_MOST_ANCHORS = 1 << 20


@examples("marketplace evidence MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org --out image.evidence.tar")
@click.command()
@endpoint_option
@click.option(
    "--out", metavar="FILE", required=True, help="Write the evidence to this file; - for standard output."
)
@click.argument("entry", metavar="ID[/EMAIL[/CREATED]]")
def evidence(endpoint: str | None, out: str, entry: str) -> None:
    """Fetch one file that proves what a marketplace says of an entry now.

    It has the signed entry, everything that the verdict on its image rests on, and the receipt of
    the log. It is verified before it is written, and can be verified offline at any later time
    (`verify --evidence`). The recipe for xmlsec1 and openssl is written to standard error.
    """
    with open_client(endpoint) as client:
        data = client.evidence(find_path(client, entry))
    try:
        verify_evidence(parse_evidence(data))
    except EvidenceError as error:
        raise CommandError(
            f"the marketplace sent what proves nothing: {error}", ExitCode.VERIFICATION_FAILED
        ) from None
    write_document(out, data)
    click.echo(RECIPE, err=True)


def show_evidence(file: str, key: str | None, anchors: Path | None) -> None:
    """Prove evidence and tell what it proves.

    Raises:
        CommandError: it proves nothing.
        OSError: a file cannot be read.
    """
    try:
        found = parse_evidence(read_bounded(Path(file), MAX_BUNDLE + 1))
        trusted = None if anchors is None else _fingerprints(read_bounded(anchors, _MOST_ANCHORS))
        proven = verify_evidence(found, None if key is None else parse_verifier_key(key), trusted)
    except EvidenceError as error:
        raise CommandError(f"{printable(file)}: {error}", ExitCode.VERIFICATION_FAILED) from None
    click.echo(f"{printable(file)}: ok, as of {exact(found.at)} at {printable(found.site)}")
    click.echo(f"entry {proven.entry.coordinates.path()} ({proven.entry.entry_id})")
    click.echo(printable(proven.verdict.sentence))
    for name, fingerprint in proven.anchors:
        click.echo(f"anchor {printable(name)} (SHA-256 {fingerprint})")
    logged = proven.logged
    click.echo("no receipt of a log" if logged is None else f"in the log {logged[0]} at {logged[1]}")
    if anchors is None and proven.anchors:
        say("the anchors are the site's own choice: name yours with --anchors.")
    if key is None and logged is not None:
        say("the key of the log is the file's own word: name it with --key.")
    if not found.whole:
        say("a withdrawal that the site does not show may count beside what is in the file.")


def _fingerprints(pem: bytes) -> frozenset[str]:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        return frozenset(one.fingerprint(SHA256()).hex() for one in x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise CommandError("--anchors is not a PEM file of certificates", ExitCode.USAGE) from None
