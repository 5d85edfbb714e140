"""Step 5: the endorser the entry names is the holder of the certificate that signed it."""

from __future__ import annotations

from validators.certificates import SignerCertificate
from validators.document import Endorser
from validators.errors import EmailBindingError, IssuerError, SubjectError


def verify_endorser(endorser: Endorser, certificate: SignerCertificate) -> Endorser:
    """Compare the endorser with the certificate, character by character.

    Args:
        endorser: as the signed content names it.
        certificate: the one whose key verified the signature.

    Raises:
        IdentityError: the subclass names the rule (FORMAT, step 5).
    """
    if endorser.subject not in certificate.subjects:
        raise SubjectError("slreq:subject", endorser.subject, f"the certificate's: {certificate.subjects[0]}")
    if endorser.issuer not in certificate.issuers:
        raise IssuerError("slreq:issuer", endorser.issuer, f"the certificate's: {certificate.issuers[0]}")
    email = certificate.signer.email
    if email is not None and endorser.email != email:
        raise EmailBindingError("slreq:email", endorser.email, f"the certificate's: {email}")
    return endorser
