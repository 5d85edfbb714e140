"""How entries come in: acceptance, the upload gate, the store and the log, in one transaction."""

from marketplace.ingest.batch import Receipt, Source
from marketplace.ingest.errors import (
    CertificateExpiredError,
    CertificateNotYetValidError,
    ConflictError,
    CreatedInFutureError,
    GateError,
    IngestError,
    LegacyRefusedError,
    OlderThanLatestError,
    StoreUnavailableError,
)
from marketplace.ingest.gate import UploadPolicy, verify_gate
from marketplace.ingest.service import IngestService, Page

__all__ = [
    "CertificateExpiredError",
    "CertificateNotYetValidError",
    "ConflictError",
    "CreatedInFutureError",
    "GateError",
    "IngestError",
    "IngestService",
    "LegacyRefusedError",
    "OlderThanLatestError",
    "Page",
    "Receipt",
    "Source",
    "StoreUnavailableError",
    "UploadPolicy",
    "verify_gate",
]
