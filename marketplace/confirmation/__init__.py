"""Uploads that wait until whoever reads the endorser's mail agrees to them."""

from marketplace.confirmation.errors import (
    BeingConfirmedError,
    CertificateFrozenError,
    ConfirmationError,
    LinkUnknownError,
    TooManyPendingError,
    UploadUnknownError,
)
from marketplace.confirmation.pending import Pending, PendingUploads
from marketplace.confirmation.service import AwaitedConfirmation, ConfirmationService, Confirmed

__all__ = [
    "AwaitedConfirmation",
    "BeingConfirmedError",
    "CertificateFrozenError",
    "ConfirmationError",
    "ConfirmationService",
    "Confirmed",
    "LinkUnknownError",
    "Pending",
    "PendingUploads",
    "TooManyPendingError",
    "UploadUnknownError",
]
