"""What the mails about uploads say.

They go to an address that nobody has proved anything about, about a certificate in
which anybody can write what he likes. So a mail that asks for a confirmation holds
no word of either: times, numbers and digests, which the holder of the certificate can
compare with his own. The page behind its link shows the names as well.
"""

from __future__ import annotations

import hashlib
from uuid import uuid4

from marketplace.config.sections import SiteSettings
from marketplace.confirmation.pending import Pending
from marketplace.mail import LINK, Letter, LinkPurpose, one_line
from marketplace.moments import exact
from validators.document import AcceptedEntry

_MAX_NAME = 400


def facts(entry: AcceptedEntry) -> tuple[tuple[str, str], ...]:
    """What pages and the operators' mails show of an upload, as pairs of a name and a value."""
    when, who, *digests = _plain_facts(entry)
    return (
        when,
        who,
        ("Certificate", one_line(entry.endorser.subject, _MAX_NAME)),
        ("Issued by", one_line(entry.endorser.issuer, _MAX_NAME)),
        *digests,
    )


def _plain_facts(entry: AcceptedEntry) -> tuple[tuple[str, str], ...]:
    """What holds no word that the uploader chose, but for the address that the mail goes to."""
    return (
        ("Signed at", exact(entry.created)),
        ("Signed as", entry.endorser.email),
        ("Fingerprint", entry.signer.fingerprint),
        ("Document", hashlib.sha256(entry.data).hexdigest()),
    )


def confirmation_letter(entry: AcceptedEntry, pending: Pending, site: SiteSettings) -> Letter:
    """Ask whoever reads the endorser's mail; written once for each time that an upload begins to wait."""
    email, title = pending.email, one_line(site.title, 80)
    lines = [
        f"Somebody uploaded signed metadata about an image to {title}",
        f"({site.url}) as {email}.",
        "",
        *(f"    {name + ':':<13}{value}" for name, value in _plain_facts(entry)),
        "",
        "(Fingerprint is the SHA-256 of the certificate: `openssl x509 -noout",
        "-fingerprint -sha256 -in FILE` shows yours. Document is that of the uploaded",
        "file: `sha256sum FILE`. The page below shows the names in the certificate.)",
        "",
        "If it was you, confirm it. From then on this marketplace accepts this",
        f"certificate for {email} without asking again:",
        "",
        f"    {LINK}/confirm",
        "",
        "If it was you, but you no longer want it, delete it:",
        "",
        f"    {LINK}/abort",
        "",
        "If it was not you, report it. The operators are informed, and the upload is",
        "frozen:",
        "",
        f"    {LINK}/abuse",
        "",
        "Each link opens a page; nothing happens before you press its button. Without",
        f"confirmation by {exact(pending.expires_at)} the upload is deleted.",
        "",
    ]
    return Letter(
        to=email,
        subject=f"Confirm your upload to {title}",
        body="\n".join(lines),
        key=f"confirm/{pending.entry_id}/{uuid4()}",
        log=pending.log,
        link=LinkPurpose.UPLOAD,
        pending_id=pending.key,
    )


def abuse_letter(entry: AcceptedEntry, pending: Pending, site: SiteSettings, admin: str) -> Letter:
    """Tell an operator that an upload was reported."""
    lines = [
        f"The owner of {pending.email} reports an upload to {one_line(site.title, 80)}",
        f"({site.url}) of {exact(pending.created_at)} as abuse.",
        "",
        *(f"    {name + ':':<13}{value}" for name, value in facts(entry)),
        "",
        "It is frozen, and so is every further upload with this certificate that needs",
        "confirmation. Decide, on the server's machine, where the command is installed",
        f"({site.url}/docs/operations):",
        "",
        f"    marketplace pending list                   # upload {pending.key} and the others",
        f"    marketplace pending drop {pending.key:<18}# delete it",
        f"    marketplace pending release {pending.key:<15}# not abuse: ask the address again",
        "",
    ]
    return Letter(
        to=admin,
        subject=f"Abuse reported: upload {pending.key}",
        body="\n".join(lines),
        key=f"abuse/{pending.entry_id}/{uuid4()}",
        log=pending.log,
    )
