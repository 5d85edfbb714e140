"""Why an accepted entry is not taken in; one class and one stable code per reason."""

from __future__ import annotations

from validators.coded_error import CodedError


class IngestError(CodedError, code="ingest"):
    """An entry that acceptance let through is not stored."""


class GateError(IngestError, code="gate"):
    """The upload gate refuses an entry (FORMAT step 8)."""


class TooManyUploadsError(IngestError, code="limit.endorser"):
    """An endorser uploads more often than the site allows.

    Args:
        seconds: until it may upload again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many uploads with this certificate: try again in {seconds} seconds")
        self.seconds = seconds


class LegacyRefusedError(GateError, code="gate.legacy"):
    """The signature is too weak for new entries."""


class CertificateExpiredError(GateError, code="gate.certificate-expired"):
    """The signer's certificate was over before now."""


class CertificateNotYetValidError(GateError, code="gate.certificate-not-yet-valid"):
    """The signer's certificate begins after now."""


class ExpiredError(GateError, code="gate.expired"):
    """The entry was over before it was made."""


class OlderThanLatestError(GateError, code="gate.older-than-latest"):
    """The endorser has said something newer about the image."""


class CreatedInFutureError(GateError, code="gate.created-in-future"):
    """The creation time lies too far ahead."""


class AudienceError(IngestError, code="audience"):
    """The endorser signed an entry for others than those who read the log; holds for imports too."""


class PrivateEntryError(AudienceError, code="audience.private"):
    """The entry is signed as private, and the log is public."""


class OtherAudienceError(AudienceError, code="audience.other-group"):
    """The entry is signed for other groups."""


class CertificateRevokedError(GateError, code="gate.certificate-revoked"):
    """The issuer of the signer's certificate, or of one above it, took it back."""


class ChainRequiredError(GateError, code="gate.chain-required"):
    """No authority that the site trusts has certified the endorser."""


class RevocationUnknownError(GateError, code="gate.revocation-unknown"):
    """The site cannot tell whether the certificate is revoked, and takes none of which it cannot."""


class PathOutOfDateError(GateError, code="gate.path-out-of-date"):
    """A certificate between the signer's and the anchor is not in date now."""


class NotOnAllowListError(GateError, code="gate.not-on-allow-list"):
    """The endorser is certified and not on the site's list."""


class NotShownError(GateError, code="gate.not-shown"):
    """The site's filter would hide the entry from everybody."""


class ErasedError(IngestError, code="entry.erased"):
    """The entry was erased here at somebody's legal request, and does not come back."""


class ConflictError(IngestError, code="conflict.coordinates"):
    """Other bytes have these coordinates in the log."""


class StoreUnavailableError(IngestError, code="store.unavailable"):
    """The database did not take the entry; the same upload may succeed later."""
