"""What a verified catalogue offers: checksums as the distributions publish them, and simplestreams."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urljoin

from marketplace.vendors.errors import VendorCatalogueError
from marketplace.vendors.settings import Vendor

#: `sha512sum` writes it so; a star stands for binary mode.
_PLAIN: Final = re.compile(r"([0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}) [ *](\S.*)")
#: Fedora, Rocky and Alma write it so.
_BSD: Final = re.compile(r"SHA(?:256|384|512) \((.+)\) = ([0-9a-fA-F]{64,128})")
_ALGORITHMS: Final = {64: "SHA-256", 96: "SHA-384", 128: "SHA-512"}
_NUMBERS: Final = re.compile(r"([0-9]{1,18})")
_STREAMS: Final = "streams/v1/"


@dataclass(frozen=True)
class CatalogueImage:
    """One image of a catalogue.

    Args:
        version: as the catalogue tells it; empty where it does not.
        url: where the file lies.
        algorithm, value: the digest of the file as it lies there, lower-case hexadecimal.
        size: bytes of that file; None where the catalogue does not tell.
    """

    version: str
    url: str
    algorithm: str
    value: str
    size: int | None = None


def read_offers(vendor: Vendor, content: bytes) -> tuple[CatalogueImage, ...]:
    """What a catalogue offers of a vendor's image, the newest first; at least one.

    Raises:
        VendorCatalogueError: it is no such catalogue, or has nothing that is asked for.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise VendorCatalogueError(f"{vendor.name}: the catalogue is not text") from None
    offers = _sums(vendor, text) if vendor.kind == "sums" else _streams(vendor, text)
    if not offers:
        raise VendorCatalogueError(f"{vendor.name}: the catalogue has no image that matches the settings")
    return tuple(sorted(offers, key=lambda offer: version_order(offer.version), reverse=True))


def version_order(version: str) -> list[tuple[int, str]]:
    """A key by which versions stand in their order: 1.10 comes behind 1.9."""
    parts = _NUMBERS.split(version)
    return [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(parts)]


def _sums(vendor: Vendor, text: str) -> list[CatalogueImage]:
    offers = []
    for line in text.splitlines():
        plain, bsd = _PLAIN.fullmatch(line.strip()), _BSD.fullmatch(line.strip())
        name, value = (plain[2], plain[1]) if plain else (bsd[1], bsd[2]) if bsd else ("", "")
        name = name.removeprefix("./")
        match = vendor.file.fullmatch(name)
        if match is None or len(value) not in _ALGORITHMS:
            continue
        version = match.groupdict().get("version") or ""
        url = urljoin(vendor.catalogue, quote(name, safe="/~+"))
        offers.append(CatalogueImage(version, url, _ALGORITHMS[len(value)], value.lower()))
    if len({offer.version for offer in offers}) < len(offers):
        raise VendorCatalogueError(
            f"{vendor.name}: several files match, and they have no version to choose by"
        )
    return offers


def _streams(vendor: Vendor, text: str) -> list[CatalogueImage]:
    root, found, _ = vendor.catalogue.partition(_STREAMS)
    if not found:
        raise VendorCatalogueError(f"{vendor.name}: no {_STREAMS} in the catalogue's URL")
    try:
        versions = json.loads(text)["products"][vendor.product]["versions"]
        items = [(version, told["items"].get(vendor.item)) for version, told in versions.items()]
        return [_item(version, item, root) for version, item in items if item is not None]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise VendorCatalogueError(f"{vendor.name}: the catalogue has no product {vendor.product}") from None


def _item(version: str, item: Any, root: str) -> CatalogueImage:
    digests = [(len(item[name]), item[name]) for name in ("sha512", "sha256") if name in item]
    length, value = digests[0]
    size = item.get("size")
    if not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{128}", value.lower()) or not isinstance(size, int | None):
        raise ValueError(version)
    return CatalogueImage(
        version, urljoin(root, quote(item["path"], safe="/~+")), _ALGORITHMS[length], value.lower(), size
    )
