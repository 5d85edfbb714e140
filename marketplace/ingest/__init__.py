"""How entries come in: acceptance, the upload gate, the store and the log, in one transaction.

What needs the database is imported when it is asked for: the errors and the gate are for clients too,
which may have no database library (docs/adr/0044-the-client-by-itself.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from marketplace.ingest.addressing import Address, Addressing
    from marketplace.ingest.items import IngestResult, Item, Page, Source
    from marketplace.ingest.service import IngestService

_WITH_DATABASE = {
    "Address": "addressing",
    "Addressing": "addressing",
    "IngestService": "service",
    "Item": "items",
    "Page": "items",
    "IngestResult": "items",
    "Source": "items",
}

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
    "IngestResult",
    "IngestService",
    "Item",
    "LegacyRefusedError",
    "OlderThanLatestError",
    "OtherAudienceError",
    "Page",
    "PrivateEntryError",
    "Source",
    "StoreUnavailableError",
    "TooManyUploadsError",
    "UploadPolicy",
    "verify_gate",
]


def __getattr__(name: str) -> Any:
    if name not in _WITH_DATABASE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_DATABASE[name]}"), name)
