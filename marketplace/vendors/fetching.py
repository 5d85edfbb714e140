"""Reading what vendors serve: catalogues whole and bounded, images in passing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Final, Self

import httpcore
import httpx

from marketplace.client.network import BoundedNetwork
from marketplace.deadlines import Deadline
from marketplace.images import MeasuredImage, measure, verify_safe
from marketplace.vendors.catalogues import CatalogueImage
from marketplace.vendors.errors import VendorImageError, VendorUnreachableError

#: Bytes of a catalogue; Ubuntu's has eight million.
_MOST_CATALOGUE: Final = 64 << 20
_CATALOGUE_SECONDS, _IMAGE_SECONDS, _SILENCE_SECONDS = 300.0, 24 * 3600.0, 60.0
_REDIRECTS: Final = 5
_HASHLIB: Final = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_FAILURES: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)


class VendorReader:
    """Reads from vendors. A context manager: closes its connections."""

    def __init__(self) -> None:
        self._deadline = Deadline()
        self._client = httpx.Client(
            timeout=_SILENCE_SECONDS,
            headers={"User-Agent": "marketplace", "Accept-Encoding": "identity"},
            transport=BoundedNetwork(self._deadline),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def catalogue(self, url: str) -> bytes:
        """A catalogue or a signature, whole.

        Raises:
            VendorUnreachableError: it cannot be read, or is too large.
        """
        content = bytearray()
        with self._open(url, _CATALOGUE_SECONDS) as response:
            for piece in response.iter_raw():
                content += piece
                if len(content) > _MOST_CATALOGUE:
                    raise VendorUnreachableError(f"{url} has more than {_MOST_CATALOGUE} bytes")
        return bytes(content)

    def image(self, offer: CatalogueImage) -> MeasuredImage:
        """Read an image once, and prove that it is the one of the catalogue.

        Raises:
            VendorUnreachableError: it cannot be read.
            VendorImageError: it is another one than the catalogue says.
            ImageError: it cannot be measured, or no machine may open it.
        """
        digest = hashlib.new(_HASHLIB[offer.algorithm])

        def chunks(response: httpx.Response) -> Iterator[bytes]:
            for chunk in response.iter_raw():
                digest.update(chunk)
                yield chunk

        with self._open(offer.url, _IMAGE_SECONDS) as response:
            measured = measure(chunks(response))
        if digest.hexdigest() != offer.value:
            raise VendorImageError(f"{offer.url}: its {offer.algorithm} is not the one in the catalogue")
        if offer.size is not None and measured.stored_size != offer.size:
            raise VendorImageError(f"{offer.url} has {measured.stored_size} bytes, not {offer.size}")
        verify_safe(measured.inspection)
        return measured

    @contextmanager
    def _open(self, url: str, seconds: float) -> Iterator[httpx.Response]:
        self._deadline.start(seconds)
        request: httpx.Request | None = None
        try:
            # The library would read the bodies of redirects whole, whatever their size.
            for _ in range(_REDIRECTS + 1):
                request = request or self._client.build_request("GET", url)
                with closing(self._client.send(request, stream=True)) as response:
                    request = response.next_request
                    if request is not None:
                        continue
                    if response.status_code != 200:
                        raise VendorUnreachableError(f"{url}: the server answers with {response.status_code}")
                    yield response
                    return
            raise VendorUnreachableError(f"{url} redirects too often")
        except _FAILURES as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise VendorUnreachableError(f"{url} cannot be read ({reason})") from None
