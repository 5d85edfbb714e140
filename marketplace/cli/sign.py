"""``marketplace sign``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_document, write_document
from marketplace.cli.keys import KeyFiles, key_options
from marketplace.cli.streams import say
from marketplace.moments import for_people
from validators import accept
from validators.clock import find_expiry
from validators.signing import sign as sign_document
from validators.times import parse_time


@examples(
    "marketplace sign --cert me.cert.pem --key me.key.pem --out signed.xml draft.xml",
    "marketplace sign --p12 me.p12 draft.xml > signed.xml",
)
@click.command()
@key_options
@click.option("--email", help="The endorser's address, if the certificate contains none.")
@click.option("--created", metavar="TIME", help="Creation time, YYYY-MM-DDThh:mm:ssZ; default: now.")
@click.option(
    "--out",
    metavar="FILE",
    default="-",
    help="Write the signed document to this file; default: standard output.",
)
@click.argument("document")
def sign(
    keys: KeyFiles,
    email: str | None,
    created: str | None,
    out: str,
    document: str,
) -> None:
    """Sign metadata (RDF/XML) as its endorser.

    Fills in the endorsement, replaces an existing endorsement and signature, and verifies the
    result. DOCUMENT may be - for standard input.
    """
    identity = keys.load()
    moment = _moment(created)
    if moment > identity.certificate.not_valid_after_utc:
        ended = for_people(identity.certificate.not_valid_after_utc, datetime.now(UTC))
        say(f"note: the certificate ended {ended}; most marketplaces refuse the entry")
    signed = sign_document(read_document(document), identity, moment, email=email)
    note = find_expiry(accept(signed), max(moment, datetime.now(UTC)))
    if note is not None:
        say(f"note: {note}; marketplaces do not list it as valid")
    write_document(out, signed)


def _moment(created: str | None) -> datetime:
    if created is None:
        return datetime.now(UTC)
    try:
        return parse_time(created)
    except ValueError as error:
        raise CommandError(f"--created {created}: {error}", ExitCode.USAGE) from None
