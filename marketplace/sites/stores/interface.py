"""What every store of images can do. ``tests/contract/store_contract.py`` holds each kind to it.

Nothing in a store is visible to users before ``show``. Every call can be repeated: after a
crash nobody knows whether the last one reached the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImageProperties:
    """What a store is told of an image.

    Args:
        digest: ``sha512:HEX``, or the strongest that is endorsed.
        size: bytes, as endorsed.
        format: as endorsed or found; ``raw`` where nobody says.
        groups: that alone may see the image; none: it is a public one.
        properties: what else is endorsed, for stores that keep properties.
    """

    identifier: str
    entry_id: str
    digest: str
    size: int
    format: str
    title: str
    endorser: str
    groups: frozenset[str] = frozenset()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as a store has it.

    Args:
        external: its name in the store.
        digest: of the image whose tag it carries.
        visible: whether users can start it.
        size: bytes that are there.
        complete: False for what a transfer or a failed request left behind.
    """

    external: str
    identifier: str
    digest: str
    visible: bool
    size: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that are there of an image that is not complete.

    Args:
        path: of the file that holds them.
        size: bytes; 0 before the first.
        source: location that they came from; empty where that is not known.
        tag: strong entity tag under which they came; empty where there was none.
    """

    path: Path
    size: int
    source: str
    tag: str


class Store(Protocol):
    """A store of images."""

    name: str

    def check(self) -> list[str]:
        """What keeps the store from being used, a sentence each."""

    def reserve(self, facts: ImageProperties, attempt: int) -> str:
        """Make sure of a name for an image, and tag it as this site's.

        Raises:
            StoreFullError: there is no room for it.
            NameBurntError: the name of this attempt cannot be used any more.
            StoreError: the store does not answer, or cannot.
        """

    def part(self, external: str) -> Part:
        """What is there of an image that is not complete."""

    def fill(self, external: str, blocks: Iterator[bytes], source: str, tag: str | None, have: int) -> int:
        """Take the bytes in, out of users' sight.

        Args:
            blocks: the whole image, also what is there already.
            source, tag: of the transfer, so that it can be resumed.
            have: bytes that are there already, and stay as they are.

        Returns:
            how many bytes the image has.

        Raises:
            NameBurntError: other bytes are there, and the store does not let go of them.
            StoreFullError, StoreError: they cannot be taken in.
        """

    def fetches(self, facts: ImageProperties, url: str) -> bool:
        """Whether the store can get this image from this location by itself."""

    def fetch(
        self, external: str, facts: ImageProperties, url: str, find_stop: Callable[[], str | None]
    ) -> None:
        """Have the store get the bytes by itself, out of users' sight; ``proven`` tells what came.

        Args:
            find_stop: asked now and then: why the transfer has to end, or None.

        Raises:
            ConvertedError: the cloud made other bytes of them.
            FetchError: the location did not give them to the store.
            CancelledError: the image may not be used any more.
            NameBurntError, StoreFullError, StoreError: as for ``fill``.
        """

    def drop(self, external: str) -> None:
        """Forget the bytes of an image that is not complete."""

    def look(self, external: str) -> StoredImage | None:
        """What the store has under a name; None where it has nothing complete."""

    def content(self, external: str, most: int | None = None) -> Iterator[bytes]:
        """The bytes as the store has them; no more than the first ``most`` where that is given."""

    def proven(self, external: str, digest: str) -> str | None:
        """What a digest that the store made itself, and that nobody can change, says of the bytes.

        Returns:
            empty where they are those of ``digest``, else how they differ; None where the store has
            no such digest: its bytes have to be read.

        Raises:
            StoreError: the store does not answer.
        """

    def show(self, external: str) -> None:
        """Show an image, so that users can start it."""

    def hide(self, external: str) -> None:
        """Take it out of users' sight; the bytes stay."""

    def quarantine(self, external: str) -> None:
        """Put it where nobody opens it by mistake."""

    def remove(self, external: str) -> None:
        """Remove an image completely."""

    def ours(self) -> Iterable[StoredImage]:
        """Everything that carries this site's tag."""

    def key(self, external: str) -> str:
        """The key by which users ask whether an image may be started: ``path:FILE``, ``glance:ID``."""

    def about(self) -> str:
        """The place of the store and the room that it has, for people."""

    def path(self, external: str) -> Path | None:
        """Where hypervisors on this machine read it; None in stores that are elsewhere."""
