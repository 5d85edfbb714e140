"""Why an upload cannot wait for its confirmation, or cannot be confirmed; a stable code per reason."""

from __future__ import annotations

from typing import ClassVar


class ConfirmationError(Exception):
    """Something about confirming an upload is not possible."""

    code: ClassVar[str] = "confirmation"

    @property
    def message(self) -> str:
        """One sentence for people."""
        return str(self)


class TooManyPendingError(ConfirmationError):
    """So many uploads wait already that no further mail is sent."""

    code = "confirmation.too-many"


class CertificateFrozenError(ConfirmationError):
    """Somebody reported an upload that this certificate signed, and the operator has not decided yet."""

    code = "confirmation.frozen"


class LinkUnknownError(ConfirmationError):
    """The link was never given, was used, or is too old: these look the same."""

    code = "confirmation.link"

    def __init__(self) -> None:
        super().__init__("this link has expired or was already used")


class BeingConfirmedError(ConfirmationError):
    """The endorser has just confirmed the upload."""

    code = "confirmation.under-way"

    def __init__(self) -> None:
        super().__init__("this upload has just been confirmed, and cannot be deleted any more")


class UploadUnknownError(ConfirmationError):
    """No upload of that number waits, or none that this can be done with."""

    code = "confirmation.unknown"

    def __init__(self, number: int) -> None:
        super().__init__(f"no upload {number}")
