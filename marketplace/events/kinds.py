"""The kinds of events: the one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """The kinds of events."""

    ACCEPTED = "entry.accepted"
    DEPRECATED = "entry.deprecated"
    EXPIRING = "entry.expiring"
    EXPIRED = "entry.expired"
    ERASED = "entry.erased"
    TRUST = "trust.changed"
    CONFLICT = "entry.conflict"
    MISMATCH = "receipt.mismatch"
    UNREACHABLE = "receipt.unreachable"
    RECALL = "image.recalled"
    QUARANTINED = "peer.quarantined"


#: What each kind means, in words for documentation and forms.
MEANINGS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ACCEPTED: "an entry was accepted",
        Kind.DEPRECATED: "an entry was accepted that withdraws its image",
        Kind.EXPIRING: "a current entry expires in 30, 7 or 1 days",
        Kind.EXPIRED: "a current entry has expired",
        Kind.ERASED: "what an entry said was erased, for a legal request",
        Kind.TRUST: "the trust of this marketplace in the certificate of an endorser changed",
        Kind.CONFLICT: "entries with the same coordinates say different things",
        Kind.MISMATCH: "a cloud site found other bytes at a location than the entry endorses",
        Kind.UNREACHABLE: "a cloud site could not download an image from a location",
        Kind.RECALL: "cloud sites have an image that was withdrawn; again an hour later if some still do",
        Kind.QUARANTINED: "a log of another marketplace contradicts itself and is not read any more",
    }
)
