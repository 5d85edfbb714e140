"""Advice: what cloud sites refuse or miss in an entry that every marketplace takes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from validators import vocabulary as v
from validators.document import Metadata, format_time
from validators.lint.findings import FileFacts, Level, LintFinding
from validators.lint.properties import (
    FIRST_BOOT,
    LICENCES,
    LOGIN_USERS,
    image_property,
    missing_of_scs_0102,
    says,
)
from validators.lxd import DISK_FORMAT, FINGERPRINT, PREFIX, find_fingerprint
from validators.status import Status, status_of
from validators.vocabulary import prefixed

#: How far ahead the end of an entry may lie: nobody vouches for an image longer without looking again.
MOST_VALID: Final = timedelta(days=400)

_STRONG: Final = frozenset({"SHA-256", "SHA-384", "SHA-512"})
_COMPRESSIONS: Final = {"gzip": "gz", "bzip2": "bz2", "lzma": "xz", "zstd": "zst", "": "none"}
_COMPRESSED_NAME: Final = re.compile(r"\.(gz|bz2|xz|zst)$")
_NUMBERS: Final = re.compile(r"([0-9]{1,18})")
_MOST_SHOWN: Final = 100
#: Content that only a cloud's own storage has.
_CLOUDS_OWN: Final = "pdisk:"
#: What a URL writes as %20 and the like (RFC 3986, section 2).
_NO_URL: Final = re.compile(r'[\s<>"{}|\\^`]')


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a rule looks at."""

    metadata: Metadata
    now: datetime
    file: FileFacts
    previous: Metadata | None

    def first(self, name: str) -> str:
        """The text of the first element of a name; empty where there is none."""
        return next((term.text for term in self.metadata.terms if term.name == name), "").strip()


#: A rule: the element it is about, and the sentence where it has one to say.
_Found = Iterator[tuple[str, str]]
_Rule = Callable[[_Subject], _Found]


def advise(
    metadata: Metadata, now: datetime, file: FileFacts | None = None, previous: Metadata | None = None
) -> tuple[LintFinding, ...]:
    """What sites will refuse or miss.

    Args:
        metadata: what the entry says; of an entry that withdraws its image nothing is asked.
        now: aware.
        file: what is known of the image's file.
        previous: what the endorser's entry with the same tag says, if there is one.
    """
    if metadata.deprecated is not None:
        return ()
    subject = _Subject(metadata, now, file or FileFacts(), previous)
    return tuple(
        LintFinding(code, Level.ADVICE, element, message)
        for code, rule in RULES.items()
        for element, message in rule(subject)
    )


def location_kind(location: str) -> str | None:
    """``http`` or ``https`` for what the web serves, else None: content that only a cloud has."""
    try:
        scheme = urlsplit(location).scheme.lower()
    except ValueError:
        return None
    return scheme if scheme in ("http", "https") else None


def _weak_digests(subject: _Subject) -> _Found:
    if not any(sum_.algorithm in _STRONG and sum_.value for sum_ in subject.metadata.checksums):
        yield (
            "slreq:checksum",
            "add a SHA-256 or SHA-512 checksum: sites refuse images with weaker checksums only",
        )


def _no_end(subject: _Subject) -> _Found:
    if subject.metadata.valid is None:
        yield (
            "dcterms:valid",
            "add an expiry date: many sites refuse entries without one",
        )


def _end_too_far(subject: _Subject) -> _Found:
    valid = subject.metadata.valid
    if valid is not None and valid - subject.now > MOST_VALID:
        yield (
            "dcterms:valid",
            f"ends at {format_time(valid)}, more than {MOST_VALID.days} days ahead: choose an earlier "
            "date, and extend it when you have checked the image again",
        )


def _expired(subject: _Subject) -> _Found:
    valid = subject.metadata.valid
    if status_of(None, valid, subject.now) is Status.EXPIRED and valid is not None:
        yield "dcterms:valid", f"ended at {format_time(valid)} already: sites will not use the image"


def _no_title(subject: _Subject) -> _Found:
    if not (subject.metadata.title or "").strip():
        yield "dcterms:title", "give the image a title: lists show the title"


def _no_format(subject: _Subject) -> _Found:
    if not subject.first(v.FORMAT):
        yield "dcterms:format", "state the format of the image, such as qcow2 or raw: sites do not guess it"


def _other_format(subject: _Subject) -> _Found:
    said, found = subject.first(v.FORMAT).lower(), subject.file.format
    if said and found is not None and said != found.lower():
        yield (
            "dcterms:format",
            f"says {_named(said)}, and the file is {found}: sites refuse images that differ from their entry",
        )


def _other_compression(subject: _Subject) -> _Found:
    said = subject.first(v.dcterms("compression")).lower()
    said, found = _COMPRESSIONS.get(said, said), subject.file.compression
    if found is not None and said != found:
        yield "dcterms:compression", f"says {_named(said)}, and the file has {found}"
        return
    names = [_COMPRESSED_NAME.search(location) for location in subject.metadata.locations]
    if found is None and said == "none" and any(names):
        name = next(match for match in names if match)
        yield (
            "dcterms:compression",
            f"state that the image is compressed: a location ends in {name[0]} (size and checksums are those "
            "of the uncompressed image)",
        )


