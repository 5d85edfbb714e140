"""Why an image is not allowed: codes for programs. They never change their meaning."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """The code of a reason."""

    #: Nobody says anything about the image.
    UNKNOWN = "unknown"
    #: Nobody whom the site trusts says anything about it.
    UNTRUSTED = "untrusted"
    #: The certificate of whoever says yes, or one above it, was revoked by its issuer.
    REVOKED = "revoked"
    #: Whether it is revoked cannot be told, and the site asks for it.
    REVOCATION_UNKNOWN = "revocation-unknown"
    #: The signature or the key is too weak for the site.
    LEGACY_SIGNATURE = "legacy-signature"
    #: The certificate was not valid when the entry was made.
    CERTIFICATE_OUT_OF_DATE = "certificate-out-of-date"

    #: An endorser whose statements count has withdrawn the image.
    DEPRECATED = "deprecated"
    #: Whoever says yes said it until a time that is past.
    EXPIRED = "expired"
    #: Those who count contradict each other, or one of them itself.
    CONFLICT = "conflict"
    #: The site does not show the entry.
    FILTERED = "filtered"
    #: Fewer endorsers say yes than the policy asks for.
    TOO_FEW_ENDORSERS = "too-few-endorsers"

    ENDORSER_DENIED = "endorser-denied"
    ENDORSER_NOT_LISTED = "endorser-not-listed"
    ANCHOR_DENIED = "anchor-denied"
    ANCHOR_NOT_LISTED = "anchor-not-listed"
    GROUP_DENIED = "group-denied"
    GROUP_NOT_LISTED = "group-not-listed"
    TAG_DENIED = "tag-denied"
    TAG_NOT_LISTED = "tag-not-listed"
    IMAGE_DENIED = "image-denied"
    IMAGE_NOT_LISTED = "image-not-listed"
    CHECKSUM_DENIED = "checksum-denied"
    CHECKSUM_NOT_LISTED = "checksum-not-listed"
    #: Nobody who says yes names the checksum that was asked about.
    CHECKSUM_UNPROVED = "checksum-unproved"
    #: No checksum as strong as the policy asks for.
    WEAK_CHECKSUM = "weak-checksum"
    #: Endorsed longer ago than the policy lets count.
    TOO_OLD = "too-old"
    #: The entry has no expiry date.
    NO_EXPIRY = "no-expiry"
    TOO_LARGE = "too-large"
    VIRTUAL_SIZE_TOO_LARGE = "virtual-size-too-large"
    FORMAT_DENIED = "format-denied"
    FORMAT_NOT_LISTED = "format-not-listed"
    LICENCE_DENIED = "licence-denied"
    LICENCE_NOT_LISTED = "licence-not-listed"
    HOST_NOT_ALLOWED = "host-not-allowed"

    #: Somebody at the site holds the image back.
    HELD = "held"
    #: The marketplaces have not been heard for too long.
    STALE = "stale"
