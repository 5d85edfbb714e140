"""HEPiX image lists that endorsers signed themselves: who may sign one, and whether it holds now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.models import ViewList
from marketplace.trust import TrustService
from marketplace.views.definitions import Definition, ListFacts
from marketplace.views.dialects.hepix import HEPIX_LIST
from marketplace.views.errors import ListRefusedError
from marketplace.views.list_text import ListText, find_fault, read_list, to_signed_list
from marketplace.views.signing import find_unfit, slash_name
from marketplace.views.smime import verify_signature
from marketplace.views.value import SignedList, View
from validators.certificates import STRONG_KEY_BITS, parse_signer
from validators.decision import Endorsed, RuleOutcome, decide_by
from validators.document import Signer, Strength, format_time
from validators.errors import RefusedError, printable

_SIGNER: Final = "signed-list.signer"


@dataclass(frozen=True, slots=True)
class VerifiedList:
    """A list that may be kept.

    Args:
        data: the message, as it is served.
        certificates: PEM, that of the signer first.
        until: its last moment: its own, or that of the signer's certificate.
    """

    data: bytes
    digest: str
    certificates: bytes
    email: str
    until: datetime


def verify_list(
    data: bytes, view: View, definition: Definition, trust: TrustService, now: datetime
) -> VerifiedList:
    """Verify a list that somebody uploads for a view.

    Args:
        data: the S/MIME message.
        view: what the definition shows now.

    Raises:
        ListRefusedError: it is none, its signer may not sign it, or it does not hold for the view.
        ListToolError: it cannot be verified now.
    """
    signed = verify_signature(data)
    listed = read_list(signed.message)
    if signed.text.strip() != listed.text:
        raise ListRefusedError(
            "signed-list.form", "the signed text has to be the JSON alone: sign it without anything around it"
        )
    pem = b"".join(
        x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in signed.certificates
    )
    signer, email = _signer(pem)
    _verify_names(listed, signer)
    fault = _distrust(signer, email, trust, now)
    if fault is not None:
        raise ListRefusedError(_SIGNER, fault)
    until = min(listed.expires, signer.not_after)
    if until <= now:
        raise ListRefusedError(
            "signed-list.expired", f"the list ended on {format_time(until)}: sign one that ends later"
        )
    elsewhere = _find_other_place(listed, view.site, definition)
    if elsewhere is not None:
        raise ListRefusedError("signed-list.address", elsewhere)
    missing = find_fault(listed, email, view.images)
    if missing is not None:
        raise ListRefusedError("signed-list.image", f"{missing}: sign a list of what the view shows now")
    return VerifiedList(signed.message, sha256(signed.message).hexdigest(), pem, email, until)


def find_list(
    session: Session,
    view: View,
    definition: Definition,
    facts: ListFacts,
    trust: TrustService,
    now: datetime,
) -> SignedList | str:
    """The list of a view, if it holds now; else a sentence that tells why it is not served.

    Args:
        view: what the definition shows now.
        facts: of the list.
    """
    if facts.expires < now:
        return f"the list ended on {format_time(facts.expires)}"
    row = session.execute(
        select(ViewList.data, ViewList.certificates).where(ViewList.view == definition.name)
    ).one_or_none()
    if row is None:
        return "the list was removed"
    try:
        listed = read_list(row.data)
        signer, email = _signer(row.certificates)
    except ListRefusedError as error:
        return str(error)
    fault = (
        _distrust(signer, email, trust, now)
        or _find_other_place(listed, view.site, definition)
        or find_fault(listed, email, view.images)
    )
    return fault or to_signed_list(row.data, listed, email)


def _signer(pem: bytes) -> tuple[Signer, str]:
    """The signer, as for entries, and the address in the certificate.

    Raises:
        ListRefusedError: the certificate may not sign, or has no address.
    """
    first, *others = x509.load_pem_x509_certificates(pem)
    try:
        signer = parse_signer(first.public_bytes(Encoding.DER)).signer
    except RefusedError as error:
        raise ListRefusedError(_SIGNER, f"the signer's certificate: {error}") from None
    unfit = find_unfit(first)
    if unfit is not None:
        raise ListRefusedError(_SIGNER, f"the signer's certificate {unfit}, so readers would refuse the list")
    if not signer.email:
        raise ListRefusedError(
            _SIGNER, "the signer's certificate has no e-mail address: sign with the one of the entries"
        )
    above = tuple(one.public_bytes(Encoding.DER) for one in others)
    return replace(signer, intermediates=above), signer.email


def _verify_names(listed: ListText, signer: Signer) -> None:
    own = x509.load_der_x509_certificate(signer.certificate)
    try:
        names = slash_name(own.subject), slash_name(own.issuer)
    except ValueError:
        raise ListRefusedError(_SIGNER, "the names in the signer's certificate cannot be read") from None
    for name, told, is_so in zip(("hv:dn", "hv:ca"), (listed.subject, listed.issuer), names, strict=True):
        if told != is_so:
            raise ListRefusedError(
                _SIGNER,
                f"{name} of the list has to be {is_so}, as the certificate says: readers compare them",
            )


def _find_other_place(listed: ListText, site: str, definition: Definition) -> str | None:
    """Why readers that compare addresses would refuse a list here; None where they take it.

    Args:
        site: public base URL of the site.
    """
    before, after = f"{site}/views/", f"/{HEPIX_LIST}"
    address = unquote(listed.uri.removeprefix(before).removesuffix(after))
    if definition.is_read_at(address) and listed.uri == f"{before}{quote(address, safe=':')}{after}":
        return None
    name = quote(definition.name, safe=":") if definition.is_read_at(definition.name) else "SECRET-NAME"
    return (
        f"hv:uri of the list is {printable(listed.uri)}, and the list is read at {before}{name}{after}: "
        "readers refuse a list that names another address than theirs"
    )


def _distrust(signer: Signer, email: str, trust: TrustService, now: datetime) -> str | None:
    """Why the site does not believe a signer, as for an entry signed now; None where it does."""
    key = x509.load_der_x509_certificate(signer.certificate).public_key()
    weak = isinstance(key, rsa.RSAPublicKey) and key.key_size < STRONG_KEY_BITS
    endorsed = Endorsed(
        created=now,
        email=email,
        bound=True,
        strength=Strength.LEGACY if weak else Strength.STRONG,
        signature="S/MIME",
        begins=signer.not_before,
        ends=signer.not_after,
    )
    decision = decide_by(endorsed, trust.verdict(signer, now), trust.material, now)
    failed = next((one for one in decision.rules if one.outcome is RuleOutcome.FAILED), None)
    return None if failed is None else f"the site does not believe the signer: {failed.found}"
