"""Proving evidence offline: signatures, certificates, the log, and the verdict that follows from them."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from marketplace.evidence.bundle import EvidenceBundle
from marketplace.evidence.errors import EvidenceError
from marketplace.tlog.errors import TlogError
from marketplace.tlog.note import VerifierKey, parse_verifier_key
from marketplace.tlog.proof import verify_proof
from validators import accept
from validators.decision import decide
from validators.document import AcceptedEntry
from validators.errors import RefusedError
from validators.links import Link, parse_link
from validators.material import TrustMaterial, TrustPolicy
from validators.policy import MARKETPLACE, Statement, Verdict, judge, statement_of
from validators.revocation import RevocationList, parse_list


@dataclass(frozen=True)
class Proven:
    """The claims that evidence proves.

    Args:
        entry: the one that it is about.
        verdict: that follows from the statements in it, by the anchors that were believed.
        anchors: names and SHA-256 of the anchors that were believed.
        logged: name of the log, and where the entry stands in it; None without a receipt.
    """

    entry: AcceptedEntry
    verdict: Verdict
    anchors: tuple[tuple[str, str], ...]
    logged: tuple[str, int] | None


def verify_evidence(
    evidence: EvidenceBundle, key: VerifierKey | None = None, trusted: Collection[str] | None = None
) -> Proven:
    """Prove evidence.

    Args:
        key: of the log, from somewhere else; None takes the one in the evidence.
        trusted: SHA-256 of the anchors that the caller trusts, in hex; None believes those in it.

    Raises:
        EvidenceError: something in it does not hold, or does not lead to what it says.
    """
    entry = _accept(evidence.entry, evidence.entry_id)
    if entry.identifier != evidence.identifier:
        raise EvidenceError("the entry is about another image")
    if not _is_signer(evidence.signer, entry):
        raise EvidenceError("signer.pem is not the certificate that signed the entry")
    material = _material(evidence, trusted)
    verdict = judge(evidence.identifier, _statements(evidence, material), MARKETPLACE, evidence.at)
    if evidence.whole and verdict.allowed is not evidence.allowed:
        says, follows = (("allowed" if one else "not allowed") for one in (evidence.allowed, verdict.allowed))
        raise EvidenceError(
            f"it says that the image is {says}, and what is in it makes it {follows}: {verdict.sentence}"
        )
    return Proven(
        entry, verdict, tuple((one.name, one.fingerprint) for one in material.anchors), _logged(evidence, key)
    )


def _accept(data: bytes, entry_id: str) -> AcceptedEntry:
    try:
        entry = accept(data)
    except RefusedError as error:
        raise EvidenceError(f"the entry {entry_id} is not signed as it has to be: {error}") from None
    if entry.entry_id != entry_id:
        raise EvidenceError(f"what is given as the entry {entry_id} is {entry.entry_id}")
    return entry


def _is_signer(pem: bytes, entry: AcceptedEntry) -> bool:
    try:
        return ssl.PEM_cert_to_DER_cert(pem.decode()) == entry.signer.certificate
    except ValueError:
        return False


def _statements(evidence: EvidenceBundle, material: TrustMaterial) -> Iterator[Statement]:
    for one in evidence.circumstances:
        data = evidence.statements.get(one.entry_id)
        if data is None:
            raise EvidenceError(f"the entry {one.entry_id} is missing")
        entry = _accept(data, one.entry_id)
        if entry.identifier != evidence.identifier:
            raise EvidenceError(f"the entry {one.entry_id} is about another image")
        decided = decide(entry, material, evidence.at, email_confirmed=one.confirmed)
        yield statement_of(entry, decided, groups=one.groups, equivocal=one.equivocal)


def _material(evidence: EvidenceBundle, trusted: Collection[str] | None) -> TrustMaterial:
    try:
        material = TrustMaterial(
            anchors=tuple(_links(evidence.anchors)),
            intermediates=tuple(_links(evidence.intermediates)),
            lists=tuple(_lists(evidence.lists)),
            policy=TrustPolicy(**evidence.policy),
            gaps=evidence.gaps,
        )
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"its certificates or revocation lists cannot be read: {error}") from None
    if trusted is None:
        return material
    return replace(material, anchors=tuple(one for one in material.anchors if one.fingerprint in trusted))


def _links(pem: bytes) -> Iterator[Link]:
    end = "-----END CERTIFICATE-----"
    for one in pem.decode().split(end)[:-1]:
        # By the standard library, which reads no more of a certificate than that it is base 64.
        yield parse_link(ssl.PEM_cert_to_DER_cert(one.strip() + end))


def _lists(pem: bytes) -> Iterator[RevocationList]:
    end = b"-----END X509 CRL-----"
    for part in pem.split(end)[:-1]:
        yield parse_list(x509.load_pem_x509_crl(part + end + b"\n").public_bytes(Encoding.DER))


def _logged(evidence: EvidenceBundle, key: VerifierKey | None) -> tuple[str, int] | None:
    if evidence.receipt is None:
        return None
    try:
        if key is None:
            if evidence.log_key is None:
                raise EvidenceError("there is a receipt but no key to verify it with")
            key = parse_verifier_key(evidence.log_key)
        proven = verify_proof(evidence.receipt, key)
    except TlogError as error:
        raise EvidenceError(f"the receipt of the log is not valid: {error}") from None
    if proven.leaf.entry_id != evidence.entry_id:
        raise EvidenceError("the receipt is for another entry")
    return proven.head.checkpoint.origin, proven.index