def _no_location(subject: _Subject) -> _Found:
    if not any(location.strip() for location in subject.metadata.locations):
        yield "slterms:location", "add a location: without one nobody can download the image"


def _not_https(subject: _Subject) -> _Found:
    for location in subject.metadata.locations:
        if location_kind(location) == "http":
            yield (
                "slterms:location",
                f"{_named(location)} is not https: the content can be changed during the download",
            )
        elif location.strip() and not _is_https(location) and not location.startswith(_CLOUDS_OWN):
            yield "slterms:location", f"{_named(location)} is not an https URL: sites cannot download it"


def _is_https(location: str) -> bool:
    """Whether a location is a URL with the scheme https, a host, and no character that URLs do not have."""
    if location_kind(location) != "https" or _NO_URL.search(location):
        return False
    return bool(urlsplit(location).hostname)


def _location_credentials(subject: _Subject) -> _Found:
    for location in subject.metadata.locations:
        if location_kind(location) and "@" in urlsplit(location).netloc:
            yield (
                "slterms:location",
                f"the location at {_named(urlsplit(location).hostname or 'a host')} has a name or password "
                "in it, which everybody could read permanently: give a location that needs none",
            )


def _private_location(subject: _Subject) -> _Found:
    for location in subject.metadata.locations:
        if location_kind(location) and is_inside(location):
            yield (
                "slterms:location",
                f"{_named(location)} is an internal address: nobody outside can reach it",
            )


def is_inside(location: str) -> bool:
    """Whether a location is inside a network by its own words; where a name leads only the network tells."""
    host = (urlsplit(location).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _no_os(subject: _Subject) -> _Found:
    if not subject.first(v.OS):
        yield "slterms:os", "state the operating system of the image"


def _no_architecture(subject: _Subject) -> _Found:
    if not subject.first(v.OS_ARCH):
        yield "slterms:os-arch", "state the architecture of the image, such as x86_64 or aarch64"


def _no_licence(subject: _Subject) -> _Found:
    if not any(says(subject.metadata, name) for name in LICENCES):
        yield "dcterms:license", "state the licence of the image"


def _no_login_user(subject: _Subject) -> _Found:
    if not any(says(subject.metadata, image_property(name)) for name in LOGIN_USERS):
        yield f"glance:{LOGIN_USERS[0]}", "state the user name to log in to a new machine"


def _no_first_boot(subject: _Subject) -> _Found:
    if not says(subject.metadata, FIRST_BOOT):
        yield (
            prefixed(FIRST_BOOT),
            "state what prepares a machine at its first start: cloud-init, ignition or none",
        )


def _incomplete_for_scs(subject: _Subject) -> _Found:
    missing = missing_of_scs_0102(subject.metadata)
    if missing:
        yield (
            "",
            "clouds that follow SCS-0102 also require " + ", ".join(f"glance:{name}" for name in missing),
        )


def _lxd_fingerprint_differs(subject: _Subject) -> _Found:
    given = any(one.name == FINGERPRINT for one in subject.metadata.extensions)
    if given and find_fingerprint(subject.metadata) is None:
        yield (
            f"{PREFIX}:fingerprint",
            "LXD and Incus cannot use it: it has to be one ARCHITECTURE:SHA-256 for the architecture of the "
            f"entry, of a {DISK_FORMAT} disk (marketplace describe --lxd ARCHITECTURE computes it)",
        )


def _tag_goes_back(subject: _Subject) -> _Found:
    old = subject.previous
    if old is None or old.version is None or subject.metadata.version is None:
        return
    if _order(subject.metadata.version) < _order(old.version):
        yield (
            "dcterms:alternative",
            f"the tag points to version {_named(old.version)} now, and would go back to "
            f"{_named(subject.metadata.version)}",
        )


def _order(version: str) -> list[tuple[int, str]]:
    """Numbers in a version count as numbers: 1.10 comes behind 1.9."""
    parts = _NUMBERS.split(version)
    return [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(parts)]


def _all_ports(subject: _Subject) -> _Found:
    for name in (v.INBOUND_PORT, v.OUTBOUND_PORT):
        if any(term.name == name and not term.text.strip("0") for term in subject.metadata.terms):
            yield prefixed(name), "0 opens every port: list the ports that the image needs"


def _named(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


#: Code -> rule, in the order in which people are told.
RULES: Final[dict[str, _Rule]] = {
    "digest.weak-only": _weak_digests,
    "valid.missing": _no_end,
    "valid.too-far": _end_too_far,
    "valid.past": _expired,
    "title.missing": _no_title,
    "format.missing": _no_format,
    "format.differs": _other_format,
    "compression.differs": _other_compression,
    "location.missing": _no_location,
    "location.not-https": _not_https,
    "location.private-address": _private_location,
    "location.credentials": _location_credentials,
    "os.missing": _no_os,
    "architecture.missing": _no_architecture,
    "licence.missing": _no_licence,
    "login-user.missing": _no_login_user,
    "first-boot.missing": _no_first_boot,
    "scs-0102.incomplete": _incomplete_for_scs,
    "lxd.differs": _lxd_fingerprint_differs,
    "tag.goes-back": _tag_goes_back,
    "port.all": _all_ports,
}
