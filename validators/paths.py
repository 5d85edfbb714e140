"""Paths from a signer's certificate to an anchor, by rules of our own (ADR 0009).

1. The signer's certificate is itself an anchor: a path of one.
2. Otherwise an issuer is looked for by name among the anchors, the site's intermediates
   and the certificates beside the signature, and then an issuer of that one.
3. Each link: the issuer's key made the signature, with a hash that the policy takes.
4. Each issuer: basicConstraints says CA, keyUsage lets it sign certificates, its pathLen is
   kept, its name constraints hold for everything below, its key is large enough.
5. No certificate has a critical extension of unknown meaning.

Dates and revocation are no part of the search: they are judged on what it finds, so
that the answer can say "expired" where it would otherwise say "unknown".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from validators.links import (
    Link,
    MaterialError,
    find_issuing_fault,
    find_own_fault,
    is_signed_by,
    key_age,
    parse_link,
)
from validators.material import TrustMaterial
from validators.name_constraints import find_name_fault
from validators.signature_shape import MAX_CERTIFICATES

#: Paths to compare before one is chosen: cross-certified authorities make several.
MAX_PATHS = 16
_MOST_INTERMEDIATES = MAX_CERTIFICATES - 1


@dataclass(frozen=True, slots=True)
class Path:
    """Certificates from the signer's to the anchor, both included; one that is both is a pin."""

    links: tuple[Link, ...]

    @property
    def anchor(self) -> Link:
        """The certificate that the site trusts."""
        return self.links[-1]

    @property
    def pinned(self) -> bool:
        """Whether the signer's certificate is itself the anchor."""
        return len(self.links) == 1

    @property
    def begins(self) -> datetime:
        """From when on every certificate is in date."""
        return max(link.not_before for link in self.links)

    @property
    def ends(self) -> datetime:
        """Until when every certificate is in date."""
        return min(link.not_after for link in self.links)


@dataclass(frozen=True, slots=True)
class PathSearch:
    """All paths that hold, and why the others do not."""

    paths: tuple[Path, ...]
    faults: tuple[str, ...]


def find_paths(signer: Link, intermediates: Sequence[bytes], material: TrustMaterial) -> PathSearch:
    """Every path from a signer's certificate to an anchor.

    Args:
        intermediates: DER of the certificates that came with the signature: they may help and prove nothing.
    """
    search = _Search(material, _readable(intermediates))
    paths = tuple(path for path, _ in zip(search.paths(signer), range(MAX_PATHS), strict=False))
    return PathSearch(paths, tuple(dict.fromkeys(search.faults)))


def _readable(intermediates: Sequence[bytes]) -> list[Link]:
    found = []
    for der in intermediates:
        try:
            found.append(parse_link(der))
        except MaterialError:
            continue  # acceptance lets anything stand there, and what cannot be read cannot help
    return found


@dataclass
class _Search:
    material: TrustMaterial
    intermediates: Sequence[Link]
    faults: list[str] = field(default_factory=list)
    signatures: int = 0

    def paths(self, signer: Link) -> Iterator[Path]:
        policy = self.material.policy
        fault = find_own_fault(signer)
        if fault is None and not policy.takes(key_age(signer)):
            fault = "has a key that the site's policy does not accept"
        if fault is not None:
            self.faults.append(f"{signer.name} {fault}")
            return
        if signer.fingerprint in self.material.pins:
            yield Path((signer,))
            return
        if signer.self_issued and is_signed_by(signer.der, signer.der):
            self.faults.append(f"{signer.name} is self-signed and is not an anchor")
            return
        yield from self._above((signer,))

    def _above(self, below: tuple[Link, ...]) -> Iterator[Path]:
        """Paths that go on from the last of these certificates."""
        if len(below) >= self.material.policy.max_length:
            self.faults.append(f"a path is longer than {self.material.policy.max_length} certificates")
            return
        candidates = self._issuers(below[-1])
        if not candidates:
            fault = f"the issuer of {below[-1].name} is not known"
            if len(self.intermediates) >= _MOST_INTERMEDIATES:
                fault += (
                    f" (an entry carries {_MOST_INTERMEDIATES} issuers at most: the site needs the others)"
                )
            self.faults.append(fault)
        for issuer in candidates:
            if any(issuer.fingerprint == link.fingerprint for link in below):
                self.faults.append(f"{issuer.name} is in the path already")
                continue
            broken = self._find_fault(below, issuer)
            if broken is not None:
                self.faults.append(broken)
            elif issuer.fingerprint in self.material.pins:
                yield Path((*below, issuer))
            elif issuer.self_issued and is_signed_by(issuer.der, issuer.der):
                self.faults.append(f"{issuer.name} is self-signed and is not an anchor")
            else:
                yield from self._above((*below, issuer))

    def _issuers(self, link: Link) -> list[Link]:
        """Certificates with the issuer's name, those the site chose first."""
        known = self.material.authorities.get(link.issuer, ())
        beside = [one for one in self.intermediates if one.subject == link.issuer]
        return list({one.fingerprint: one for one in (*known, *beside)}.values())

    def _find_fault(self, below: tuple[Link, ...], issuer: Link) -> str | None:
        fault = find_issuing_fault(issuer) or self._find_length_fault(below, issuer)
        if fault is None and not self.material.policy.takes(key_age(issuer)):
            fault = "has a key that the site's policy does not accept"
        if fault is not None:
            return f"{issuer.name} {fault}"
        if issuer.bounds is not None:
            for place, link in enumerate(below):
                # Self-issued authorities between are exempt: they only exchange keys.
                if place > 0 and link.self_issued:
                    continue
                fault = find_name_fault(issuer.bounds, link)
                if fault is not None:
                    return f"{link.name} {fault} by {issuer.name}"
        return self._find_signature_fault(below[-1], issuer)

    def _find_length_fault(self, below: tuple[Link, ...], issuer: Link) -> str | None:
        allowed = issuer.basic.path_length if issuer.basic is not None else None
        between = sum(1 for link in below[1:] if not link.self_issued)
        if allowed is not None and between > allowed:
            return f"allows {allowed} authorities below itself (pathLen), there are {between}"
        return None

    def _find_signature_fault(self, link: Link, issuer: Link) -> str | None:
        if not self.material.policy.takes(link.hash_strength):
            return f"{link.name} was signed with a hash that the site's policy does not accept"
        self.signatures += 1
        if self.signatures > self.material.policy.max_signatures:
            return f"more than {self.material.policy.max_signatures} signatures would have to be verified"
        if not is_signed_by(link.der, issuer.der):
            return f"{issuer.name} did not sign {link.name}"
        return None
