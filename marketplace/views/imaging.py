"""From the bytes of an entry to the image of a view: pure, so that a copy of a view is proved with it too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from marketplace.locations.links import carries_credentials, link
from marketplace.views.value import ViewImage
from validators.checksums import canonical
from validators.pipeline import read_accepted
from validators.policy.statements import licences_of, virtual_size_of

_WEB: Final = ("http://", "https://")


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
        said=said,
        checksums=checksums,
        locations=tuple(_locations(said.locations)),
        licences=tuple(licences_of(said.extensions)),
        virtual_size=virtual_size_of(said.extensions),
        digest=sha256(data).hexdigest(),
        length=len(data),
    )


def _locations(named: Sequence[str]) -> Iterator[str]:
    for one in named:
        href = link(one)
        if href is not None and href.lower().startswith(_WEB) and not carries_credentials(one):
            yield href
