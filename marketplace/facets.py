"""Facets, what lists and searches can be narrowed by: one table with their names, meanings and values."""

from __future__ import annotations

from enum import StrEnum

from validators.document import Strength
from validators.status import Status


class TrustMark(StrEnum):
    """Values of the trust facet: each entry has one standing, and may have other marks besides."""

    #: No rule of the site speaks against it: chained, in date when it was made, signed well enough.
    TRUSTED = "trusted"
    CHAINED = "chained"
    #: Chained, and its certificate's subject is on the allow-list.
    LISTED = "listed"
    #: Whoever reads the endorser's mail agreed to its certificate, whoever else vouches for it.
    CONFIRMED = "confirmed"
    SELF_SIGNED = "self-signed"
    UNTRUSTED_ISSUER = "untrusted-issuer"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    #: Its certificate is so new here that nobody has looked at it yet.
    UNJUDGED = "unjudged"


class ContentLocation(StrEnum):
    """Values of the location facet: where the content is."""

    WEB = "web"
    PDISK = "pdisk"


class Facet(StrEnum):
    """What a list can be narrowed by; each value of a facet has a count. Pages show facets in this order.

    Pages, the interface, its description and the options of ``marketplace search`` are made from this table.

    Args:
        label: its name on pages.
        meaning: what its values are, for programmers and in the help of commands.
        values: all that there can be, where that is fixed; then ``fixed`` has them.
        example: a value for the description of the interface.
    """

    label: str
    meaning: str
    fixed: tuple[str, ...]
    example: str | None

    def __new__(
        cls,
        value: str,
        label: str = "",
        meaning: str = "",
        values: type[StrEnum] | None = None,
        example: str | None = None,
    ) -> Facet:
        facet = str.__new__(cls, value)
        facet._value_ = value
        facet.label, facet.meaning, facet.example = label, meaning, example
        facet.fixed = tuple(one.value for one in values or ())
        return facet

    TRUST = (
        "trust",
        "Trust",
        "the marketplace's trust in the endorser's certificate; `all`: whatever it is; default: what the "
        "marketplace chose to show (trust.show)",
        TrustMark,
    )
    STATUS = (
        "status",
        "Status",
        "status of the entry; `all`: every status; default: `valid`",
        Status,
        "valid",
    )
    OS = "os", "System", "operating system (upper and lower case are the same)", None, "ubuntu"
    OS_VERSION = (
        "os-version",
        "System version",
        "version of the operating system (upper and lower case are the same)",
    )
    ARCH = (
        "arch",
        "Architecture",
        "processor architecture (upper and lower case are the same)",
        None,
        "x86_64",
    )
    KIND = "kind", "Kind", "kind of image (machine, disk, ...) (upper and lower case are the same)"
    FORMAT = (
        "format",
        "Format",
        "format of the image file (raw, qcow2, ...) (upper and lower case are the same)",
    )
    LOCATION = (
        "location",
        "Download",
        "where the content is: on the web, or in a cloud's own storage (pdisk)",
        ContentLocation,
    )
    SIGNATURE = (
        "signature",
        "Signature",
        "strength of the signature; `legacy`: SHA-1 or a short key",
        Strength,
    )
    ENDORSER = "endorser", "Publisher", "e-mail address of the endorser, exactly"
    TAG = "tag", "Tag", "tag of the entry, exactly"

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be asked for, where that is fixed: its values, and EVERY of what the site chooses from."""
        return (*self.fixed, EVERY) if self in CHOSEN_BY_SITE else self.fixed


#: Facets of which a search without any value gets the site's choice; EVERY lists every value.
CHOSEN_BY_SITE = (Facet.STATUS, Facet.TRUST)
EVERY = "all"
