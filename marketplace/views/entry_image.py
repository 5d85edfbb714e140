"""From the bytes of an entry to the image of a view: pure, so that a copy of a view is proved with it too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from posixpath import basename
from typing import Final
from urllib.parse import unquote, urlsplit

from marketplace.locations.links import carries_credentials, link
from marketplace.views.value import ViewImage
from validators import vocabulary as v
from validators.checksums import canonical
from validators.document import Metadata
from validators.pipeline import read_accepted
from validators.policy.statements import licences_of, virtual_size_of

_WEB: Final = ("http://", "https://")
_SAFE_FILE: Final = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
_SAFE_FORMAT: Final = re.compile("[a-z0-9]{1,10}")


def image_of(
    entry_id: str, data: bytes, accepted_at: datetime, *, private: bool, sequence: int = 0
) -> ViewImage:
    """The image of an entry that was accepted before.

    Args:
        accepted_at: when it came to the site.
        private: whether only a group sees it.
        sequence: of the entry in the log that serves it.

    Raises:
        RefusedError: the bytes are not those that were accepted.
    """
    content = read_accepted(data)
    said = content.metadata
    checksums = {one.algorithm: one.value for one in map(canonical, said.checksums)}
    locations = tuple(_locations(said.locations))
    return ViewImage(
        entry_id=entry_id,
        identifier=content.identifier,
        email=content.endorser.email,
        subject=content.endorser.subject,
        issuer=content.endorser.issuer,
        created=content.created,
        accepted_at=accepted_at,
        sequence=sequence,
        private=private,
        metadata=said,
        checksums=checksums,
        locations=locations,
        licences=tuple(licences_of(said.extensions)),
        virtual_size=virtual_size_of(said.extensions),
        file=_file(content.identifier, said, locations),
        is_packed=_compression(said) not in ("", "none"),
        digest=sha256(data).hexdigest(),
        length=len(data),
    )


def _file(identifier: str, metadata: Metadata, locations: Sequence[str]) -> str:
    named = basename(unquote(urlsplit(locations[0]).path)) if locations else ""
    if _SAFE_FILE.fullmatch(named):
        return named
    known = (metadata.format or "").strip().lower()
    return f"{identifier}.{known if _SAFE_FORMAT.fullmatch(known) else 'img'}"


def _compression(metadata: Metadata) -> str:
    name = v.dcterms("compression")
    return next((one.text for one in metadata.terms if one.name == name), "").strip().lower()


def _locations(named: Sequence[str]) -> Iterator[str]:
    for one in named:
        href = link(one)
        if href is not None and href.lower().startswith(_WEB) and not carries_credentials(one):
            yield href
