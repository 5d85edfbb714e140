"""How entries come in: acceptance, the upload gate, the store and the log, in one transaction."""

from marketplace.ingest.batch import Note, Receipt, Source
from marketplace.ingest.errors import (
    AudienceError,
    CertificateExpiredError,
    CertificateNotYetValidError,
    ConflictError,
    CreatedInFutureError,
    ErasedError,
    GateError,
    IngestError,
    LegacyRefusedError,
    OlderThanLatestError,
    OtherAudienceError,
    PrivateEntryError,
    StoreUnavailableError,
    TooManyUploadsError,
)
from marketplace.ingest.gate import UploadPolicy, verify_gate
from marketplace.ingest.pages import Page
from marketplace.ingest.service import Address, Addressing, IngestService

__all__ = [
    "Address",
    "Addressing",
    "AudienceError",
    "CertificateExpiredError",
    "CertificateNotYetValidError",
    "ConflictError",
    "CreatedInFutureError",
    "ErasedError",
    "GateError",
    "IngestError",
    "IngestService",
    "LegacyRefusedError",
    "Note",
    "OlderThanLatestError",
    "OtherAudienceError",
    "Page",
    "PrivateEntryError",
    "Receipt",
    "Source",
    "StoreUnavailableError",
    "TooManyUploadsError",
    "UploadPolicy",
    "verify_gate",
]
