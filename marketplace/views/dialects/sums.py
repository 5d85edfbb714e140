"""``SHA256SUMS`` and ``SHA512SUMS``: what ``sha256sum -c`` reads beside a copy of ``images/``."""

from __future__ import annotations

from collections.abc import Iterable

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.value import SHA256, SHA512, View, ViewImage

_TYPE = "text/plain; charset=UTF-8"


def _dialect(path: str, algorithm: str) -> Dialect:
    def documents(view: View) -> Iterable[Document]:
        return (Document(path, _TYPE),)

    def find_lack(image: ViewImage) -> str | None:
        if not image.locations:
            return "no web location"
        if image.is_packed:
            return "compressed at its location: the checksum is for the uncompressed image"
        return None if algorithm in image.checksums else f"no {algorithm}"

    def write(view: View, path: str) -> bytes:
        lines = (f"{one.checksums[algorithm]}  {one.path}\n" for one in dialect.expressed(view))
        return "".join(lines).encode()

    dialect = Dialect(path.lower(), documents, write, find_lack)
    return dialect


SHA256SUMS = _dialect("SHA256SUMS", SHA256)
SHA512SUMS = _dialect("SHA512SUMS", SHA512)
