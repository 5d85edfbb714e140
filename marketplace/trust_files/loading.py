"""Reading everything once, and what stays in force where something cannot be read.

The rule: a fault never makes the site trust more than it did. What cannot be read
keeps what was read from the same place before. A revocation list that has never
been read leaves a gap, and with a gap nobody's silence counts as innocence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from marketplace.trust_files.formats import parse_certificates, parse_lists
from marketplace.trust_files.sources import (
    find_anchor_files,
    find_list_files,
    find_revocation_lists,
    read_file,
)
from validators.allowlist import AllowList, parse_allow_list
from validators.document import format_time
from validators.links import Age, Link, MaterialError, key_age, may_sign_lists
from validators.material import TrustMaterial, TrustPolicy
from validators.revocation import RevocationList, is_issued_by

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a site's trust comes from.

    Args:
        anchors: files, directories or patterns.
        intermediates: likewise; certificates that paths may lead through.
        lists: files, directories or patterns of revocation lists.
        allowed: file of names; None where there is no allow-list.
        password_file: holds the password of PKCS #12 files.
    """

    anchors: tuple[str, ...] = ()
    intermediates: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    allowed: Path | None = None
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TrustFileFault:
    """A fault of a trust file.

    Args:
        code: stable.
        file: the file's name without directories, which everybody may read.
        message: what is wrong.
        path: the whole path, for operators only; empty where the fault is of no file.
    """

    code: str
    file: str
    message: str
    path: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"

    def for_operators(self) -> str:
        """What is wrong, with the whole path."""
        return f"{self.path or self.file}: {self.message}"


@dataclass(frozen=True)
class LoadedTrust:
    """What is in force, what was read from which file, and what is wrong."""

    material: TrustMaterial
    faults: tuple[TrustFileFault, ...] = ()
    certificates: Mapping[Path, Sequence[Link]] = field(default_factory=dict)
    lists: Mapping[Path, Sequence[RevocationList]] = field(default_factory=dict)


def load(sources: Sources, policy: TrustPolicy, before: LoadedTrust | None, now: datetime) -> LoadedTrust:
    """Read everything anew.

    Args:
        before: what is in force; it stays where something cannot be read.
        now: for naming what is out of date.
    """
    loading = _Loading(before or LoadedTrust(TrustMaterial(policy=policy)), now)
    password = loading.password(sources.password_file)
    anchors = loading.certificates(sources.anchors, password)
    intermediates = loading.certificates(sources.intermediates, password)
    lists, gaps = loading.lists(sources, [*anchors, *intermediates])
    material = TrustMaterial(
        anchors=_distinct(anchors),
        intermediates=_distinct(intermediates),
        lists=tuple({one.digest: one for one in lists}.values()),
        allowed=loading.allowed(sources.allowed),
        policy=policy,
        gaps=tuple(gaps),
    )
    return LoadedTrust(material, tuple(loading.faults), loading.read_certificates, loading.read_lists)


def _distinct(links: Sequence[Link]) -> tuple[Link, ...]:
    return tuple({link.fingerprint: link for link in links}.values())


