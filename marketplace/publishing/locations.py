"""The locations of an entry, held against what it says of the content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from marketplace.images import peek
from marketplace.locations import Look, Looker, Reach
from validators.document import Metadata
from validators.lint import FileFacts, Level, LintFinding
from validators.lint.advice import is_inside, location_kind
from validators.vocabulary import dcterms

#: Locations of one entry that are looked at.
MOST_LOCATIONS: Final = 16
_ELEMENT: Final = "slterms:location"
_CODES: Final = {
    Reach.INSIDE: "location.private-address",
    Reach.NOT_WEB: "location.unreachable",
    Reach.ANSWERED_OTHERWISE: "location.unreachable",
    Reach.SILENT: "location.unreachable",
}


@dataclass(frozen=True)
class Located:
    """What the locations of an entry were found to be.

    Args:
        file: format and compression of what lies there, as far as its first bytes tell.
        start: the first bytes of the first location that has any.
    """

    findings: tuple[LintFinding, ...]
    file: FileFacts
    start: bytes = b""


def look_at_locations(metadata: Metadata, looker: Looker, stored_size: int | None = None) -> Located:
    """Look at every location on the web that an entry names.

    Args:
        stored_size: bytes of the compressed file, where somebody knows them.
    """
    looks = [
        (location, looker.look(location))
        for location in metadata.locations[:MOST_LOCATIONS]
        if location_kind(location) is not None
    ]
    findings = tuple(
        found for location, look in looks for found in _findings(metadata, location, look, stored_size)
    )
    start = next((look.start for _, look in looks if look.start), b"")
    return Located(findings, _file(start), start)


def _findings(
    metadata: Metadata, location: str, look: Look, stored_size: int | None
) -> Iterator[LintFinding]:
    if look.reach is Reach.INSIDE and look.at == location and is_inside(location):
        return  # the document itself says so, and advice with it
    if look.reach is not Reach.THERE:
        yield _advice(_CODES[look.reach], f"{location}: {look.reason}")
        return
    packed = any(term.name == dcterms("compression") and term.text for term in metadata.terms)
    wanted = stored_size if packed else metadata.size
    if wanted is not None and look.size is not None and look.size != wanted:
        yield _advice("location.other-size", f"{location} has {look.size} bytes, not {wanted}")


def _file(start: bytes) -> FileFacts:
    if not start:
        return FileFacts()
    found = peek(start)
    return FileFacts(found.format, found.compression.value if found.compression else "none")


def _advice(code: str, message: str) -> LintFinding:
    return LintFinding(code, Level.ADVICE, _ELEMENT, message)
