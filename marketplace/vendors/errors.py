"""Why a vendor's image is not mirrored: one class and one stable code per cause."""

from __future__ import annotations

from validators.coded_error import CodedError


class VendorError(CodedError, code="vendor"):
    """A vendor's image is not mirrored; the message is one sentence."""


class VendorSettingsError(VendorError, code="vendor.settings"):
    """The settings cannot be used."""


class VendorUnreachableError(VendorError, code="vendor.unreachable"):
    """The vendor does not answer, or answers something else."""


class VendorSignatureError(VendorError, code="vendor.signature"):
    """The catalogue is not signed by a key that is trusted for it, or that key is over."""


class VendorRolledBackError(VendorError, code="vendor.rolled-back"):
    """The catalogue is older than one that was seen before."""


class VendorCatalogueError(VendorError, code="vendor.catalogue"):
    """The catalogue does not hold what the settings ask for."""


class VendorImageError(VendorError, code="vendor.image"):
    """What lies at the vendor's location is not what the catalogue says."""
