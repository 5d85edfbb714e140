"""What a site trusts, as one immutable value: anchors, known intermediates, revocation lists, policy."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from validators.allowlist import AllowList
from validators.distinguished import Name
from validators.links import Age, Link
from validators.revocation import RevocationList, is_issued_by

Choice = Literal["refuse", "accept"]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What a site decides for itself.

    Args:
        legacy: SHA-1 signatures and keys of 1024 bits in paths.
        stale_crl: certificates whose issuer's newest revocation list is past its time.
        missing_crl: certificates whose issuer has no revocation list here.
        max_length: certificates in a path, signer and anchor included.
        max_signatures: public-key operations that judging one certificate may cost.
    """

    legacy: Choice = "refuse"
    stale_crl: Choice = "refuse"
    missing_crl: Choice = "accept"
    max_length: int = 8
    max_signatures: int = 64

    def takes(self, age: Age) -> bool:
        """Whether a key or a signature of this strength may be in a path."""
        return age is Age.STRONG or (age is Age.LEGACY and self.legacy == "accept")


@dataclass(frozen=True)
class TrustMaterial:
    """Everything a certificate is judged by, apart from the time.

    Args:
        anchors: certificates that the site trusts; one of a signer is a pin.
        intermediates: certificates that paths may lead through; trusted by no means.
        lists: revocation lists, already known to carry their issuers' signature or still to be proven.
        gaps: revocation lists that should be here and could not be read. While there are any, an issuer
            without a list is not taken to have revoked nothing.
    """

    anchors: tuple[Link, ...] = ()
    intermediates: tuple[Link, ...] = ()
    lists: tuple[RevocationList, ...] = ()
    allowed: AllowList = field(default_factory=AllowList)
    policy: TrustPolicy = TrustPolicy()
    gaps: tuple[str, ...] = ()

    @cached_property
    def pins(self) -> Mapping[str, Link]:
        """Anchors by fingerprint."""
        return {anchor.fingerprint: anchor for anchor in self.anchors}

    @cached_property
    def authorities(self) -> Mapping[Name, tuple[Link, ...]]:
        """Anchors, then intermediates, by subject."""
        found: defaultdict[Name, list[Link]] = defaultdict(list)
        for link in (*self.anchors, *self.intermediates):
            found[link.subject].append(link)
        return {name: tuple(links) for name, links in found.items()}

    @cached_property
    def digest(self) -> str:
        """What stands for all of it: verdicts made with the same digest and time are the same."""
        parts = [
            *sorted(f"anchor {one.fingerprint}" for one in self.anchors),
            *sorted(f"intermediate {one.fingerprint}" for one in self.intermediates),
            *sorted(f"list {one.digest}" for one in self.lists),
            *sorted(f"gap {one}" for one in self.gaps),
            f"allowed {self.allowed.digest}",
            repr(self.policy),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def basis(self, now: datetime) -> str:
        """What stands for the material at a moment: with the same basis, certificates stand as they did.

        Args:
            now: decides which lists are out of date.
        """
        stale = sorted(one.digest for one in self.lists if one.is_stale(now))
        return hashlib.sha256("\n".join([self.digest, *stale]).encode()).hexdigest()

    def find_lists(self, authority: Link) -> Sequence[RevocationList]:
        """The newest list of each series that an authority signed; the newest of all comes first."""
        newest: dict[object, RevocationList] = {}
        for one in self.lists_by_issuer.get(authority.subject, ()):
            if one.series not in newest and is_issued_by(one, authority):
                newest[one.series] = one
        return list(newest.values())

    @cached_property
    def lists_by_issuer(self) -> Mapping[Name, tuple[RevocationList, ...]]:
        """All lists by the name of their issuer, the newest first."""
        found: defaultdict[Name, list[RevocationList]] = defaultdict(list)
        for one in sorted(self.lists, key=lambda one: (one.age, len(one.crl)), reverse=True):
            found[one.issuer].append(one)
        return {name: tuple(lists) for name, lists in found.items()}
