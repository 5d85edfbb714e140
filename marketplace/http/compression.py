"""Answers in fewer bytes: zstd or gzip for who takes it, and never where an answer tells a secret.

How small a text gets shows what it repeats, so who can put words into a page that also holds a
secret learns it letter by letter (BREACH). What is answered to somebody who shows a token or a
session, what sets a cookie and what may not be stored is therefore sent as it is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import zstandard
from pyramid.response import Response
from webob.acceptparse import create_accept_encoding_header

#: In the order in which they are taken where the client does not mind.
CODINGS: Final = ("zstd", "gzip")
#: Bytes below which nothing is won.
LEAST_BYTES: Final = 1024
_GZIP: Final = zlib.MAX_WBITS | 16
#: Most of what there is to win, at a third of the time.
_LEVEL: Final = 4
_TEXTS: Final = ("text/", "application/json", "application/xml")
_SUFFIXES: Final = ("+json", "+xml")
#: A signed entry: sent as it was received, in whole or in parts, under one entity tag everywhere.
_ENTRY: Final = "application/rdf+xml"
#: Behind the entity tag of what was written in a coding: other bytes have another strong tag.
_CODED: Final = re.compile(r'-(?:zstd|gzip)"')


def coding_of(environ: Mapping[str, Any]) -> str:
    """The coding that a client wants most; identity where it says nothing."""
    wanted = environ.get("HTTP_ACCEPT_ENCODING")
    if wanted is None:
        return "identity"
    offers = create_accept_encoding_header(wanted).acceptable_offers(CODINGS)
    return str(offers[0][0]) if offers else "identity"


def compressed(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """A body in another coding; closes what gave it where that can be closed."""
    try:
        if coding == "identity":
            yield from chunks
            return
        packer = (
            zstandard.ZstdCompressor().compressobj()
            if coding == "zstd"
            else zlib.compressobj(_LEVEL, wbits=_GZIP)
        )
        for chunk in chunks:
            packed = packer.compress(chunk)
            if packed:
                yield packed
        yield packer.flush()
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


def read_tags(environ: dict[str, Any]) -> str:
    """Let views see the entity tags of ``If-None-Match`` as they gave them; returns what the client sent."""
    given: str = environ.get("HTTP_IF_NONE_MATCH", "")
    if given:
        environ["HTTP_IF_NONE_MATCH"] = _CODED.sub('"', given)
    return given


def compress(environ: Mapping[str, Any], response: Response, tags: str) -> None:
    """Write an answer to somebody who is not known in the coding that the client wants.

    Args:
        tags: what ``read_tags`` returned.
    """
    # Programs mostly name no coding and no tag: what is cheapest to see is looked at first.
    if tags and response.status_int == 304:
        if _CODED.search(tags):
            _tell_coded_tag(response, tags)
        return
    coding = coding_of(environ)
    if coding == "identity" or response.status_int != 200 or not _may_be_packed(response.headers):
        return
    length = response.content_length
    chunks = compressed(response.app_iter, coding)
    if length is None:
        response.app_iter = chunks
    else:
        packed = b"".join(chunks)
        response.app_iter = (packed,)
        response.content_length = len(packed)
    response.headers["Content-Encoding"] = coding
    etag = response.headers.get("ETag")
    if etag is not None:
        response.headers["ETag"] = _coded(etag, coding)


def _coded(etag: str, coding: str) -> str:
    return f'{etag[:-1]}-{coding}"'


def _tell_coded_tag(response: Response, tags: str) -> None:
    """Give the client the tag of the copy that it has."""
    etag = response.headers.get("ETag", "")
    for coding in CODINGS:
        if etag and _coded(etag, coding) in tags:
            response.headers["ETag"] = _coded(etag, coding)


def _may_be_packed(headers: Any) -> bool:
    kind = headers.get("Content-Type", "").partition(";")[0]
    length = headers.get("Content-Length")
    return (
        (kind.startswith(_TEXTS) or kind.endswith(_SUFFIXES))
        and kind != _ENTRY
        and (length is None or int(length) >= LEAST_BYTES)
        and "Content-Encoding" not in headers
        and "Set-Cookie" not in headers
        and "no-store" not in headers.get("Cache-Control", "")
    )
