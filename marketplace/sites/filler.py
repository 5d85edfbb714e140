"""Gets bytes into a store, from a location or as the store has them already, and measures them on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from urllib.parse import urlsplit

from marketplace.images import ImageError, ImageTooLargeError, MeasuredImage, OnePass, file_chunks
from marketplace.sites.errors import (
    CancelledError,
    FetchError,
    ProofFailedError,
    StoreError,
)
from marketplace.sites.facts import facts_of
from marketplace.sites.fetch.transfer import Resume, Transfers
from marketplace.sites.image_comparison import (
    HEAD,
    algorithms_of,
    find_danger,
    find_difference,
    measure_start,
)
from marketplace.sites.settings import FetchTable
from marketplace.sites.state import Copy
from marketplace.sites.stores.interface import ImageProperties, Store
from validators.document import AcceptedEntry

log = logging.getLogger(__name__)


class SentInsteadError(Exception):
    """The store cannot fetch this by itself; it is sent to it."""


class DangerError(ProofFailedError):
    """The beginning of an image is not safe, whether or not it is the one that is endorsed."""


class PartWrongError(Exception):
    """A transfer went on from a part that does not belong to the image."""


@dataclass(frozen=True)
class Progress:
    """Is told of bytes; by default nobody is."""

    moved: Callable[[Copy, int], None] = lambda copy, size: None


class Filler:
    """Gets the bytes of an image into a store, out of users' sight; safe to share between threads.

    Args:
        find_stop: asked while bytes flow: why an image may not be used any more, or None.
    """

    def __init__(
        self, fetch: FetchTable, find_stop: Callable[[str], str | None], progress: Progress | None = None
    ) -> None:
        self._fetch = fetch
        self._transfers = Transfers(fetch)
        self._find_stop = find_stop
        self._progress = progress or Progress()

    def may_fetch(self, store: Store, facts: ImageProperties, url: str) -> bool:
        """Whether a store may get an image from a location by itself."""
        # Credentials of the site are nobody else's; what they open is fetched by the site.
        return urlsplit(url).hostname not in self._fetch.credentials and store.fetches(facts, url)

    def have_fetched(self, url: str, copy: Copy, store: Store, entry: AcceptedEntry) -> MeasuredImage:
        """Have the store fetch the image, once its beginning was found harmless.

        A server may show the site another beginning than the store, so it is looked at again as the
        store has it; the rest is held by the store's own digest.

        Raises:
            SentInsteadError: the location has it compressed.
            DangerError, ProofFailedError: it is not safe, or another image.
            FetchError, ConvertedError, CancelledError, NameBurntError, StoreFullError, StoreError: as
                ``Store.fetch``.
        """
        external = external_of(copy)
        with self._transfers.open(url, find_stop=lambda: self._stop(copy), most=HEAD) as opened:
            ahead = measure_start(opened.pieces, copy.size)
        if ahead.compression is not None:
            raise SentInsteadError(f"{url} is compressed: it is sent to the store instead")
        if (danger := find_danger(entry, ahead)) is not None:
            store.quarantine(external)
            raise DangerError(f"{url}: {danger}")
        store.fetch(external, facts_of(copy, entry), url, lambda: self._stop(copy))
        wrong = store.proven(external, copy.digest)
        if wrong:
            store.quarantine(external)
            raise ProofFailedError(f"{url}: {wrong}")
        return self.measure(copy, store, entry)

    def send(self, url: str, copy: Copy, store: Store, entry: AcceptedEntry) -> MeasuredImage:
        """Send what a location has to a store, in one pass, from where an earlier transfer ended.

        Raises:
            FetchError: the location does not give the image.
            ProofFailedError: it gives other bytes.
            PartWrongError: what an earlier transfer left is not a part of the image.
            CancelledError: the image may not be used any more.
            NameBurntError, StoreFullError, StoreError: the store does not take it.
        """
        external = external_of(copy)
        part = store.part(external)
        resume = None
        if part.size and part.source == url and part.tag and part.size < copy.size:
            resume = Resume(part.size, part.tag)
        with ExitStack() as stack:
            opened = stack.enter_context(self._transfers.open(url, resume, lambda: self._stop(copy)))
            one_pass = stack.enter_context(OnePass(algorithms_of(entry), copy.size))
            received = [opened.start]
            pieces = self._counted(copy, opened.pieces, received)
            if opened.start:
                log.info("%s: goes on at byte %d of %d", url, opened.start, copy.size)
                pieces = chain(file_chunks(part.path), pieces)
            try:
                store.fill(external, one_pass.blocks(pieces), url, opened.tag, opened.start)
                measured = one_pass.result()
            except ImageTooLargeError:
                store.drop(external)
                # What is too large as it comes is another file; what unfolds to too much is a bomb.
                reason = f"{url}: has more than the {copy.size} bytes that are endorsed"
                if received[0] > copy.size:
                    raise FetchError(reason, other_bytes=True) from None
                raise ProofFailedError(reason) from None
            except ImageError as error:
                store.drop(external)
                raise FetchError(f"{url}: {error}") from None
            except CancelledError:
                store.drop(external)
                raise
        if measured.compression is not None and opened.start:
            # A part of uncompressed bytes does not go on with compressed ones: begin anew.
            store.drop(external)
            raise FetchError(f"{url}: the file changed between two parts of the transfer")
        self._compare(url, copy, store, entry, measured, resumed=opened.start > 0)
        return measured

    def measure(self, copy: Copy, store: Store, entry: AcceptedEntry) -> MeasuredImage:
        """What the store has: by its own digest and the first bytes, else by every byte.

        Raises:
            ProofFailedError: it is not the image.
            StoreError: it cannot be read.
        """
        external = external_of(copy)
        said = store.proven(external, copy.digest)
        if said:
            store.quarantine(external)
            raise ProofFailedError(f"{external} {said}")
        if said is not None:
            start = measure_start(store.content(external, HEAD), copy.size)
            kind, _, value = copy.digest.partition(":")
            return replace(start, digests={kind.upper().replace("SHA", "SHA-"): value})
        try:
            with OnePass(algorithms_of(entry), max(copy.size, 1)) as one_pass:
                for _ in one_pass.blocks(store.content(external_of(copy))):
                    pass
                return one_pass.result()
        except ImageError as error:
            store.drop(external_of(copy))
            raise StoreError(f"store {store.name}: {external_of(copy)}: {error}") from None

    def _compare(
        self,
        url: str,
        copy: Copy,
        store: Store,
        entry: AcceptedEntry,
        measured: MeasuredImage,
        *,
        resumed: bool,
    ) -> None:
        external = external_of(copy)
        if measured.size < copy.size:
            reason = f"{url}: ended after {measured.size} of {copy.size} bytes"
            raise FetchError(reason, other_bytes=True)
        wrong = find_difference(entry, copy, measured)
        if wrong is not None and resumed:
            # A power cut leaves holes in what was not written to the disk yet.
            store.drop(external)
            raise PartWrongError
        if wrong is not None:
            store.quarantine(external)
            raise ProofFailedError(f"{url}: {wrong}", sha512=measured.digests.get("SHA-512"))

    def _counted(self, copy: Copy, pieces: Iterator[bytes], received: list[int]) -> Iterator[bytes]:
        for piece in pieces:
            received[0] += len(piece)
            self._progress.moved(copy, len(piece))
            yield piece

    def _stop(self, copy: Copy) -> str | None:
        return self._find_stop(copy.identifier)


def external_of(copy: Copy) -> str:
    """The name that a copy has in its store."""
    assert copy.external is not None  # noqa: S101  # every state behind "wanted" has one
    return copy.external
