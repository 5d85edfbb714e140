"""Why an accepted entry is not taken in; one class and one stable code per reason."""

from __future__ import annotations

from typing import ClassVar


class IngestError(Exception):
    """An entry that acceptance let through is not stored."""

    #: Stable, machine-readable name of the reason.
    code: ClassVar[str] = "ingest"

    @property
    def message(self) -> str:
        """One sentence for the publisher."""
        return str(self)


class GateError(IngestError):
    """The upload gate refuses an entry (FORMAT step 8)."""

    code = "gate"


class TooManyUploadsError(IngestError):
    """An endorser uploads more often than the site allows.

    Args:
        seconds: until it may upload again.
    """

    code = "limit.endorser"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many uploads with this certificate: try again in {seconds} seconds")
        self.seconds = seconds


class LegacyRefusedError(GateError):
    """The signature is too weak for new entries."""

    code = "gate.legacy"


class CertificateExpiredError(GateError):
    """The signer's certificate was over before now."""

    code = "gate.certificate-expired"


class CertificateNotYetValidError(GateError):
    """The signer's certificate begins after now."""

    code = "gate.certificate-not-yet-valid"


class ExpiredError(GateError):
    """The entry was over before it was made."""

    code = "gate.expired"


class OlderThanLatestError(GateError):
    """The endorser has said something newer about the image."""

    code = "gate.older-than-latest"


class CreatedInFutureError(GateError):
    """The creation time lies too far ahead."""

    code = "gate.created-in-future"


class AudienceError(IngestError):
    """The endorser signed an entry for others than those who read the log; holds for imports too."""

    code = "audience"


class PrivateEntryError(AudienceError):
    """The entry is signed as private, and the log is public."""

    code = "audience.private"


class OtherAudienceError(AudienceError):
    """The entry is signed for other groups."""

    code = "audience.other-group"


class CertificateRevokedError(GateError):
    """The issuer of the signer's certificate, or of one above it, took it back."""

    code = "gate.certificate-revoked"


class ChainRequiredError(GateError):
    """No authority that the site trusts has certified the endorser."""

    code = "gate.chain-required"


class RevocationUnknownError(GateError):
    """The site cannot tell whether the certificate is revoked, and takes none of which it cannot."""

    code = "gate.revocation-unknown"


class PathOutOfDateError(GateError):
    """A certificate between the signer's and the anchor is not in date now."""

    code = "gate.path-out-of-date"


class NotOnAllowListError(GateError):
    """The endorser is certified and not on the site's list."""

    code = "gate.not-on-allow-list"


class NotShownError(GateError):
    """The site's filter would hide the entry from everybody."""

    code = "gate.not-shown"


class ErasedError(IngestError):
    """The entry was erased here at somebody's legal request, and does not come back."""

    code = "entry.erased"


class ConflictError(IngestError):
    """Other bytes have these coordinates in the log."""

    code = "conflict.coordinates"


class StoreUnavailableError(IngestError):
    """The database did not take the entry; the same upload may succeed later."""

    code = "store.unavailable"
