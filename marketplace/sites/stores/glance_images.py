"""Images of Glance as its API tells them, and what a site writes down beside one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from marketplace.sites.stores.interface import ImageProperties, StoredImage

_MOST_VALUE: Final = 255


def properties(site: str, facts: ImageProperties) -> dict[str, Any]:
    """What an image of a site has besides its bytes."""
    kind, _, value = facts.digest.partition(":")
    made = {key: one_line(text) for key, text in facts.properties.items() if text}
    if kind == "sha512":
        made["sha512"] = value
    return made | {
        "mp_site": site,
        "mp_entry": facts.entry_id,
        "mp_identifier": facts.identifier,
        "mp_endorser": one_line(facts.endorser),
        "mp_digest": facts.digest,
        "mp_groups": ",".join(sorted(facts.groups)),
        "mp_state": "filling",
    }


class Counted:
    """Blocks that flow by, their number and their SHA-512."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self._hash = hashlib.sha512()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.size += len(block)
            self._hash.update(block)
            yield block

    @property
    def digest(self) -> str:
        """The SHA-512 so far, in hex."""
        return self._hash.hexdigest()


def one_line(text: str) -> str:
    """A property's value: one line, and no longer than Glance keeps."""
    return "".join(c if c.isprintable() and ord(c) < 0x10000 else " " for c in text)[:_MOST_VALUE]


def is_complete(image: dict[str, Any]) -> bool:
    """Whether all bytes of the image are there."""
    return image.get("status") in ("active", "deactivated")


def is_visible(image: dict[str, Any]) -> bool:
    """Whether users can start the image."""
    return image.get("status") == "active" and not image.get("os_hidden")


def stored_of(image: dict[str, Any]) -> StoredImage:
    """The image as the site's other parts see it."""
    return StoredImage(
        external=str(image.get("id")),
        identifier=str(image.get("mp_identifier", "")),
        digest=str(image.get("mp_digest", "")),
        visible=is_visible(image),
        size=int(image.get("size") or 0),
        complete=is_complete(image),
    )