class _Loading:
    def __init__(self, before: LoadedTrust, now: datetime) -> None:
        self.faults: list[TrustFileFault] = []
        self.read_certificates: dict[Path, Sequence[Link]] = {}
        self.read_lists: dict[Path, Sequence[RevocationList]] = {}
        self._before = before
        self._now = now

    def password(self, path: Path | None) -> bytes | None:
        if path is None:
            return None
        try:
            return read_file(path).rstrip(b"\r\n")
        except MaterialError as error:
            self._fault("trust.password", path, error)
            return None

    def allowed(self, path: Path | None) -> AllowList:
        if path is None:
            return AllowList()
        try:
            return parse_allow_list(read_file(path))
        except MaterialError as error:
            self._fault("trust.allowlist", path, error)
            return self._before.material.allowed

    def certificates(self, sources: Sequence[str], password: bytes | None) -> list[Link]:
        found: list[Link] = []
        for source in sources:
            files = self._files(source, find_anchor_files, self._before.certificates)
            for path in files:
                links = self._read_certificates(path, password)
                self.read_certificates[path] = links
                found += links
        for link in _distinct(found):
            self._name_expired(link)
        return found

    def _read_certificates(self, path: Path, password: bytes | None) -> Sequence[Link]:
        try:
            links = parse_certificates(read_file(path), path.name, password)
        except MaterialError as error:
            self._fault("trust.anchor-unreadable", path, error)
            return self._before.certificates.get(path, ())
        for link in links:
            if key_age(link) is Age.BROKEN:
                self._fault("trust.anchor-weak", path, f"{link.name} has a key that nothing should rest on")
        return links

    def _name_expired(self, link: Link) -> None:
        if not link.not_before <= self._now <= link.not_after:
            period = f"from {format_time(link.not_before)} to {format_time(link.not_after)}"
            self.faults.append(TrustFileFault("trust.anchor-expired", link.name, f"is in date only {period}"))

    def lists(self, sources: Sources, authorities: Sequence[Link]) -> tuple[list[RevocationList], list[str]]:
        paths = dict.fromkeys(find_revocation_lists_safely(sources.anchors))
        gaps: list[str] = []
        for source in sources.lists:
            known = len(self.faults)
            files = self._files(source, find_list_files, self._before.lists)
            if len(self.faults) > known and not files:
                gaps.append(Path(source).name)
            paths |= dict.fromkeys(files)
        for path in paths:
            lists = self._read_lists(path, authorities)
            if lists is None:
                gaps.append(path.name)
            else:
                self.read_lists[path] = lists
        self._keep_gone(paths, authorities)
        return [one for lists in self.read_lists.values() for one in lists], gaps

    def _keep_gone(self, paths: Mapping[Path, None], authorities: Sequence[Link]) -> None:
        """Keep lists that are in no file any more: what they said is not taken back by their absence."""
        newest: dict[object, RevocationList] = {}
        for one in (one for lists in self.read_lists.values() for one in lists):
            series = _series(one, authorities)
            newest[series] = max(one, newest.get(series, one), key=lambda list_: list_.age)
        for path, lists in self._before.lists.items():
            if path not in paths and path.exists():
                continue  # the settings no longer name it
            # Where the same authority says something at least as new, this one was renamed or replaced.
            keyed = [(one, newest.get(_series(one, authorities))) for one in lists]
            left = [one for one, known in keyed if known is None or known.age < one.age]
            for one in left:
                gone = f"no longer holds the list of {one.name}" if path in self.read_lists else "is gone"
                self._fault("trust.crl-gone", path, f"{gone}; what it said stays in force (trust forget)")
            if left:
                self.read_lists[path] = [*self.read_lists.get(path, ()), *left]

    def _read_lists(self, path: Path, authorities: Sequence[Link]) -> Sequence[RevocationList] | None:
        """The lists of a file; what it held before where it cannot be used; None where that is nothing."""
        before = self._before.lists.get(path)
        try:
            lists = parse_lists(read_file(path))
        except MaterialError as error:
            self._fault("trust.crl-unreadable", path, error)
            return before
        for one in lists:
            issuers = [link for link in authorities if link.subject == one.issuer]
            if issuers and not any(is_issued_by(one, link) for link in issuers):
                able = any(may_sign_lists(link) for link in issuers)
                reason = "did not sign it" if able else "has no right to sign revocation lists"
                self._fault("trust.crl-unsigned", path, f"{one.name} {reason}")
                return before
            if not issuers:
                self._fault("trust.crl-foreign", path, f"{one.name} is not an authority of this site")
            series = _series(one, authorities)
            if any(_series(old, authorities) == series and one.age < old.age for old in before or ()):
                self._fault(
                    "trust.crl-older", path, "is older than the one it replaces, which stays in force"
                )
                return before
            if one.odd is not None:
                found = (
                    f"is not understood ({one.odd}): whom it may concern counts as neither revoked nor good"
                )
                self._fault("trust.crl-odd", path, found)
            if one.is_stale(self._now):
                until = format_time(one.next_update or one.this_update)
                self._fault("trust.crl-stale", path, f"is out of date ({until})")
        return lists

    def _files(
        self, source: str, find: Callable[[str], list[Path]], before: Mapping[Path, Sequence[_Item]]
    ) -> list[Path]:
        try:
            return find(source)
        except MaterialError as error:
            self._fault("trust.source", Path(source), error)
            # Reading each of them fails or not by itself.
            return [path for path in before if path.match(source) or path.parent == Path(source)]

    def _fault(self, code: str, path: Path, reason: object) -> None:
        self.faults.append(TrustFileFault(code, path.name, str(reason), str(path)))


def _series(one: RevocationList, authorities: Sequence[Link]) -> tuple[object, ...]:
    """The lists of which a newer one takes the place of this one; two keys of a name have two."""
    keys = (link.key_digest for link in authorities if is_issued_by(one, link))
    return (*one.series, next(keys, None))


def find_revocation_lists_safely(anchors: Sequence[str]) -> list[Path]:
    """The lists beside the anchors; a directory that cannot be listed was named with the anchors."""
    try:
        return find_revocation_lists(anchors)
    except MaterialError:
        return []
