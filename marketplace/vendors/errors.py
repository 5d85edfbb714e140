"""Why a vendor's image is not mirrored: one class and one stable code per cause."""

from __future__ import annotations

from typing import ClassVar


class VendorError(Exception):
    """A vendor's image is not mirrored; the message is one sentence."""

    #: Stable, machine-readable name of the cause.
    code: ClassVar[str] = "vendor"


class VendorSettingsError(VendorError):
    """The settings cannot be used."""

    code = "vendor.settings"


class VendorUnreachableError(VendorError):
    """The vendor does not answer, or answers something else."""

    code = "vendor.unreachable"


class VendorSignatureError(VendorError):
    """The catalogue is not signed by a key that is trusted for it, or that key is over."""

    code = "vendor.signature"


class VendorRolledBackError(VendorError):
    """The catalogue is older than one that was seen before."""

    code = "vendor.rolled-back"


class VendorCatalogueError(VendorError):
    """The catalogue does not hold what the settings ask for."""

    code = "vendor.catalogue"


class VendorImageError(VendorError):
    """What lies at the vendor's location is not what the catalogue says."""

    code = "vendor.image"
