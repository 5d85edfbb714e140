"""Why an upload cannot wait for its confirmation, or cannot be confirmed; a stable code per reason."""

from __future__ import annotations

from validators.coded_error import CodedError


class ConfirmationError(CodedError, code="confirmation"):
    """Something about confirming an upload is not possible."""


class TooManyPendingError(ConfirmationError, code="confirmation.too-many"):
    """So many uploads wait already that no further mail is sent."""


class CertificateFrozenError(ConfirmationError, code="confirmation.frozen"):
    """Somebody reported an upload that this certificate signed, and the operator has not decided yet."""


class LinkUnknownError(ConfirmationError, code="confirmation.link"):
    """The link was never given, was used, or is too old: these look the same."""

    def __init__(self) -> None:
        super().__init__(
            "this link has expired, was already used, or is incomplete: open the whole address from the "
            "newest mail, or upload the entry again to get a new mail"
        )


class BeingConfirmedError(ConfirmationError, code="confirmation.under-way"):
    """The endorser has just confirmed the upload."""

    def __init__(self) -> None:
        super().__init__("this upload has just been confirmed, and cannot be deleted any more")


class UploadUnknownError(ConfirmationError, code="confirmation.unknown"):
    """No upload of that number waits, or none that this can be done with."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no upload {number} waits for this; marketplace pending list shows those that wait")
